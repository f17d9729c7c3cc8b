"""Pulse shapes that several standards share, and soft edges of bursts."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import signal

from radiofm_capture.scenes.signal import Iq

Real = npt.NDArray[np.float64]

GAUSSIAN_REACH = 2  # symbols on each side that the Gaussian filter remembers


def phase_of(
    levels: npt.NDArray[np.floating[Any]], per_symbol: int, index: float, bt: float
) -> Real:
    """Phase in cycles of (G)FSK or GMSK [..., symbols] -> [..., symbols * per_symbol].

    A level of 1 turns by index / 2 cycles in a symbol; `bt` is the Gaussian filter's 3 dB
    bandwidth by symbol time, 0 for none (TS 45.004, 2.3 to 2.6). The levels at both ends hold on.
    """
    held = np.concatenate(
        [
            np.repeat(levels[..., :1], GAUSSIAN_REACH, -1),
            levels,
            np.repeat(levels[..., -1:], GAUSSIAN_REACH, -1),
        ],
        axis=-1,
    ).repeat(per_symbol, axis=-1)
    reach = GAUSSIAN_REACH * per_symbol
    if bt:
        taps = _gaussian(per_symbol, bt)
        held = signal.oaconvolve(held, taps.reshape((1,) * (levels.ndim - 1) + (-1,)), "same", -1)
    return np.asarray(
        np.cumsum(held[..., reach : held.shape[-1] - reach], axis=-1) * (index / 2 / per_symbol)
    )


@lru_cache(16)
def _gaussian(per_symbol: int, bt: float) -> Real:
    sigma = np.sqrt(np.log(2)) / (2 * np.pi * bt) * per_symbol
    reach = GAUSSIAN_REACH * per_symbol
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.asarray(taps / taps.sum())


@lru_cache(16)
def root_raised_cosine(roll_off: float, per_symbol: int, reach: int) -> Real:
    """Taps of unit energy over +-`reach` symbols (TS 25.104, 6.8.1)."""
    t = np.arange(-reach * per_symbol, reach * per_symbol + 1) / per_symbol
    t[t == 0] = 1e-8  # the limits there are finite
    t[np.abs(np.abs(4 * roll_off * t) - 1) < 1e-8] += 1e-8
    taps = np.sin(np.pi * t * (1 - roll_off))
    taps += 4 * roll_off * t * np.cos(np.pi * t * (1 + roll_off))
    taps /= np.pi * t * (1 - (4 * roll_off * t) ** 2)
    return np.asarray(taps / np.sqrt(np.sum(taps**2)))


def shaped(symbols: Iq, taps: Real, per_symbol: int) -> Iq:
    """Symbols of unit power through a filter of unit energy: [n] -> [n * per_symbol], unit power.

    The first symbol's middle is the first sample.
    """
    gain = np.sqrt(per_symbol)
    every = signal.upfirdn((taps * gain).astype(np.float32), symbols, per_symbol)
    begin = len(taps) // 2
    return np.asarray(every[begin : begin + len(symbols) * per_symbol], np.complex64)


def soften(iq: Iq, edge: int) -> Iq:
    """Raise and lower a burst [..., n] by raised cosines over `edge` samples at its ends."""
    rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)).astype(np.float32)
    soft = iq.copy()
    soft[..., :edge] *= rise
    soft[..., iq.shape[-1] - edge :] *= rise[::-1]
    return soft


def unit_power(iq: Iq) -> Iq:
    """The same with a mean power of 1."""
    return iq / np.float32(np.sqrt(np.vdot(iq, iq).real / len(iq)))
