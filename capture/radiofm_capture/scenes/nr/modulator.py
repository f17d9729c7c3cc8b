"""OFDM: from resource elements to samples, shifted from the receiver's centre."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.fft

from radiofm_capture.scenes.nr.numerology import PARTS, PREFIX, symbol_start
from radiofm_capture.scenes.signal import Iq, rotation

WINDOW = 2  # parts over which neighbouring symbols cross-fade, to hold the spectrum's mask


@dataclass
class Modulator:
    """Turns grids that follow one another into samples that do.

    An element of unit power becomes a tone of amplitude `gain`. A subcarrier beyond +-`limit_hz`
    of the receiver's centre is left out, not aliased.
    """

    rate: float  # a multiple of 128 subcarrier spacings
    mu: int
    f0_hz: float  # the carrier's radio frequency
    shift: int  # subcarriers from the receiver's centre to the carrier's
    limit_hz: float
    gain: float

    def __post_init__(self) -> None:
        self._tail: Iq = np.zeros(self._part * WINDOW, np.complex64)  # fades into the next grid

    @property
    def _part(self) -> int:
        return round(self.rate / (15e3 * PARTS)) >> self.mu

    def samples(self, grid: npt.NDArray[np.complex64], at: int) -> Iq:
        """[symbols, subcarriers] of whole subframes, whose first sample is number `at`."""
        size, prefix, extra = (n * self._part for n in (PARTS, PREFIX, 1 << self.mu))
        scs, per_half_ms = self.rate / size, 7 << self.mu
        bins = np.arange(grid.shape[1]) - grid.shape[1] // 2 + self.shift
        heard = np.flatnonzero(np.abs(bins) * scs < self.limit_hz)
        starts = symbol_start(np.arange(len(grid) + 1), self.mu) * self._part
        # At each symbol's start the radio-frequency phase is zero (TS 38.211, 5.4): seen from
        # another frequency it turns from symbol to symbol.
        begins = np.asarray(at + starts[1:] - size, np.float64)
        phase = rotation(begins * ((self.shift * scs - self.f0_hz) / self.rate))
        spectrum = np.zeros((len(grid), size), np.complex64)
        spectrum[:, bins[heard] % size] = grid[:, heard] * (phase * np.float32(self.gain))[:, None]
        bodies = scipy.fft.ifft(spectrum, axis=1, norm="forward", overwrite_x=True)

        iq = np.empty(
            (len(grid) // per_half_ms, extra + per_half_ms * (prefix + size)), np.complex64
        )
        symbols = bodies.reshape(-1, per_half_ms, size)
        iq[:, :extra] = symbols[:, 0, size - prefix - extra : size - prefix]
        split = iq[:, extra:].reshape(-1, per_half_ms, prefix + size)
        split[..., :prefix] = symbols[..., size - prefix :]
        split[..., prefix:] = symbols
        flat = iq.reshape(-1)

        fade = len(self._tail)
        rise = np.sin(np.pi / 2 * (np.arange(fade) + 0.5) / fade).astype(np.float32) ** 2
        seams = starts[:-1, None] + np.arange(fade)
        ended = np.concatenate([self._tail[None], bodies[:, :fade]])
        flat[seams] = flat[seams] * rise + ended[:-1] * (1 - rise)
        self._tail = ended[-1]
        return flat
