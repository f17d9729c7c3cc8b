"""Figures of one slice, from its image in dBFS: occupancy and DC spur. Both are estimates."""

from __future__ import annotations

import numpy as np

from radiofm.spectrogram import Image

FLOOR_ROWS = 0.2  # share of the rows, the quietest, that are taken for noise
OCCUPIED_DB = 6.0  # above the noise floor

_BESIDE = 7  # rows at each side that the DC spur is held against, the nearest two left out


def occupancy(decibels: Image) -> float:
    """Share of cells more than OCCUPIED_DB above the noise floor.

    `decibels` is float32 [frequency, time]. The floor is the mean power of the row at the 20th
    percentile of rows: a signal that fills more of the band than 80 % counts as the floor, and
    the edges of a filter narrower than 80 % make the noise inside look occupied.
    """
    rows = 10 * np.log10(np.power(10.0, decibels / 10, dtype=np.float64).mean(axis=1))
    floor = np.quantile(rows, FLOOR_ROWS)
    return float(np.mean(decibels > floor + OCCUPIED_DB))


def dc_spur_db(decibels: Image) -> float:
    """How far the two rows at 0 Hz stand above the median of those beside, by median in time.

    The window's main lobe is two rows wide for Table I; a signal at the centre looks the same.
    """
    middle = decibels.shape[0] // 2
    rows = np.median(decibels[middle - 1 - _BESIDE : middle + 1 + _BESIDE], axis=1)
    beside = np.concatenate([rows[: _BESIDE - 2], rows[-(_BESIDE - 2) :]])
    return float(rows[_BESIDE : _BESIDE + 2].max() - np.median(beside))
