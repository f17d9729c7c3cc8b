"""Scores that are worth what they say."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.optimize
import torch
import torch.nn.functional as F

from radiofm_models.data import Indices


def temperature(logits: npt.NDArray[np.float32], classes: Indices) -> float:
    """The temperature that calibrates held-out `logits` [n, labels] (Guo et al. 2017)."""
    scores, truth = torch.from_numpy(logits), torch.from_numpy(classes)

    def loss(log_t: float) -> float:
        return F.cross_entropy(scores / np.exp(log_t), truth).item()

    best = scipy.optimize.minimize_scalar(loss, bounds=(-3, 3), method="bounded")
    return float(np.exp(best.x))
