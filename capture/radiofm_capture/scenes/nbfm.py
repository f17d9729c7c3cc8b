"""Frequency modulation: voice channels and broadcasting."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from radiofm_capture.scenes.audio import speech
from radiofm_capture.scenes.signal import Burst, Iq, Waveform, rotation, sample_span

AUDIO_OVERSAMPLING = 16  # keeps the steps of the interpolated phase 60 dB down


class Nbfm(Waveform):
    """Defaults: a voice channel of 12.5 kHz raster (ETSI EN 300 086)."""

    family: Literal["nbfm"] = "nbfm"
    deviation_hz: Annotated[float, Field(gt=0)] = 2.5e3
    audio_hz: Annotated[float, Field(gt=0)] = 3e3  # highest modulating frequency

    @property
    def bandwidth_hz(self) -> float:
        """Carson's rule."""
        return 2 * (self.deviation_hz + self.audio_hz)

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        iq = np.zeros(count, np.complex64)
        bursts = []
        spans = self.schedule(count / rate, rng)
        audio_rate = AUDIO_OVERSAMPLING * self.audio_hz
        audio = speech(int(count / rate * audio_rate) + 2, audio_rate, self.audio_hz, rng)
        cycles = np.cumsum(audio) * (self.deviation_hz / audio_rate)
        low, high = offset_hz - self.bandwidth_hz / 2, offset_hz + self.bandwidth_hz / 2
        for start, stop in spans:
            first, last = sample_span(start, stop, rate, count)
            time = np.arange(first, last) / rate
            phase = np.interp(time * audio_rate, np.arange(len(cycles)), cycles)
            if abs(offset_hz) < rate / 2:
                iq[first:last] = rotation(phase + offset_hz * time)
            if last > first:
                bursts.append(Burst(first, last - first, low, high))
        return iq, bursts


def draw_nbfm(rng: np.random.Generator, rate: float) -> Nbfm:
    """Voice in 12.5 or 25 kHz channels mostly at low rates, where it shows; else broadcasting."""
    if rng.random() < (0.5 if rate < 4e6 else 0.25):
        keyed = rng.random() < 0.2
        return Nbfm(
            deviation_hz=rng.choice([2.5e3, 5e3]), audio_hz=3e3,
            on_s=(5e-3, 100e-3) if keyed else (1, 1), off_s=(5e-3, 30e-3) if keyed else (0, 0),
        )  # fmt: skip
    return Nbfm(deviation_hz=75e3, audio_hz=rng.choice([15e3, 53e3]))  # mono, stereo
