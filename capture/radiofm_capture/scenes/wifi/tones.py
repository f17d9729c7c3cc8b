"""The subcarriers of 20, 40 and 80 MHz: data, pilots, training sequences, symbols in time.

Clauses are of IEEE 802.11-2020. Grids are [symbols, FFT size], the lowest frequency first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy.fft

from radiofm_capture.scenes.signal import Iq
from radiofm_capture.scenes.wifi.coding import scrambling

SPACING_HZ = 312.5e3
LEGACY = 64  # FFT size of 20 MHz
GUARD = 16  # samples of 20 MS/s: 0.8 us

POLARITY = 1 - 2.0 * scrambling(0x7F, 127)  # of the pilots (17.3.5.10)
LEFT = np.array(
    [1, 1, -1, -1, 1, 1, -1, 1, -1, 1, 1, 1, 1, 1, 1, -1, -1, 1, 1, -1, 1, -1, 1, 1, 1, 1], float
)
RIGHT = np.array(
    [1, -1, -1, 1, 1, -1, 1, -1, 1, -1, -1, -1, -1, -1, 1, 1, -1, -1, 1, -1, 1, -1, 1, 1, 1, 1],
    float,
)
EDGE, NEXT = (-1, -1, -1, 1), (-1, -1, -1, 1, 1, -1, 1, -1, 1, 1, -1)
QUARTER = (*LEFT, 1, *RIGHT)  # half of 40 MHz


@dataclass(frozen=True, slots=True)
class Tones:
    """What a format sends on: numbers of the data and pilot subcarriers."""

    size: int
    data: npt.NDArray[np.int64]
    pilots: tuple[int, ...]
    pattern: tuple[int, ...]  # of the pilots,
    rolling: bool  # moved on by one each symbol
    columns: int  # of the interleaver

    @property
    def width_hz(self) -> float:
        """From the lower edge of the lowest subcarrier to the upper edge of the highest."""
        return float(2 * self.data[-1] + 1) * SPACING_HZ

    def grid(self, points: npt.NDArray[np.complex64], first: int) -> npt.NDArray[np.complex64]:
        """Data [n, len(data)] and pilots, the first of polarity `first` (17.3.5.10, 19.3.11.10)."""
        grid = np.zeros((len(points), self.size), np.complex64)
        grid[:, self.data + self.size // 2] = points
        n = np.arange(len(points))
        turn = n[:, None] * self.rolling + np.arange(len(self.pilots))
        signs = np.array(self.pattern)[turn % len(self.pattern)]
        signs = signs * POLARITY[(n + first) % len(POLARITY), None]
        grid[:, np.array(self.pilots) + self.size // 2] = signs
        return grid


def _tones(
    size: int, first: int, last: int, pilots: tuple[int, ...], pattern: tuple[int, ...],
    columns: int,
) -> Tones:  # fmt: skip
    both = tuple(-p for p in reversed(pilots)) + pilots
    data = [k for k in range(-last, last + 1) if abs(k) >= first and k not in both]
    return Tones(size, np.array(data), both, pattern, columns != 16, columns)


NON_HT = _tones(64, 1, 26, (7, 21), (1, 1, 1, -1), 16)  # 17.3.5.10
HT20 = _tones(64, 1, 28, (7, 21), (1, 1, 1, -1), 13)  # 19.3.11.10, 21.3.10.10 as well
HT40 = _tones(128, 2, 58, (11, 25, 53), (1, 1, 1, -1, -1, 1), 18)
VHT80 = _tones(256, 2, 122, (11, 39, 75, 103), (1, 1, 1, -1, -1, 1, 1, 1), 26)
WIDE = {20e6: HT20, 40e6: HT40, 80e6: VHT80}

LONG = {  # the sequences of the long training fields, from the lowest subcarrier
    20e6: (1, 1, *LEFT, 0, *RIGHT, -1, -1),  # 19.3.9.4.6
    40e6: (*QUARTER, *EDGE, 0, 0, 0, -1, 1, 1, -1, *QUARTER),
    80e6: (
        *QUARTER, *NEXT, *QUARTER, 1, -1, 1, -1, 0, 0, 0, 1, -1, -1, 1, *QUARTER, *NEXT, *QUARTER,
    ),  # 21.3.8.3.5
}  # fmt: skip


def centred(values: tuple[float, ...], size: int) -> npt.NDArray[np.complex64]:
    """A sequence around 0 as one symbol of a grid."""
    grid = np.zeros((1, size), np.complex64)
    half = len(values) // 2
    grid[0, size // 2 - half : size // 2 + half + 1] = values
    return grid


def to_time(grid: npt.NDArray[np.complex64], guard: int) -> Iq:
    """Unit-power symbols with `guard` samples of prefix each [n * (guard + size)]."""
    size, used = grid.shape[1], np.count_nonzero(grid[0])
    turned = np.roll(grid * _rotation(size), size // 2, axis=1)
    symbols = scipy.fft.ifft(turned, axis=1) * np.float32(size / np.sqrt(used))
    return np.concatenate([symbols[:, size - guard :], symbols], axis=1).reshape(-1)


def duplicate(grid: npt.NDArray[np.complex64], size: int) -> npt.NDArray[np.complex64]:
    """A grid of 20 MHz in each 20 MHz of the channel (17.3.9, 19.3.9.3, 21.3.8.2)."""
    return np.tile(grid, size // LEGACY)


@lru_cache(4)
def _rotation(size: int) -> npt.NDArray[np.complex64]:
    """Of the 20 MHz subchannels against each other (19.3.11.11.5, 21.3.7.5)."""
    turn = np.ones(size, np.complex64)
    if size == 2 * LEGACY:
        turn[LEGACY:] = 1j
    elif size == 4 * LEGACY:
        turn[LEGACY:] = -1
    return turn


@lru_cache(4)
def legacy_training(size: int) -> Iq:
    """L-STF and L-LTF, 8 us each (17.3.3)."""
    short = np.zeros((1, LEGACY), np.complex64)
    positive = LEGACY // 2 + np.array([-24, -16, -4, 12, 16, 20, 24])
    negative = LEGACY // 2 + np.array([-20, -12, -8, 4, 8])
    short[0, positive], short[0, negative] = np.sqrt(0.5) * np.array([1 + 1j, -1 - 1j])
    one = to_time(duplicate(short, size), 0)
    long = to_time(duplicate(centred((*LEFT, 0, *RIGHT), LEGACY), size), 0)
    field = np.concatenate([np.tile(one, 3)[: 5 * size // 2], long[size // 2 :], long, long])
    field.flags.writeable = False
    return field


@lru_cache(4)
def wide_training(size: int) -> Iq:
    """HT-STF and HT-LTF or VHT-STF and VHT-LTF, 4 us each (19.3.9.4.5, 21.3.8.3.4)."""
    width = size * SPACING_HZ
    short = legacy_training(size)[: 5 * size // 4]
    field = np.concatenate([short, to_time(centred(LONG[width], size), size // 4)])
    field.flags.writeable = False
    return field
