"""Anomaly: how badly a slice is given back that was squeezed through few numbers a token."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from radiofm_models.data import Indices
from radiofm_models.heads import reconstruction_head
from radiofm_models.metrics import reconstruction_error
from radiofm_models.probes import Head
from radiofm_models.tasks.task import Figures, Outputs, Task
from radiofm_models.vit import ViTConfig


class Anomaly(Task):
    """Mean squared error of the slice that a bottleneck lets through, standardised units.

    Slices unlike those trained on are given back worse: what is above the 99th percentile of the
    errors of validation slices counts as new. Needs no labels.
    """

    name = "anomaly"
    wire = "reconstruction"

    @property
    def labels(self) -> tuple[str, ...]:
        return ()

    def head(self, config: ViTConfig, grid: tuple[int, int]) -> Head:
        return reconstruction_head(config, grid, self.material.channels)

    def loss(self, output: Tensor, rows: Indices) -> Tensor:
        return F.mse_loss(output, torch.from_numpy(self.images(rows)).to(output.device))

    def metrics(self, outputs: Outputs, rows: Indices) -> Figures:
        errors = reconstruction_error(self.images(rows), outputs)
        mse = float(errors.mean())
        return {"mse": mse, "mse_p99": float(np.percentile(errors, 99)), "score": -mse}

    def trivial(self, rows: Indices) -> dict[str, Outputs]:
        """Each frequency row's mean: what a slice is given back as that nothing happens in."""
        images = self.images(rows)
        rows_mean = np.broadcast_to(images.mean(axis=3, keepdims=True), images.shape)
        return {"mean of each row": np.array(rows_mean, np.float32)}

    def served(self, outputs: Outputs, rows: Indices) -> Figures:
        errors = reconstruction_error(self.images(rows), outputs)
        return {"error_p99": float(np.percentile(errors, 99))}
