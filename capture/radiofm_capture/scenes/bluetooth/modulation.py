"""GFSK and pi/4-DQPSK (Bluetooth Core 5.4: vol. 2, part A, 3.1 and 3.2; vol. 6, part A, 3.1)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy.signal

from radiofm_capture.scenes.coding import Bits
from radiofm_capture.scenes.signal import Iq, rotation

RATE = 8e6
BT = 0.5
RAMP = 16  # samples in which the power rises before the first symbol, and falls after the last
SYMBOL = 8  # samples of a symbol of 1 us
ROLL_OFF = 0.4  # of DPSK's root raised cosine
SPAN = 6  # symbols of that pulse either side
EIGHTHS = {(0, 0): 1, (0, 1): 3, (1, 1): 5, (1, 0): 7}  # turns of pi/4 (part A, table 3.1)


def gfsk(bits: Bits, symbol: int, index: float) -> Iq:
    """A one is the higher frequency; `symbol` samples each; the ramps are RAMP samples more."""
    hold = RAMP // symbol
    levels = np.pad(2.0 * bits - 1, hold, "edge").repeat(symbol)
    smooth = scipy.signal.fftconvolve(np.pad(levels, symbol * 2, "edge"), _gauss(symbol), "valid")
    iq = rotation(np.cumsum(smooth) * (index / 2 / symbol))
    rise = np.sin(np.linspace(0, np.pi / 2, RAMP, dtype=np.float32)) ** 2
    iq[:RAMP] *= rise
    iq[-RAMP:] *= rise[::-1]
    return iq


@lru_cache(4)
def _gauss(symbol: int) -> npt.NDArray[np.float64]:
    """Of four symbols; its bandwidth (-3 dB) is BT symbol rates."""
    sigma = np.sqrt(np.log(2)) / (2 * np.pi * BT) * symbol
    taps = np.exp(-0.5 * (np.arange(-2 * symbol, 2 * symbol + 1) / sigma) ** 2)
    return np.asarray(taps / taps.sum())


def dqpsk(bits: Bits) -> Iq:
    """A symbol of reference, then one for each two bits, with SPAN more of pulse either side."""
    index = 2 * bits[::2] + bits[1::2]
    turns = np.array([EIGHTHS[0, 0], EIGHTHS[0, 1], EIGHTHS[1, 0], EIGHTHS[1, 1]])[index]
    phase = np.concatenate([[0], np.cumsum(turns)]) % 8
    symbols = np.exp(0.25j * np.pi * phase)
    return np.asarray(scipy.signal.upfirdn(_root(), symbols, SYMBOL), np.complex64)


@lru_cache(1)
def _root() -> npt.NDArray[np.float64]:
    """Root raised cosine (part A, 3.2.1.3), and unit power of random symbols sent with it."""
    # A little off the poles at 0 and at 1 / (4 ROLL_OFF).
    t = np.arange(-SPAN * SYMBOL, SPAN * SYMBOL + 1) / SYMBOL + 1e-6
    taps = np.sin(np.pi * t * (1 - ROLL_OFF)) + 4 * ROLL_OFF * t * np.cos(
        np.pi * t * (1 + ROLL_OFF)
    )
    taps /= np.pi * t * (1 - (4 * ROLL_OFF * t) ** 2)
    return np.asarray(taps / np.sqrt(np.sum(taps**2) / SYMBOL))
