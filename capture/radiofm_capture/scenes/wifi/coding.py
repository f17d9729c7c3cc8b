"""Scrambler, convolutional code, interleaver and constellations (IEEE 802.11-2020, 17.3.5)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from radiofm_capture.scenes.coding import Bits
from radiofm_capture.scenes.serial import number, preset_crc, recurrence, repeat

MEMORY = 6
OUTPUTS = ((0, 2, 3, 5, 6), (0, 1, 2, 3, 6))  # delays of g0 = 133 and g1 = 171, octal (17.3.5.6)
PUNCTURED = {  # which of A1 B1 A2 B2 ... are sent (17.3.5.6, 19.3.11.6)
    (1, 2): (1, 1),
    (2, 3): (1, 1, 1, 0),
    (3, 4): (1, 1, 1, 0, 0, 1),
    (5, 6): (1, 1, 1, 0, 0, 1, 1, 0, 0, 1),
}


def scrambling(seed: int, count: int) -> Bits:
    """x^7 + x^4 + 1; `seed` is the register, its bit n being x(n + 1) (17.3.5.5)."""
    return repeat(recurrence(tuple(number(seed, 7)[::-1].tolist()), 4, 7), count)


def convolve(bits: Bits, rate: tuple[int, int] = (1, 2)) -> Bits:
    """The code of constraint length 7, from the zero state, punctured to `rate`."""
    padded = np.concatenate([np.zeros(MEMORY, np.uint8), bits])
    coded = np.empty((len(bits), 2), np.uint8)
    for output, delays in enumerate(OUTPUTS):
        coded[:, output] = np.bitwise_xor.reduce(
            [padded[MEMORY - d : len(padded) - d] for d in delays]
        )
    kept = np.flatnonzero(PUNCTURED[rate])
    period = len(PUNCTURED[rate])
    return coded.reshape(-1, period)[:, kept].reshape(-1)


@lru_cache(64)
def interleaving(coded: int, per_tone: int, columns: int) -> npt.NDArray[np.int64]:
    """Which of a symbol's `coded` bits goes to each place, for one stream.

    16 columns are 17.3.5.7, 13, 18 and 26 those of 19.3.11.8.2 and 21.3.10.8.
    """
    k = np.arange(coded)
    s = max(per_tone // 2, 1)
    i = coded // columns * (k % columns) + k // columns
    j = s * (i // s) + (i + coded - columns * i // coded) % s
    order = np.empty(coded, np.int64)
    order[j] = k
    order.flags.writeable = False
    return order


def constellation(bits: Bits, per_tone: int) -> npt.NDArray[np.complex64]:
    """Bits [..., per_tone] -> points of unit power [...]; 1, 2, 4, 6 or 8 bits (17.3.5.8)."""
    index = np.zeros(bits.shape[:-1], np.uint8)
    for column in range(per_tone):
        index = index << np.uint8(1) | bits[..., column]
    return _points(per_tone)[index]


@lru_cache(8)
def _points(per_tone: int) -> npt.NDArray[np.complex64]:
    if per_tone == 1:
        return np.array([-1, 1], np.complex64)
    levels = 1 << per_tone // 2
    rank = np.arange(levels)
    for shift in (1, 2, 4):
        rank = rank ^ rank >> shift  # from Gray code
    axis = 2.0 * rank - (levels - 1)
    points = axis[:, None] + 1j * axis  # the first half of the bits gives I
    return np.asarray(points.reshape(-1) / np.sqrt(2 * (levels**2 - 1) / 3), np.complex64)


def crc8(bits: Bits) -> Bits:
    """x^8 + x^2 + x + 1 from all ones, inverted, highest power first (19.3.9.4.4)."""
    return preset_crc(bits, 0x07, 8, 0xFF) ^ np.uint8(1)
