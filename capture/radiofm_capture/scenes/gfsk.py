"""GFSK: Bluetooth-like hopping, and slow frequency-hopping or bursty data radios."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from radiofm_capture.scenes.signal import Burst, Iq, Waveform, rotation, sample_span

OVERSAMPLING = 8  # of the phase before it is interpolated to the sample rate


class Gfsk(Waveform):
    """Defaults: Bluetooth BR (Core 5.4, volume 2, part A, 2 and 3.1; 366 us is a DH1 packet)."""

    family: Literal["gfsk"] = "gfsk"
    bit_rate: Annotated[float, Field(gt=0)] = 1e6
    bt: Annotated[float, Field(gt=0)] = 0.5
    index: Annotated[float, Field(gt=0)] = 0.32
    channel_hz: Annotated[float, Field(gt=0)] = 1e6
    channels: Annotated[int, Field(ge=1)] = 79
    slot_s: Annotated[float, Field(gt=0)] = 625e-6
    packets_s: Annotated[tuple[float, ...], Field(min_length=1)] = (366e-6, 1622e-6, 2870e-6)
    occupancy: Annotated[float, Field(gt=0, le=1)] = 0.8  # share of slots in which a packet starts

    @property
    def bandwidth_hz(self) -> float:
        return (0.75 + self.index) * self.bit_rate

    @property
    def span_hz(self) -> float:
        return max(self.channels * self.channel_hz, self.bandwidth_hz)

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        iq = np.zeros(count, np.complex64)
        bursts = []
        for start, stop, channel in self._hops(count / rate, rng):
            frequency = offset_hz + (channel - (self.channels - 1) / 2) * self.channel_hz
            first, last = sample_span(start, stop, rate, count)
            if last == first or abs(frequency) > rate / 2:
                continue
            time = np.arange(first, last) / rate - start
            iq[first:last] = rotation(self._phase(time, stop - start, rng) + frequency * time)
            low, high = frequency - self.bandwidth_hz / 2, frequency + self.bandwidth_hz / 2
            bursts.append(Burst(first, last - first, low, high))
        return iq, bursts

    def _hops(self, seconds: float, rng: np.random.Generator) -> list[tuple[float, float, int]]:
        """(start, stop, channel) of each packet; the next starts in a later slot."""
        hops = []
        at = -float(rng.random()) * (max(self.packets_s) + self.slot_s)
        while at < seconds:
            length, channel = float(rng.choice(self.packets_s)), int(rng.integers(self.channels))
            if rng.random() < self.occupancy:
                hops.append((at, at + length, channel))
                at += int(length / self.slot_s) * self.slot_s
            at += self.slot_s
        return hops

    def _phase(
        self, time: np.ndarray[tuple[int], np.dtype[np.float64]], length: float,
        rng: np.random.Generator,
    ) -> np.ndarray[tuple[int], np.dtype[np.float64]]:  # fmt: skip
        """Phase in cycles at `time` (s): random bits through the Gaussian filter."""
        bits = int(length * self.bit_rate) + 3
        levels = np.repeat(rng.integers(0, 2, bits) * 2.0 - 1, OVERSAMPLING)
        sigma = np.sqrt(np.log(2)) / (2 * np.pi * self.bt) * OVERSAMPLING
        tap = np.exp(-0.5 * (np.arange(-2 * OVERSAMPLING, 2 * OVERSAMPLING + 1) / sigma) ** 2)
        smooth = np.convolve(levels, tap / tap.sum(), "same")
        cycles = np.cumsum(smooth) * (self.index / 2 / OVERSAMPLING)
        return np.interp(time * (self.bit_rate * OVERSAMPLING), np.arange(len(cycles)), cycles)


def draw_gfsk(rng: np.random.Generator, rate: float) -> Gfsk:
    """Bluetooth-like over part of the band or beyond it, or slow hoppers for narrow bands."""
    if rng.random() < 0.7:
        channels = int(np.clip(rate / 1e6 * 2 ** rng.uniform(-1, 1.5), 2, 79))
        return Gfsk(channels=channels, occupancy=rng.uniform(0.4, 1))
    bit_rate = rng.choice([50e3, 100e3, 250e3])
    spacing = max(200e3, 2 * bit_rate)
    slot = rng.choice([2.5e-3, 5e-3, 20e-3])
    return Gfsk(
        bit_rate=bit_rate, index=rng.choice([0.5, 1.0]), channel_hz=spacing, slot_s=slot,
        channels=int(np.clip(rate / spacing * rng.uniform(0.2, 1.2), 1, 50)),
        packets_s=(0.4 * slot, 0.8 * slot), occupancy=rng.uniform(0.5, 1),
    )  # fmt: skip
