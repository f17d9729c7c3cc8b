"""From blocks of IQ to what a network takes: normalised and augmented IQ, or `pictures`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from radiofm.spectrogram import Image
from radiofm_models.data import Indices
from radiofm_models.datasets.dataset import Array

SCALES = (0.5, 1.4)  # of ProtoBeam's augmentation


class Inputs(Protocol):
    """A network's input for `rows`; drawn anew by `rng` in training, as it is without."""

    def __call__(self, rows: Indices, rng: np.random.Generator | None = None) -> Tensor: ...


def min_max(iq: Array) -> Array:
    """[n, rows, samples] -> the same, each row of each block from -1 to 1 (a flat one is -1)."""
    low = iq.min(axis=2, keepdims=True)
    span = np.maximum(iq.max(axis=2, keepdims=True) - low, np.finfo(np.float32).tiny)
    return np.asarray(2 * ((iq - low) / span) - 1, np.float32)


def turned(iq: Array, radians: npt.NDArray[np.floating]) -> Array:
    """[n, rows, samples], rows I and Q of each channel: all channels of block i by radians[i]."""
    cos, sin = (f(radians).astype(np.float32)[:, None, None] for f in (np.cos, np.sin))
    i, q = iq[:, 0::2], iq[:, 1::2]
    out = np.empty_like(iq)
    out[:, 0::2], out[:, 1::2] = i * cos - q * sin, i * sin + q * cos
    return out


@dataclass(frozen=True)
class IqInputs:
    """ProtoBeam's: scaled by U(0.5, 1.4) and turned by any phase in training, then `min_max`.

    min-max undoes the scale to the bit but for rounding, so with it only the turn is felt; the
    scale matters where augmentation is used alone.
    """

    iq: Array
    normalise: bool
    augment: bool

    def __call__(self, rows: Indices, rng: np.random.Generator | None = None) -> Tensor:
        iq = self.iq[rows]
        if self.augment and rng is not None:
            scale = rng.uniform(*SCALES, len(iq)).astype(np.float32)
            iq = turned(iq * scale[:, None, None], rng.uniform(0, 2 * np.pi, len(iq)))
        return torch.from_numpy(min_max(iq) if self.normalise else iq)


@dataclass(frozen=True)
class ImageInputs:
    """The shared encoder's: a block's spectrogram, computed once.

    Scale and phase are not in it, so nothing is left to augment.
    """

    images: Image  # float32 [n, 1, height, width]

    def __call__(self, rows: Indices, rng: np.random.Generator | None = None) -> Tensor:
        return torch.from_numpy(self.images[rows])
