"""Classifiers of one antenna's beams, used on other antennas as they are: the contrast.

DeepBeam's network (Polese et al., MobiHoc 2021), and ProtoBeam's with a linear layer on it.
"""

from __future__ import annotations

import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from radiofm.errors import UsageError


class CnnConfig(BaseModel):
    """Sizes of DeepBeam's network; the defaults are theirs, but for the pooling."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    layers: int = 7
    kernels: int = 64
    size: int = 7  # of each kernel, samples
    pool: int = 2  # of the pooling after each
    dense: int = 128


def cnn(config: CnnConfig, rows: int, samples: int) -> nn.Sequential:
    """Blocks float32 [B, rows, samples] -> features [B, dense].

    Each convolution over time is followed by ReLU and pooling, then come two dense layers. Pooling,
    and rows as channels, are ours: no more than the other sizes are taken from the paper.
    """
    left = samples // config.pool**config.layers
    if left == 0:
        raise UsageError(f"samples {samples}: nothing is left of them after the pooling: take more")
    layers: list[nn.Module] = []
    for number in range(config.layers):
        channels = config.kernels if number else rows
        convolution = nn.Conv1d(channels, config.kernels, config.size, padding="same")
        layers += [convolution, nn.ReLU(), nn.MaxPool1d(config.pool)]
    return nn.Sequential(
        *layers, nn.Flatten(),
        nn.Linear(config.kernels * left, config.dense), nn.ReLU(),
        nn.Linear(config.dense, config.dense), nn.ReLU(),
    )  # fmt: skip


class Classifier(nn.Module):
    """`features` [B, dim] of blocks -> logits [B, classes]."""

    def __init__(self, features: nn.Module, dim: int, classes: int) -> None:
        super().__init__()
        self.features, self.out = features, nn.Linear(dim, classes)

    def forward(self, blocks: Tensor) -> Tensor:
        return self.out(self.features(blocks))  # type: ignore[no-any-return]

    def loss(self, blocks: Tensor, classes: Tensor) -> Tensor:
        return F.cross_entropy(self(blocks), classes)
