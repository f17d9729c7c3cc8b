"""A separable set: a class is a tone's frequency, and another domain has other frequencies."""

from __future__ import annotations

import numpy as np

from radiofm_models.protobeam.blocks import Blocks, Material


def tones(count: int = 120, samples: int = 128) -> Material:
    """Six classes, 0.08 of the rate apart; in the other domain they are 0.06 higher."""
    rng = np.random.default_rng(0)

    def blocks(shift: float) -> Blocks:
        classes = np.arange(count) % 6
        cycles = (0.05 + classes * 0.08 + shift)[:, None] * np.arange(samples)
        x = np.exp(2j * np.pi * (cycles + rng.random((count, 1))))
        x += rng.normal(0, 0.2, (count, samples)) + 1j * rng.normal(0, 0.2, (count, samples))
        iq = np.stack([x.real, x.imag], axis=1).astype(np.float32)
        return Blocks(iq, classes, tuple("abcdef"))

    return Material(blocks(0), blocks(0), {"other": blocks(0.06)})
