"""The statistics of a data set's images, one image at a time; those of two parts add up."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

from radiofm.errors import RecordingError
from radiofm.spectrogram import Image, SpectrogramSpec

LOWEST_DB, HIGHEST_DB = -200.0, 60.0  # of the histogram; what lies beyond counts at its ends
STEP_DB = 0.01
PERCENTILES = (0.001, 0.999)  # of all pixels: the range; one loud pixel would otherwise decide it

_BINS = round((HIGHEST_DB - LOWEST_DB) / STEP_DB)


@dataclass
class Statistics:
    """A histogram of dBFS values and their sums."""

    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(_BINS + 1, np.int64))
    total: float = 0.0
    square: float = 0.0

    def add(self, decibels: Image) -> None:
        """Count in images before standardising: float32 of any shape, dBFS (or relative)."""
        places = (decibels.astype(np.float64).reshape(-1) - LOWEST_DB) / STEP_DB
        self.counts += np.bincount(np.clip(places, 0, _BINS).astype(np.int64), minlength=_BINS + 1)
        self.total += float(decibels.sum(dtype=np.float64))
        self.square += float(np.square(decibels, dtype=np.float64).sum())

    def merge(self, other: Statistics) -> None:
        """Count in what `other` has."""
        self.counts += other.counts
        self.total += other.total
        self.square += other.square

    def percentile(self, share: float) -> float:
        """The dBFS value that `share` (0 to 1) of the pixels lie below."""
        below = np.cumsum(self.counts)
        at = int(np.searchsorted(below, share * below[-1]))
        return LOWEST_DB + at * STEP_DB

    def apply(self, spec: SpectrogramSpec) -> SpectrogramSpec:
        """The spec with these statistics: range in dBFS, mean and std of values scaled by it.

        Raises RecordingError where there is nothing to scale by.
        """
        pixels = int(self.counts.sum())
        low, high = (round(self.percentile(share), 2) for share in PERCENTILES)
        if pixels == 0 or high <= low:
            raise RecordingError(
                f"{pixels} pixels, nearly all of {low:g} dBFS, give no statistics: "
                "add recordings with a signal or noise in them"
            )
        mean = self.total / pixels
        deviation = max(self.square / pixels - mean**2, 0.0) ** 0.5
        return spec.model_copy(
            update={
                "range_db": (low, high),
                "mean": round((mean - low) / (high - low), 6),
                "std": round(deviation / (high - low), 6),
            }
        )

    def to_bytes(self) -> bytes:
        """For the index: some kilobytes."""
        sums = np.array([self.total, self.square], "<f8")
        return zlib.compress(sums.tobytes() + self.counts.astype("<i8").tobytes())

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What `to_bytes` gave."""
        plain = zlib.decompress(data)
        total, square = np.frombuffer(plain[:16], "<f8").tolist()
        return cls(np.frombuffer(plain[16:], "<i8").astype(np.int64), total, square)
