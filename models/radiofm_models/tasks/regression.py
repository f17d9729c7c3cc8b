"""Regression: 5G positions (WavesFM, equation 19), or whatever numbers a data set's labels are."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from radiofm.errors import UsageError
from radiofm_models.data import Indices
from radiofm_models.material import Material
from radiofm_models.metrics import position_errors
from radiofm_models.probes import AttentiveProbe, Head, Probe
from radiofm_models.recipe import TuneRecipe
from radiofm_models.tasks.task import Figures, Outputs, Task
from radiofm_models.vit import ViTConfig


class InUnits(Head):
    """A head whose outputs in -1 to 1 are put back into the labels' own units."""

    low: Tensor
    high: Tensor

    def __init__(self, head: Head, low: Outputs, high: Outputs) -> None:
        super().__init__()
        self.head = head
        self.register_buffer("low", torch.from_numpy(low))
        self.register_buffer("high", torch.from_numpy(high))

    def pool(self, tokens: Tensor) -> Tensor:
        return self.head.pool(tokens)

    def answer(self, x: Tensor) -> Tensor:
        return self.low + (self.head.answer(x) + 1) / 2 * (self.high - self.low)


class Regression(Task):
    """Mean squared error of labels [n] or [n, k], scaled to -1 to 1 by their training range."""

    name = "regression"
    wire = "regression"

    def __init__(self, material: Material, recipe: TuneRecipe) -> None:
        super().__init__(material, recipe)
        targets = material.targets
        if targets is None or targets.ndim > 2 or material.dataset.classes is not None:
            raise UsageError(f"{material.source} has no numbers to predict")
        seen = self._numbers(material.split.train)
        self._low, self._high = seen.min(axis=0), seen.max(axis=0)
        self._high = np.maximum(self._high, self._low + 1e-6)
        self._mean = seen.mean(axis=0)

    def head(self, config: ViTConfig, grid: tuple[int, int]) -> Head:
        recipe, outputs = self.recipe, len(self._low)
        head: Head = Probe(config.dim, outputs, recipe.pooling, recipe.layers)
        if recipe.mode == "attentive":
            head = AttentiveProbe(config.dim, outputs, config.heads)
        return InUnits(head, self._low, self._high)

    def loss(self, output: Tensor, rows: Indices) -> Tensor:
        """Equation 19, of labels in -1 to 1."""
        half = self._tensor((self._high - self._low) / 2, output)
        truth = self._tensor(self._numbers(rows), output)
        return ((output - truth) / half).square().sum(dim=1).mean()

    def metrics(self, outputs: Outputs, rows: Indices) -> Figures:
        """Of the distance between label and prediction, in the labels' unit."""
        errors = position_errors(self._numbers(rows), outputs)
        return {**errors, "score": -errors["mean"]}

    def trivial(self, rows: Indices) -> dict[str, Outputs]:
        return {"mean of training": np.repeat(self._mean[None], len(rows), axis=0)}

    def _numbers(self, rows: Indices) -> Outputs:
        return self.targets(rows).reshape(len(rows), -1).astype(np.float32)
