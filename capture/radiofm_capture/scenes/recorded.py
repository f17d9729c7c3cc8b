"""A real recording as a signal of a scene: read where it lies, resampled, placed, looped."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import scipy.fft
from pydantic import Field, ValidationInfo, field_validator

from radiofm.recording import Recording
from radiofm_capture.scenes.signal import Burst, Iq, Waveform, carrier

EDGE = 256  # samples beyond each end, where the transform wraps around
PIECE = 1 << 16  # samples of a look at the recording's power,
PIECES = 16  # of which there are so many


class Recorded(Waveform):
    """Any file that `radiofm corpus` reads, up to its first gap; unit mean power over all of it.

    A path in a scene's file is relative to that file. What is in the recording is not known:
    give the emitter a `label`.
    """

    family: Literal["recording"] = "recording"
    path: Path
    width_hz: Annotated[float, Field(gt=0)] | None = None  # of it around its centre; None: all
    start_s: Annotated[float, Field(ge=0)] | None = None  # None: anywhere in it
    loop: bool = True  # else silent after its end

    @field_validator("path")
    @classmethod
    def _readable(cls, path: Path, info: ValidationInfo) -> Path:
        path = (info.context or {}).get("folder", Path()) / path
        _open(path)  # its RecordingError says what is wrong
        return path

    @property
    def rate(self) -> float:
        """Of the recording, S/s."""
        return _open(self.path).sample_rate_hz

    @property
    def bandwidth_hz(self) -> float:
        return min(self.width_hz or self.rate, self.rate)

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        held = _open(self.path).segments[0].count
        start = round(rng.random() * held if self.start_s is None else self.start_s * self.rate)
        total = scipy.fft.next_fast_len(count + 2 * EDGE)
        size = round(total * self.rate / rate)
        iq = self._read(start - round(EDGE * self.rate / rate), size)
        half = min(int(self.bandwidth_hz / 2 / rate * total), (size - 1) // 2)
        bins = np.arange(-half, half + 1)
        shift = round(offset_hz / rate * total)
        heard = bins[np.abs(bins + shift) < total / 2]
        spectrum = np.zeros(total, np.complex64)
        spectrum[(heard + shift) % total] = scipy.fft.fft(iq)[heard % size]
        placed = scipy.fft.ifft(spectrum)[EDGE : EDGE + count]
        placed *= np.float32(total / size / _amplitude(self.path, self.bandwidth_hz))
        placed *= carrier(count, offset_hz / rate - shift / total)
        last = count if self.loop else min(count, round((held - start) / self.rate * rate))
        low, high = offset_hz - self.bandwidth_hz / 2, offset_hz + self.bandwidth_hz / 2
        return np.ascontiguousarray(placed), [Burst(0, last, low, high)] if last > 0 else []

    def _read(self, start: int, count: int) -> Iq:
        """Samples [start, start + count) of the recording, again and again or once."""
        held = _open(self.path).segments[0].count
        iq = np.zeros(count, np.complex64)
        at = 0 if self.loop else max(0, -start)
        while at < count and (self.loop or start + at < held):
            first = (start + at) % held
            part = _samples(self.path, first, min(count - at, held - first))
            iq[at : at + len(part)] = part
            at += len(part)
        return iq


@lru_cache(16)
def _open(path: Path) -> Recording:
    return Recording.open(path)


def _samples(path: Path, start: int, count: int) -> Iq:
    """Of the recording's first segment; 1 is full scale."""
    recording = _open(path)
    samples = recording.read(recording.segments[0].start + start, count).astype(np.float32)
    samples *= np.float32(1 / recording.full_scale)
    return np.asarray(samples.view(np.complex64)[:, 0])


@lru_cache(16)
def _amplitude(path: Path, width_hz: float) -> float:
    """The rms of what lies within +-width / 2, by looks at the whole recording."""
    recording = _open(path)
    held = recording.segments[0].count
    size = min(PIECE, held)
    power = []
    for start in np.linspace(0, held - size, PIECES).astype(int):
        spectrum = np.abs(scipy.fft.fft(_samples(path, int(start), size))) ** 2
        within = np.abs(np.fft.fftfreq(size, 1 / recording.sample_rate_hz)) <= width_hz / 2
        power.append(float(spectrum[within].sum(dtype=np.float64)) / size**2)
    return float(np.sqrt(np.mean(power))) or 1.0
