"""OFDM: cellular downlinks with resource blocks, TDD gating, and Wi-Fi-like bursts."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from radiofm_capture.scenes.signal import Burst, Iq, Waveform, carrier, sample_span

QPSK = np.exp(0.25j * np.pi * np.array([1, 3, 5, 7])).astype(np.complex64)
BLOCK = 12  # subcarriers of a resource block (TS 36.211, 6.2.3)
SLOT = 7  # symbols (TS 36.211, table 6.2.3-1)
PILOT_SYMBOLS, PILOT_STEP = (0, 4), 3  # reference symbols of two ports (TS 36.211, 6.10.1.2)
PILOT_SHARE = len(PILOT_SYMBOLS) / SLOT / PILOT_STEP
PATHS = 8


class Ofdm(Waveform):
    """The subcarrier spacing is rounded so that the FFT has a whole number of samples."""

    family: Literal["ofdm"] = "ofdm"
    subcarrier_hz: Annotated[float, Field(gt=0)] = 15e3
    occupied_hz: Annotated[float, Field(gt=0)] = 9e6
    prefix: Annotated[float, Field(ge=0, le=1)] = 0.07  # share of the symbol
    load: Annotated[float, Field(ge=0, le=1)] = 1.0  # share of blocks in use; idle ones hold pilots
    delay_spread_s: Annotated[float, Field(ge=0)] = 0.0  # of static multipath

    @property
    def bandwidth_hz(self) -> float:
        return self.occupied_hz

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        spans = [sample_span(a, b, rate, count) for a, b in self.schedule(count / rate, rng)]
        size = max(4, round(rate / self.subcarrier_hz))
        spacing = rate / size
        symbol = size + max(1, round(self.prefix * size))
        half = max(1, round(self.occupied_hz / 2 / spacing))
        carriers = np.concatenate([np.arange(-half, 0), np.arange(1, half + 1)])
        gains = self._multipath(carriers * spacing, rng)
        shift = round(offset_hz / spacing)
        heard = np.flatnonzero(np.abs(carriers + shift) < size / 2)
        bins = (carriers[heard] + shift) % size

        on = np.zeros(-(-count // symbol), bool)
        for first, last in spans:
            on[first // symbol : -(-last // symbol)] = True
        rows = np.flatnonzero(on)
        used, mean = self._loading(len(on), len(carriers), rng)
        grid = np.zeros((len(rows), size), np.complex64)
        data = QPSK[rng.integers(0, 4, (len(rows), len(heard)), np.uint8)]
        data *= used[rows][:, heard // BLOCK] | _pilots(rows, heard)
        grid[:, bins] = data * gains[heard]
        symbols = np.fft.ifft(grid, axis=1).astype(np.complex64)
        symbols *= np.float32(size / np.sqrt(len(carriers) * mean))
        frames = np.zeros((len(on), symbol), np.complex64)
        frames[rows, symbol - size :] = symbols
        frames[rows, : symbol - size] = symbols[:, 2 * size - symbol :]
        iq = frames.reshape(-1)[:count]
        iq *= carrier(count, (offset_hz - shift * spacing) / rate)

        reach = (half + 0.5) * spacing
        edges = np.flatnonzero(np.diff(on, prepend=False, append=False)).reshape(-1, 2) * symbol
        low, high = offset_hz - reach, offset_hz + reach
        return iq, [Burst(int(a), int(min(b, count) - a), low, high) for a, b in edges]

    def _multipath(
        self, frequency: npt.NDArray[np.float64], rng: np.random.Generator
    ) -> npt.NDArray[np.complex64]:
        """Frequency response of paths with an exponential power profile, unit mean power."""
        delay = np.concatenate([[0.0], rng.uniform(0, 3, PATHS - 1)])
        gain = np.exp(-delay / 2) * (rng.normal(size=PATHS) + 1j * rng.normal(size=PATHS))
        response = np.exp(-2j * np.pi * np.outer(frequency, delay * self.delay_spread_s)) @ gain
        return np.asarray(response / np.sqrt(np.mean(np.abs(response) ** 2)), np.complex64)

    def _loading(
        self, rows: int, carriers: int, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.bool_], float]:
        """Which block is used in which symbol, [rows, blocks], and the mean power that leaves."""
        blocks = -(-carriers // BLOCK)
        tall, wide = SLOT * int(rng.integers(1, 9)), int(rng.integers(1, 9))  # an allocation
        draw = rng.random((-(-rows // tall), -(-blocks // wide))) < self.load
        used = draw.repeat(tall, axis=0)[:rows].repeat(wide, axis=1)[:, :blocks]
        share = float(used.mean())
        return used, share + (1 - share) * PILOT_SHARE


def _pilots(rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    return np.asarray(np.isin(rows % SLOT, PILOT_SYMBOLS)[:, None] & (columns % PILOT_STEP == 0))


def draw_ofdm(rng: np.random.Generator, rate: float) -> Ofdm:
    """LTE- or NR-like carriers (FDD or TDD) or Wi-Fi-like bursts, about as wide as the band."""
    spread = 10 ** rng.uniform(-7.5, -5.7)
    if rng.random() < 0.4:
        wide = rng.choice([4.15e6, 8.3e6, 16.6e6]) if rate < 15e6 else 16.6e6
        return Ofdm(
            subcarrier_hz=312.5e3 * wide / 16.6e6, occupied_hz=wide, prefix=0.25,
            delay_spread_s=spread / 4, on_s=(0.1e-3, 4e-3),
            off_s=(30e-6, 10 ** rng.uniform(-3.7, -2.2)),
        )  # fmt: skip
    widths = [w for w in (1.08e6, 2.7e6, 4.5e6, 9e6, 13.5e6, 18e6) if w < 1.3 * rate]
    occupied = float(rng.choice(widths)) if rng.random() < 0.85 else 18e6
    period = rng.choice([5e-3, 10e-3])
    duty = rng.uniform(0.3, 0.8) if rng.random() < 0.35 else 1.0
    # A full carrier wider than the band would look like noise.
    loads = [0.02, 0.1, 0.3, 0.7] if occupied > rate and duty == 1 else [0.02, 0.1, 0.3, 0.7, 1]
    on, off = duty * period, (1 - duty) * period
    return Ofdm(
        subcarrier_hz=30e3 if rng.random() < 0.3 else 15e3, occupied_hz=occupied,
        load=rng.choice(loads), delay_spread_s=spread, on_s=(on, on), off_s=(off, off),
    )  # fmt: skip
