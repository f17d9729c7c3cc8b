"""Heads, and the temperature that their scores need."""

import numpy as np
import pytest
import torch

from radiofm_models.calibration import temperature
from radiofm_models.heads import Decoder, PixelHead


@pytest.mark.parametrize(("channels", "bottleneck"), [(2, None), (1, 4)])
def test_pixel_head_shape(channels: int, bottleneck: int | None) -> None:
    head = PixelHead(Decoder(32, 16, (3, 2), bottleneck), channels, 16)
    assert head(torch.randn(4, 7, 32)).shape == (4, channels, 48, 32)


def test_temperature_finds_the_scale() -> None:
    """Logits drawn to be calibrated, then made 3 times too sure, call for a temperature of 3."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 4))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    classes = np.array([rng.choice(4, p=p) for p in chances])
    assert temperature((3 * logits).astype(np.float32), classes) == pytest.approx(3, rel=0.1)
