"""Segmentation: what each pixel of a slice belongs to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch.nn.functional as F
from PIL import Image as Pillow
from torch import Tensor

from radiofm.errors import UsageError
from radiofm_models.data import Indices
from radiofm_models.heads import segmentation_head
from radiofm_models.material import Material
from radiofm_models.metrics import (
    BANDS,
    above_median,
    best_energy_threshold,
    mask_metrics,
    pixel_counts,
    segmentation_by_snr,
)
from radiofm_models.probes import Head
from radiofm_models.recipe import TuneRecipe
from radiofm_models.tasks.task import Figures, Outputs, Task
from radiofm_models.vit import ViTConfig

Labels = npt.NDArray[np.uint8]
AT_MOST = 300  # slices to choose the energy detector's threshold by


class Segmentation(Task):
    """The paper's two-block head on pixel cross-entropy; label 0 is what is empty (noise).

    Labels of another size than the slice are brought to it by the nearest neighbour. `binary` puts
    all labels but the first together, as signal (ConvLSTM-MSM, Fig. 8). With `ahead`, labels are of
    the slice so many rows after the one that is seen.
    """

    name = "segmentation"
    wire = "segmentation"

    def __init__(
        self, material: Material, recipe: TuneRecipe, binary: bool = False, ahead: int = 0
    ) -> None:
        super().__init__(material, recipe)
        self._binary, self.ahead = binary, ahead
        if material.targets is None or material.targets.ndim != 3:
            raise UsageError(f"{material.source} has no masks: its items are labelled otherwise")

    @property
    def labels(self) -> tuple[str, ...]:
        every = self.material.dataset.labels
        return (every[0], "signal") if self._binary else every

    def head(self, config: ViTConfig, grid: tuple[int, int]) -> Head:
        return segmentation_head(config, grid, len(self.labels))

    def masks(self, rows: Indices) -> Labels:
        """The truth, uint8 [rows, H, W] at the slices' size."""
        masks = self.targets(rows + self.ahead).astype(np.uint8)
        if self._binary:
            masks = np.minimum(masks, 1)
        height, width = self.material.size
        if masks.shape[1:] == (height, width):
            return masks
        nearest = Pillow.Resampling.NEAREST
        return np.stack(
            [np.asarray(Pillow.fromarray(m).resize((width, height), nearest)) for m in masks]
        )

    def loss(self, output: Tensor, rows: Indices) -> Tensor:
        truth = self._tensor(self.masks(rows), output).long()
        return F.cross_entropy(output, truth, label_smoothing=self.recipe.label_smoothing)

    def metrics(self, outputs: Outputs, rows: Indices) -> Figures:
        truth, predicted = self.masks(rows), outputs.argmax(axis=1)
        labels = len(self.labels)
        tables = np.stack(
            [pixel_counts(t, p, labels) for t, p in zip(truth, predicted, strict=True)]
        )
        figures = mask_metrics(tables)
        snr_db = self.material.dataset.snr_db
        if snr_db is not None:
            figures["by_snr"] = segmentation_by_snr(tables, snr_db[rows + self.ahead], BANDS)
        return figures | {"score": figures["miou"]}

    def trivial(self, rows: Indices) -> dict[str, Outputs]:
        """All empty; and, where there are two labels, an energy detector above the slice's median.

        Its threshold is the best on validation slices, which it may look at.
        """
        shape = (len(rows), len(self.labels), *self.material.size)
        empty = np.zeros(shape, np.float32)
        empty[:, 0] = 1
        answers = {"all empty": empty}
        if len(self.labels) == 2 and self.material.channels == 1:
            seen = self.material.split.validation[:AT_MOST]
            threshold = best_energy_threshold(self.images(seen), self.masks(seen))
            loud = above_median(self.images(rows)) > threshold
            answers["energy above median"] = np.stack([~loud, loud], axis=1).astype(np.float32)
        return answers
