"""A multiplex of an 8 MHz channel: random data among true pilots and signalling."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import fft

from radiofm_capture.scenes.coding import qam
from radiofm_capture.scenes.dvbt.pilots import (
    BOOST,
    FRAME,
    SPAN,
    SUPER_FRAME,
    continual,
    reference,
    scattered,
    tps,
    tps_bits,
)
from radiofm_capture.scenes.frames import Frame, lay
from radiofm_capture.scenes.pulse import unit_power
from radiofm_capture.scenes.rhythm import Steady
from radiofm_capture.scenes.signal import Burst, Iq

RATE = 64e6 / 7  # 1 / T of 8 MHz channels (EN 300 744, 4.4)
GUARDS = ("1/32", "1/16", "1/8", "1/4")


class Dvbt(Steady):
    """Always on; not hierarchical."""

    family: Literal["dvbt"] = "dvbt"
    mode: Literal["2k", "8k"] = "8k"
    guard: Literal["1/32", "1/16", "1/8", "1/4"] = "1/4"
    constellation: Literal["qpsk", "16qam", "64qam"] = "16qam"
    code_rate: Literal["1/2", "2/3", "3/4", "5/6", "7/8"] = "2/3"  # as the TPS say

    @property
    def spans(self) -> int:
        return 4 if self.mode == "8k" else 1

    @property
    def bandwidth_hz(self) -> float:
        return (SPAN * self.spans + 1) * RATE / (2048 * self.spans)

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        size = 2048 * self.spans
        prefix = size >> 5 << GUARDS.index(self.guard)
        symbol_s = (size + prefix) / RATE
        start = -float(rng.random()) * symbol_s
        first = int(rng.integers(FRAME * SUPER_FRAME))
        grid = self.grid(first, int((count / rate - start) / symbol_s) + 1, rng)
        spectrum = np.zeros((len(grid), size), np.complex64)
        spectrum[:, np.arange(grid.shape[1]) - grid.shape[1] // 2] = grid
        body = fft.ifft(spectrum, axis=1, norm="forward")
        iq = unit_power(np.concatenate([body[:, size - prefix :], body], axis=1).reshape(-1))
        return lay([Frame(start, iq, RATE, self.bandwidth_hz)], rate, count, offset_hz)

    def grid(self, first: int, symbols: int, rng: np.random.Generator) -> npt.NDArray[np.complex64]:
        """[symbols, carriers] from symbol `first` of the super-frame on, data of unit power."""
        carriers = SPAN * self.spans + 1
        per_cell = {"qpsk": 2, "16qam": 4, "64qam": 6}[self.constellation]
        bits = rng.integers(0, 2, symbols * carriers * per_cell, np.uint8)
        grid = qam(bits, per_cell).reshape(symbols, carriers)
        signs = reference(carriers)
        frames = np.stack([self._tps(frame, per_cell) for frame in range(SUPER_FRAME)])
        for n in range(symbols):
            frame, symbol = divmod((first + n) % (FRAME * SUPER_FRAME), FRAME)
            grid[n, tps(self.spans)] = signs[tps(self.spans)] * frames[frame, symbol]
            for pilots in (continual(self.spans), scattered(symbol, self.spans)):
                grid[n, pilots] = signs[pilots] * np.float32(BOOST)
        return grid

    def _tps(self, frame: int, per_cell: int) -> npt.NDArray[np.float32]:
        """The sign of every TPS carrier relative to its reference, by symbol (4.6.3: DBPSK)."""
        code = ("1/2", "2/3", "3/4", "5/6", "7/8").index(self.code_rate)
        bits = tps_bits(frame, per_cell, code, GUARDS.index(self.guard), self.spans)
        return np.asarray(1 - 2.0 * (np.cumsum(bits) % 2), np.float32)


def draw_dvbt(rng: np.random.Generator, rate: float) -> Dvbt:
    """Mostly 8k and 64-QAM, as broadcasters choose."""
    return Dvbt.model_validate(
        {
            "mode": str(rng.choice(["2k", "8k"], p=[0.2, 0.8])),
            "guard": str(rng.choice(GUARDS)),
            "constellation": str(rng.choice(["qpsk", "16qam", "64qam"], p=[0.15, 0.3, 0.55])),
            "code_rate": str(rng.choice(["1/2", "2/3", "3/4", "5/6", "7/8"])),
        }
    )
