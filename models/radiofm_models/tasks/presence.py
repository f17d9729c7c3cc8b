"""Presence: which of several signals are in a slice; none, one, or more."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.special
import torch.nn.functional as F
from torch import Tensor

from radiofm.errors import UsageError
from radiofm_models.data import Indices
from radiofm_models.material import Material
from radiofm_models.metrics import best_threshold, presence_metrics
from radiofm_models.probes import AttentiveProbe, Head, Probe
from radiofm_models.recipe import TuneRecipe
from radiofm_models.tasks.task import Figures, Outputs, Task
from radiofm_models.vit import ViTConfig


class Presence(Task):
    """Binary cross-entropy of each label, [n, labels] of 0 and 1.

    A label counts as there from a score (its logistic output) on, that is chosen for the highest
    F1 on validation items once the head is trained; 0.5 before.
    """

    name = "presence"
    wire = "presence"

    def __init__(self, material: Material, recipe: TuneRecipe) -> None:
        super().__init__(material, recipe)
        shape = None if material.targets is None else material.targets.shape[1:]
        if not self.labels or shape != (len(self.labels),):
            raise UsageError(
                f"{material.source} does not say which of several labels are in a slice: annotate "
                "its recordings (SigMF)"
            )
        self._thresholds = np.full(len(self.labels), 0.5)
        self._share = self.targets(material.split.train).mean(axis=0)

    def head(self, config: ViTConfig, grid: tuple[int, int]) -> Head:
        recipe, labels = self.recipe, len(self.labels)
        if recipe.mode == "attentive":
            return AttentiveProbe(config.dim, labels, config.heads)
        return Probe(config.dim, labels, recipe.pooling, recipe.layers)

    def loss(self, output: Tensor, rows: Indices) -> Tensor:
        """The mean over labels and items; smoothing pulls both truths towards 1/2."""
        smoothing = self.recipe.label_smoothing
        truth = self.targets(rows) * np.float32(1 - smoothing) + np.float32(smoothing / 2)
        return F.binary_cross_entropy_with_logits(output, self._tensor(truth, output))

    def calibrate(self, outputs: Outputs, rows: Indices) -> None:
        truth, scores = self.targets(rows) > 0, scipy.special.expit(outputs)
        self._thresholds = np.array(
            [best_threshold(t, s) for t, s in zip(truth.T, scores.T, strict=True)]
        )

    def metrics(self, outputs: Outputs, rows: Indices) -> Figures:
        truth, scores = self.targets(rows) > 0, scipy.special.expit(outputs)
        figures: Figures = presence_metrics(truth, scores, self._thresholds, self.labels)
        return figures | {"score": figures["mean_average_precision"]}

    def trivial(self, rows: Indices) -> dict[str, Outputs]:
        """Each label as often as in training; and each always, which has the best F1 of those."""
        odds = scipy.special.logit(np.clip(self._share, 1e-3, 1 - 1e-3))
        shape = (len(rows), len(self.labels))
        return {
            "training frequencies": _repeated(odds, shape),
            "all present": _repeated(np.full(len(self.labels), 30.0), shape),
        }

    def served(self, outputs: Outputs, rows: Indices) -> Figures:
        self.calibrate(outputs, rows)
        return {"thresholds": self._thresholds.tolist()}


def _repeated(row: npt.NDArray[np.float64], shape: tuple[int, int]) -> Outputs:
    return np.array(np.broadcast_to(row, shape), np.float32)
