"""Rows of a data set, and the augmentation of its spectrograms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radiofm.spectrogram import Image

CHUNK = 256  # slices at a time through memory

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Row numbers of a data set. No group is in two of them."""

    train: Indices
    validation: Indices
    test: Indices


def augment(
    images: Image, rng: np.random.Generator, gain: float, share: slice = slice(None)
) -> Image:
    """The part `share` of a batch `images` [n, c, h, w], each rolled in frequency, reversed in time
    (half of them), and shifted by up to +-`gain` standardised units (a change of receiver gain)."""
    n, _, height, _ = images.shape
    rolls = rng.integers(0, height, size=(n,))[share]
    reverse = (rng.random(size=(n,)) < 0.5)[share]
    shifts = rng.uniform(-gain, gain, size=(n,)).astype(np.float32)[share]
    images = images[share]
    out = np.empty_like(images)
    for i, image in enumerate(images):
        rolled = np.roll(image, int(rolls[i]), axis=1)
        np.add(rolled[:, :, ::-1] if reverse[i] else rolled, shifts[i], out=out[i])
    return out
