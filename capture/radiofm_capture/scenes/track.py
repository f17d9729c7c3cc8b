"""Constant-envelope signals by their frequency over time, and the boxes that follow them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from radiofm_capture.scenes.signal import Burst, Iq, rotation


def along(frequency: npt.NDArray[np.float64], rate: float) -> Iq:
    """Unit power at `frequency` (Hz, by sample), nothing while that is beyond +-rate / 2."""
    iq = rotation(np.cumsum(frequency) / rate)
    iq *= np.abs(frequency) < rate / 2
    return iq


def boxes(
    frequency: npt.NDArray[np.float64], first: int, piece: int, width_hz: float
) -> list[Burst]:
    """A box for each `piece` samples, as wide as the signal moves in it, and `width_hz` more."""
    starts = np.arange(0, len(frequency), max(1, piece))
    lows = np.minimum.reduceat(frequency, starts) - width_hz / 2
    highs = np.maximum.reduceat(frequency, starts) + width_hz / 2
    counts = np.diff(starts, append=len(frequency))
    return [
        Burst(int(first + at), int(n), float(low), float(high))
        for at, n, low, high in zip(starts, counts, lows, highs, strict=True)
    ]
