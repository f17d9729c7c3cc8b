"""A spec at a sample rate, as the arrays that every backend computes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from radiofm.errors import UsageError
from radiofm.spectrogram.resize import resize_weights
from radiofm.spectrogram.spec import Image, SpectrogramSpec

Samples = npt.NDArray[Any]  # int16 or float32 [samples, 2] (I, Q), contiguous
DECIBELS = np.float32(10 / np.log(10))  # np.log has a vector kernel everywhere, np.log10 has not


class Backend(Protocol):
    """Computes the slices of one plan. Keeps its buffers: one object a thread."""

    def __call__(self, iq: Samples, full_scale: float) -> Image:
        """dBFS per FFT bin, float32 [height, width], new at each call."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Frame n is samples [n hop, n hop + window_size); row 0 of an image is at -fs/2."""

    spec: SpectrogramSpec
    samples: int  # in a slice
    frames: int
    window: npt.NDArray[np.float64]  # [window_size], its sum 1
    over_time: npt.NDArray[np.float64]  # [width, frames]
    over_frequency: npt.NDArray[np.float64]  # [height, fft_size], columns in the FFT's order

    @property
    def floor(self) -> np.float32:
        """Added to the power, so that the logarithm of nothing is finite."""
        return np.float32(10 ** (self.spec.floor_db / 10))

    def decibels(self, power: Image) -> Image:
        """Power -> decibels, in place."""
        # Bicubic weights overshoot: power may come out below zero.
        np.maximum(power, 0, out=power)
        power += self.floor
        np.log(power, out=power)
        power *= DECIBELS
        return power


def make_plan(spec: SpectrogramSpec, sample_rate_hz: float) -> Plan:
    """Raises UsageError where a slice cannot hold one window, or an FFT."""
    import scipy.signal  # takes half a second, which not all need that know a spec

    samples = spec.slice_samples(sample_rate_hz)
    frames = (samples - spec.window_size) // spec.hop + 1
    if frames < 1:
        raise UsageError(
            f"sample rate {sample_rate_hz:g} S/s gives {samples} samples a slice, "
            f"fewer than the window of {spec.window_size}: raise the rate"
        )
    if spec.window_size > spec.fft_size:
        raise UsageError(f"window_size {spec.window_size} exceeds fft_size {spec.fft_size}")
    window = scipy.signal.get_window(spec.window, spec.window_size)
    over_frequency = resize_weights(spec.fft_size, spec.height, spec.resize)
    return Plan(
        spec,
        samples,
        frames,
        window / window.sum(),
        resize_weights(frames, spec.width, spec.resize),
        np.fft.ifftshift(over_frequency, axes=1),
    )
