"""Chirps: LoRa-like chirp spread spectrum and FMCW sweeps."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from radiofm_capture.scenes.signal import Burst, Iq, Waveform, log_uniform, rotation, sample_span

PREAMBLE, SYNC = 8, 2  # up-chirps, then down-chirps, then data (Semtech AN1200.22)
PIECES = 16  # boxes that follow a slow sweep
SLOW_S = 1e-3


class Chirp(Waveform):
    """`css` shifts each up-chirp cyclically by its symbol; the other two sweep for ever."""

    family: Literal["chirp"] = "chirp"
    shape: Literal["css", "sawtooth", "triangle"] = "css"
    sweep_hz: Annotated[float, Field(gt=0)] = 125e3
    sweep_s: Annotated[float, Field(gt=0)] = 1.024e-3  # one sweep; 2^SF / bandwidth for LoRa

    @property
    def bandwidth_hz(self) -> float:
        return self.sweep_hz

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        iq = np.zeros(count, np.complex64)
        bursts = []
        for start, stop in self.schedule(count / rate, rng):
            first, last = sample_span(start, stop, rate, count)
            if first == last:
                continue
            sweeps = (np.arange(first, last) / rate - start) / self.sweep_s
            frequency = self._frequency(sweeps, rng) + offset_hz
            burst = rotation(np.cumsum(frequency) / rate)
            burst *= np.abs(frequency) < rate / 2
            iq[first:last] = burst
            bursts += self._boxes(sweeps, first, frequency)
        return iq, bursts

    def _frequency(
        self, sweeps: npt.NDArray[np.float64], rng: np.random.Generator
    ) -> npt.NDArray[np.float64]:
        """Hz from the centre, at times counted in sweeps since the transmission began."""
        index = sweeps.astype(np.int64)
        part = sweeps - index
        if self.shape == "css":
            symbols = rng.random(int(index[-1]) + 1)
            symbols[: PREAMBLE + SYNC] = 0
            part = (part + symbols[index]) % 1
        down = index % 2 == 1 if self.shape == "triangle" else index // SYNC == PREAMBLE // SYNC
        if self.shape == "sawtooth":
            down = np.zeros_like(down)
        return (part - 0.5) * np.where(down, -self.sweep_hz, self.sweep_hz)

    def _boxes(
        self, sweeps: npt.NDArray[np.float64], first: int, frequency: npt.NDArray[np.float64]
    ) -> list[Burst]:
        if self.shape == "css" or self.sweep_s < SLOW_S:
            middle = (frequency.max() + frequency.min()) / 2
            low, high = middle - self.sweep_hz / 2, middle + self.sweep_hz / 2
            return [Burst(first, len(sweeps), low, high)]
        cuts = np.flatnonzero(np.diff((sweeps * PIECES).astype(np.int64))) + 1
        pieces = np.split(frequency, cuts)
        starts = [first, *(first + cuts).tolist()]
        return [
            Burst(at, len(piece), float(piece.min()), float(piece.max()))
            for at, piece in zip(starts, pieces, strict=True)
        ]


def draw_chirp(rng: np.random.Generator, rate: float) -> Chirp:
    """LoRa at SF 7-12, or sawtooth and triangle sweeps as wide as the band or wider."""
    if rng.random() < 0.5:
        wide = float(rng.choice([125e3, 250e3, 500e3]))
        factor = int(rng.integers(7, 13))
        pause = (2e-3, 50e-3) if rng.random() < 0.5 else (0.0, 0.0)
        symbol = 2**factor / wide
        return Chirp(sweep_hz=wide, sweep_s=symbol, on_s=(20 * symbol, 60 * symbol), off_s=pause)
    wide = rate * log_uniform(rng, 0.1, 1.5)
    return Chirp(
        shape="sawtooth" if rng.random() < 0.6 else "triangle",
        sweep_hz=wide, sweep_s=log_uniform(rng, 100e-6, 12e-3),
    )  # fmt: skip
