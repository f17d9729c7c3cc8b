"""Classification: human activity, RF signals, or whatever a data set's classes are."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from radiofm.errors import UsageError
from radiofm_models.calibration import temperature
from radiofm_models.data import Indices
from radiofm_models.material import Material
from radiofm_models.metrics import (
    BANDS,
    accuracy_by_snr,
    calibration_error,
    classification_metrics,
    confusion,
)
from radiofm_models.probes import AttentiveProbe, Head, Probe
from radiofm_models.recipe import TuneRecipe
from radiofm_models.tasks.task import Figures, Outputs, Task
from radiofm_models.vit import ViTConfig


class Classification(Task):
    """Cross-entropy with label smoothing (WavesFM, equation 17) and, where asked for, class weights
    (equation 18): weights are one over the class's share of the training items, of mean 1."""

    name = "classification"
    wire = "classification"

    def __init__(self, material: Material, recipe: TuneRecipe) -> None:
        super().__init__(material, recipe)
        if material.dataset.classes is None:
            raise UsageError(f"{material.source} has no classes: its items are labelled otherwise")
        counts = np.bincount(
            material.dataset.classes[material.split.train], minlength=len(self.labels)
        )
        self._usual = int(counts.argmax())
        self._weights: Tensor | None = None
        if recipe.weighted:
            inverse = 1 / np.maximum(counts, 1)
            self._weights = torch.from_numpy((inverse / inverse.mean()).astype(np.float32))

    def head(self, config: ViTConfig, grid: tuple[int, int]) -> Head:
        recipe, labels = self.recipe, len(self.labels)
        if recipe.mode == "attentive":
            return AttentiveProbe(config.dim, labels, config.heads)
        return Probe(config.dim, labels, recipe.pooling, recipe.layers)

    def loss(self, output: Tensor, rows: Indices) -> Tensor:
        """Equations 17 and 18 are means over the batch: weights are not divided out."""
        truth = self._tensor(self.targets(rows), output)
        weights = None if self._weights is None else self._weights.to(output.device)
        each = F.cross_entropy(
            output, truth, weights, reduction="none", label_smoothing=self.recipe.label_smoothing
        )
        return each.mean()

    def metrics(self, outputs: Outputs, rows: Indices) -> Figures:
        truth, predicted = self.targets(rows), outputs.argmax(axis=1)
        figures = classification_metrics(confusion(truth, predicted, len(self.labels)))
        shifted = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        scores = shifted / shifted.sum(axis=1, keepdims=True)
        figures["calibration_error"] = calibration_error(scores, truth)
        snr_db = self.material.dataset.snr_db
        if snr_db is not None:
            figures["by_snr"] = accuracy_by_snr(truth, predicted, snr_db[rows], BANDS)
        return figures | {"score": figures["mean_class_accuracy"]}

    def served(self, outputs: Outputs, rows: Indices) -> Figures:
        return {"temperature": temperature(outputs, self.targets(rows))}

    def trivial(self, rows: Indices) -> dict[str, Outputs]:
        always = np.zeros((len(rows), len(self.labels)), np.float32)
        always[:, self._usual] = 1
        return {"commonest class": always}
