"""The noise floor of slices: what a receiver's gain moves, whatever is on the air.

Gain and noise figure move every cell of a spectrogram by the same decibels, and nothing else. Mean
and deviation of all cells move with them, but also with what is on the air: a busy band would be
taken for more gain, and its signals be made weaker than those trained on. How many decibels a
signal stands above the noise is the signal's, not the receiver's, so the scale is left alone.

The slope of a receiver's filter is left alone, too: in slices without labels it cannot be told from
a carrier that is always there, which would be taken away with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radiofm.spectrogram import Image, SpectrogramSpec
from radiofm_models.material import Material

SLICES = 256  # of each set
QUIET = 25  # percent of the rows: so many are free of what stays on, more than filters darken

Band = tuple[float, float]


def noise_floors(decibels: Image) -> Image:
    """Of each slice [n, C, H, W] dBFS per FFT bin -> [n] dBFS per FFT bin.

    Each row's median over time, which bursts of less than half a slice hardly move; of the rows the
    lower quartile.
    """
    rows = np.median(decibels, axis=-1)  # [n, C, H]
    return np.percentile(rows, QUIET, axis=(1, 2)).astype(np.float32)


def quartiles(floors: Image) -> Band:
    """The middle half of the noise floors of slices that were learnt from."""
    low, high = np.percentile(floors, (25, 75))
    return round(float(low), 2), round(float(high), 2)


def learnt_floors(sets: Sequence[Material]) -> Band:
    """Of `SLICES` training slices of each set, evenly spread, that are dBFS of a receiver."""
    floors = []
    for material in sets:
        rows = material.split.train
        rows = rows[np.unique(np.linspace(0, len(rows) - 1, SLICES).astype(int))]
        floors.append(noise_floors(np.asarray(material.values[rows])))
    return quartiles(np.concatenate(floors))


def offset_db(floors: Image, learnt: Band) -> float:
    """By how much the median floor lies above, or below (negative), the floors `learnt` from."""
    floor = float(np.median(floors))
    return round(floor - min(max(floor, learnt[0]), learnt[1]), 2)


def shifted(spec: SpectrogramSpec, decibels: float) -> SpectrogramSpec:
    """The spec that makes of a receiver so much louder what `spec` made of the one before."""
    low, high = spec.range_db
    return spec.model_copy(
        update={"range_db": (round(low + decibels, 2), round(high + decibels, 2))}
    )
