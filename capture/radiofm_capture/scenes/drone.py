"""A drone-like OFDM video link, and the short identification bursts beside it.

Not a standard: the shape that public analyses of such links give. Subcarriers are 15 kHz apart as
in LTE; an identification burst has nine symbols of 601 places, of which the fourth and the sixth
are Zadoff-Chu sequences of roots 600 and 147 (Schiller et al., NDSS 2023).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import fft

from radiofm_capture.scenes.coding import qam
from radiofm_capture.scenes.frames import Frame, lay
from radiofm_capture.scenes.pulse import unit_power
from radiofm_capture.scenes.rhythm import Steady
from radiofm_capture.scenes.signal import Burst, Iq, Range, log_uniform

SPACING_HZ = 15e3
UNITS = 128  # of a symbol, as in LTE: prefixes are 9 of them, 10 in a slot's first symbol and in
# the first and the last of an identification
CARRIERS, WIDE_CARRIERS = 600, 1200  # of 10 and 20 MHz
IDENT_SYMBOLS, IDENT_S = 9, 0.64  # the burst comes so often
ROOTS = {3: 600, 5: 147}  # by symbol, from 0
ZADOFF_CHU = 601
SUBFRAME_S, SYMBOLS = 1e-3, 14


class Drone(Steady):
    """Video in bursts of whole milliseconds; identification where `ident` is set, in the gaps."""

    family: Literal["drone"] = "drone"
    wide: bool = False  # video of 20 MHz, not of 10
    video: bool = True
    ident: bool = True
    burst_ms: tuple[int, int] = (1, 8)  # shortest and longest
    pause_s: Range = (0.2e-3, 2e-3)
    bits: Literal[2, 4, 6] = 4  # of a subcarrier

    @property
    def carriers(self) -> int:
        return WIDE_CARRIERS if self.wide else CARRIERS

    @property
    def bandwidth_hz(self) -> float:
        return (self.carriers + 1) * SPACING_HZ

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        frames = []
        at = -float(rng.random()) * self.burst_ms[1] * SUBFRAME_S
        ident = float(rng.random()) * IDENT_S
        while at < count / rate:
            if self.ident and at >= ident:
                frames.append(self._frame(at, _identification(rng)))
                ident += IDENT_S
            elif self.video:
                length = int(rng.integers(self.burst_ms[0], self.burst_ms[1] + 1))
                frames.append(self._frame(at, self._data(length, rng)))
            at = max(at, frames[-1].stop_s if frames else at)
            at += log_uniform(rng, *self.pause_s)
        return lay(frames, rate, count, offset_hz)

    def _frame(self, at: float, grid: npt.NDArray[np.complex64]) -> Frame:
        carriers = grid.shape[1]
        size = 2048 if carriers > CARRIERS else 1024
        iq = unit_power(_modulated(grid, size))
        return Frame(at, iq, size * SPACING_HZ, (carriers + 1) * SPACING_HZ)

    def _data(self, length: int, rng: np.random.Generator) -> npt.NDArray[np.complex64]:
        places = length * SYMBOLS * self.carriers
        bits = rng.integers(0, 2, places * self.bits, np.uint8)
        return qam(bits, self.bits).reshape(length * SYMBOLS, -1)


def _identification(rng: np.random.Generator) -> npt.NDArray[np.complex64]:
    bits = rng.integers(0, 2, 2 * IDENT_SYMBOLS * CARRIERS, np.uint8)
    grid = qam(bits, 2).reshape(IDENT_SYMBOLS, -1)
    n = np.arange(ZADOFF_CHU)
    for symbol, root in ROOTS.items():
        sequence = np.exp(-1j * np.pi * root * (n * (n + 1) % (2 * ZADOFF_CHU)) / ZADOFF_CHU)
        grid[symbol] = np.delete(sequence, ZADOFF_CHU // 2)  # nothing at 0 Hz
    return grid


def _modulated(grid: npt.NDArray[np.complex64], size: int) -> Iq:
    """[symbols, carriers], the lowest frequency first, none at 0 Hz, with their prefixes."""
    half = grid.shape[1] // 2
    spectrum = np.zeros((len(grid), size), np.complex64)
    spectrum[:, size - half :], spectrum[:, 1 : half + 1] = grid[:, :half], grid[:, half:]
    body = fft.ifft(spectrum, axis=1, norm="forward")
    unit = size // UNITS
    parts = []
    for n, symbol in enumerate(body):
        long = n % (SYMBOLS // 2) == 0 if len(body) > IDENT_SYMBOLS else n in (0, len(body) - 1)
        parts += [symbol[size - (10 if long else 9) * unit :], symbol]
    return np.concatenate(parts)


def draw_drone(rng: np.random.Generator, rate: float) -> Drone:
    """A 10 MHz link where the band is narrow, else either."""
    return Drone.model_validate(
        {
            "wide": bool(rate > 15e6 and rng.random() < 0.5),
            "ident": rng.random() < 0.7,
            "burst_ms": (1, int(rng.integers(1, 16))),
            "pause_s": (0.1e-3, log_uniform(rng, 0.2e-3, 5e-3)),
            "bits": int(rng.choice([2, 4, 6])),
        }
    )
