"""A bundle whose heads always give the same answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from radiofm_models.export import Modality, TrainedHead, export_bundle
from radiofm_models.vit import Encoder
from tests.models.tiny import SPEC, VIT

CARRIERS = ("noise", "lte", "nr")
FAMILIES = ("lte", "nr", "wifi")


class Fixed(nn.Module):
    """Whatever the tokens, this."""

    answer: Tensor

    def __init__(self, answer: Tensor) -> None:
        super().__init__()
        self.register_buffer("answer", answer)

    def forward(self, tokens: Tensor) -> Tensor:
        shape = (-1, *[1] * self.answer.dim())
        return tokens.mean(dim=(1, 2)).reshape(shape) * 0 + self.answer


def mask() -> Tensor:
    """Logits of the middle half of the rows as LTE, a quarter of these as NR; the rest noise."""
    classes = torch.zeros(SPEC.height, SPEC.width, dtype=torch.long)
    classes[8:24] = 1
    classes[8:24, :12] = 2
    return nn.functional.one_hot(classes, 3).permute(2, 0, 1).float()


def heads() -> list[TrainedHead]:
    logits = torch.tensor
    return [
        TrainedHead("signals", "classification", "trunk", Fixed(logits([0.0, 2.0, 1.0])), CARRIERS),
        TrainedHead(
            "presence", "presence", "tokens", Fixed(logits([1.0, -1.0, 1.0])), FAMILIES,
            thresholds=(0.5, 0.5, 0.9),
        ),
        TrainedHead("carriers", "segmentation", "tokens", Fixed(mask()), CARRIERS),
        TrainedHead(
            "occupancy", "segmentation", "tokens", Fixed(mask()[:2]), ("noise", "signal")
        ),
        TrainedHead(
            "anomaly", "reconstruction", "tokens",
            Fixed(torch.zeros(1, SPEC.height, SPEC.width)), calibration={"error_p99": 1e-9},
        ),
    ]  # fmt: skip


def bundle(folder: Path, heads: list[TrainedHead]) -> Path:
    torch.manual_seed(0)
    slices = np.random.default_rng(0).normal(size=(2, 1, 32, 48)).astype(np.float32)
    modalities = {"spectrogram": Modality(SPEC, slices)}
    encoder = Encoder(VIT)
    export_bundle(folder, "fixed", "own", encoder, modalities, heads, {"seed": 0})
    return folder
