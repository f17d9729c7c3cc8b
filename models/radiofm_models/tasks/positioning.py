"""5G positioning: where a terminal is, from channel amplitudes at base stations."""

from __future__ import annotations

import numpy as np

from radiofm_models.data import Indices
from radiofm_models.material import Material
from radiofm_models.metrics import nearest_mean
from radiofm_models.recipe import TuneRecipe
from radiofm_models.tasks.regression import Regression
from radiofm_models.tasks.task import Figures, Outputs

NEIGHBOURS = 5
PERCENT = np.arange(101)


class Positioning(Regression):
    """Equation 19 of WavesFM. All axes have one scale, so that the loss is the squared distance;
    the authors' code scales each axis by its side of the site."""

    name = "positioning"

    def __init__(self, material: Material, recipe: TuneRecipe) -> None:
        super().__init__(material, recipe)
        middle = (self._low + self._high) / 2
        half = (self._high - self._low).max() / 2
        self._low, self._high = middle - half, middle + half

    def metrics(self, outputs: Outputs, rows: Indices) -> Figures:
        """Of the distance in metres; its `percentiles`, 0 to 100, are its distribution."""
        distance = np.linalg.norm(self._numbers(rows) - outputs, axis=1)
        percentiles = np.percentile(distance, PERCENT)
        return super().metrics(outputs, rows) | {"percentiles": percentiles.tolist()}

    def trivial(self, rows: Indices) -> dict[str, Outputs]:
        """The mean position, and that of the training items of the nearest amplitudes."""
        train = self.material.split.train
        fingerprints = nearest_mean(
            self._amplitudes(train), self._numbers(train), self._amplitudes(rows), NEIGHBOURS
        )
        return super().trivial(rows) | {"nearest fingerprints": fingerprints}

    def _amplitudes(self, rows: Indices) -> Outputs:
        """Of whole items, [rows, base station * subcarrier]: the mean over symbols."""
        items = [self.material.dataset.item(int(row))[0].mean(axis=-1) for row in rows]
        return np.stack(items).reshape(len(rows), -1)
