"""Spectrum forecasting on the shared encoder: from a slice to the beginning of the next.

ConvLSTM-MSM, section IV-A, foretells four tokens ahead; here a token is a column of patches.
"""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from radiofm.errors import UsageError
from radiofm.spectrogram import Image
from radiofm_models.data import Indices
from radiofm_models.datasets.slices import CorpusSlices
from radiofm_models.forecasting import Future, blocks_within, figures, trivial
from radiofm_models.heads import forecast_head
from radiofm_models.material import Material
from radiofm_models.probes import Head
from radiofm_models.recipe import TuneRecipe
from radiofm_models.tasks.task import Figures, Outputs, Task
from radiofm_models.vit import ViTConfig

AHEAD = 4  # tokens; or as many as a slice has
AT_MOST = 512  # training slices that the trivial mean is of


class Forecast(Task):
    """Mean squared error of the next columns, in standardised units.

    Items are slices of a corpus that the item of the next row goes on from: see
    `Material.followed`.
    """

    name = "forecast"
    wire = "forecast"

    def __init__(self, material: Material, recipe: TuneRecipe) -> None:
        super().__init__(material, recipe)
        dataset = material.dataset
        if not isinstance(dataset, CorpusSlices):
            raise UsageError(f"{material.source} is no corpus (radiofm corpus build): name one")
        self._duration_s = dataset.spec.duration_s
        self._rates = np.array([dataset.sample_rate_hz(row) for row in range(len(dataset))])
        self._token = self._columns = 0  # pixels; the head's

    def head(self, config: ViTConfig, grid: tuple[int, int]) -> Head:
        ahead = min(AHEAD, grid[1])
        self._token, self._columns = config.patch, ahead * config.patch
        return forecast_head(config, grid, self.material.channels, ahead)

    def targets(self, rows: Indices) -> Image:
        """What came next, float32 [rows, C, H, columns], standardised."""
        values = np.asarray(self.material.values[rows + 1, :, :, : self._columns])
        return self.material.scaling.standardise(values)

    def loss(self, output: Tensor, rows: Indices) -> Tensor:
        return F.mse_loss(output, self._tensor(self.targets(rows), output))

    def future(self, rows: Indices) -> Future:
        """What was seen, and what came next."""
        token_s = self._duration_s * self._token / self.material.size[1]
        seen, came = self.images(rows)[:, 0], self.targets(rows)[:, 0]
        return Future(seen, came, self._token, token_s, self._rates[rows])

    def metrics(self, outputs: Outputs, rows: Indices) -> Figures:
        """`forecasting.figures`, by the blocks that fit the narrowest recording."""
        future = self.future(rows)
        blocks = blocks_within(float(self._rates.min()), future.ahead * future.token_s)
        return figures(future, {self.name: outputs[:, 0]}, blocks)[self.name]

    def trivial(self, rows: Indices) -> dict[str, Outputs]:
        """The last token held, and each row's mean over the slice, and over training slices."""
        train = self.material.split.train
        some = train[np.unique(np.linspace(0, len(train) - 1, AT_MOST).astype(int))]
        mean = self.targets(some).mean(axis=(0, 1, 3))
        return {name: image[:, None] for name, image in trivial(self.future(rows), mean).items()}
