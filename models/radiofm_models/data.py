"""Slice sets as training data: statistics, splits by group, standardised slices, augmentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radiofm.corpus.statistics import Statistics
from radiofm.slice_set import SliceSet
from radiofm.spectrogram import Image, SpectrogramSpec

CHUNK = 256  # slices at a time through memory

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Row numbers of a slice set. No group is in two of them."""

    train: Indices
    validation: Indices
    test: Indices


def split_by_group(groups: Sequence[int], held_out: float, seed: int) -> Split:
    """Give the share `held_out` of the groups to validation, as many to test, the rest to train."""
    of = np.asarray(groups)
    names = np.unique(of)
    np.random.default_rng(seed).shuffle(names)
    n = max(1, round(held_out * len(names)))
    parts = (names[2 * n :], names[:n], names[n : 2 * n])
    return Split(*(np.flatnonzero(np.isin(of, part)) for part in parts))


def measure(slices: SliceSet, rows: Indices) -> SpectrogramSpec:
    """The set's spec with the range, mean and standard deviation of the slices `rows`.

    The range is the 0.1 and 99.9 percentiles; mean and std are of the values scaled by that range,
    not clipped. One pass.
    """
    statistics = Statistics()
    for start in range(0, len(rows), CHUNK):
        statistics.add(slices.decibels[rows[start : start + CHUNK]])
    return statistics.apply(slices.info.spec)


def standardised(slices: SliceSet, rows: Indices, spec: SpectrogramSpec) -> Image:
    """The encoder's input for `rows`: float32 [rows, 1, height, width], all in memory.

    By `SpectrogramSpec.standardise`, which the live worker calls too: the same to the bit.
    """
    images = np.empty((len(rows), 1, spec.height, spec.width), np.float32)
    for start in range(0, len(rows), CHUNK):
        part = slice(start, start + CHUNK)
        images[part, 0] = spec.standardise(slices.decibels[rows[part]])
    return images


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
