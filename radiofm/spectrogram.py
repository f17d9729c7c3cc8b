"""The one spectrogram: IQ samples of a slice -> a standardised log-power image.

Steps (papers' Table I): Hann window, zero-padded FFT, |X|^2 in dBFS (a full-scale tone is 0 dB),
resizing of linear power, log10, the data set's range to [0, 1], then (x - mean) / std. The corpus,
the trainer and the live worker all call `Spectrogram`: what is trained is what is served.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import scipy.fft
import scipy.signal
import scipy.sparse
from pydantic import BaseModel, ConfigDict, Field

from radiofm.errors import UsageError

BLOCK_FRAMES = 32  # of 16 KiB each: in and out stay in a 512 KiB L2 cache

Kernel = Literal["area", "bilinear", "bicubic"]
Image = npt.NDArray[np.float32]
Sparse = scipy.sparse.csr_array[Any]


class SpectrogramSpec(BaseModel):
    """All that decides what a slice looks like. Travels with corpus, checkpoint and bundle."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    duration_s: Annotated[float, Field(gt=0, le=1)] = 0.016
    window: Annotated[str, Field(max_length=32)] = "hann"
    window_size: Annotated[int, Field(ge=16, le=65536)] = 512
    hop: Annotated[int, Field(ge=1, le=65536)] = 512
    fft_size: Annotated[int, Field(ge=16, le=65536)] = 1024
    height: Annotated[int, Field(ge=16, le=2048)] = 224  # frequency, row 0 the lowest
    width: Annotated[int, Field(ge=16, le=2048)] = 224  # time
    resize: Kernel = "area"  # antialiased when it shrinks
    log_first: bool = False  # take the logarithm before resizing
    floor_db: float = -160.0  # added as power, so that the logarithm of nothing is finite
    range_db: tuple[float, float] = (-110.0, 0.0)  # the data set's minimum and maximum
    mean: float = 0.5
    std: Annotated[float, Field(gt=0)] = 0.125

    @property
    def hash(self) -> str:
        """16 hex digits that name the spec on the wire and in bundles."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]

    def slice_samples(self, sample_rate_hz: float) -> int:
        """Samples in one slice at `sample_rate_hz` (S/s)."""
        return round(self.duration_s * sample_rate_hz)

    def standardise(self, decibels: Image) -> Image:
        """dBFS per FFT bin -> the encoder's input."""
        low, high = self.range_db
        scale = 1 / ((high - low) * self.std)
        shift = (low / (high - low) + self.mean) / self.std
        return decibels * np.float32(scale) - np.float32(shift)

    def to_dbfs(self, image: Image) -> Image:
        """The inverse of `standardise`."""
        low, high = self.range_db
        return (image * self.std + self.mean) * (high - low) + low


PRESETS: dict[str, SpectrogramSpec] = {
    "table-i": SpectrogramSpec(),
    # ConvLSTM paper, Table I and section III-A: 2 ms, and log before a resize, which goes on where
    # slices are joined (radiofm_models/sentences.py).
    "convlstm": SpectrogramSpec(duration_s=0.002, height=256, width=64, log_first=True),
    # WavesFM section IV and its released code: 50 % overlap, log before a bicubic resize.
    "wavesfm": SpectrogramSpec(
        window_size=1024, hop=512, resize="bicubic", log_first=True,
        range_db=(-120.0, -0.5), mean=0.451, std=0.043,
    ),
}  # fmt: skip


class Spectrogram:
    """Computes slices of one spec at one sample rate. Keeps its buffers: one object a thread."""

    def __init__(self, spec: SpectrogramSpec, sample_rate_hz: float) -> None:
        self.spec = spec
        self.samples = spec.slice_samples(sample_rate_hz)
        frames = (self.samples - spec.window_size) // spec.hop + 1
        if frames < 1:
            raise UsageError(
                f"sample rate {sample_rate_hz:g} S/s gives {self.samples} samples a slice, "
                f"fewer than the window of {spec.window_size}: raise the rate"
            )
        if spec.window_size > spec.fft_size:
            raise UsageError(f"window_size {spec.window_size} exceeds fft_size {spec.fft_size}")
        window = scipy.signal.get_window(spec.window, spec.window_size)
        self._window = np.repeat(window / window.sum(), 2).astype(np.float32)  # for I, Q pairs
        over_time = resize_weights(frames, spec.width, spec.resize)  # [width, frames]
        over_frequency = resize_weights(spec.fft_size, spec.height, spec.resize)  # [height, bins]
        # Rows are ordered from -fs/2 up; the FFT's bins start at 0 Hz.
        self._frequency = _sparse(np.fft.ifftshift(over_frequency, axes=1))
        self._blocks = list(_blocks(over_time))
        self._padded = np.zeros((BLOCK_FRAMES, 2 * spec.fft_size), np.float32)
        self._power = np.empty((BLOCK_FRAMES, 2 * spec.fft_size), np.float32)
        self._sum = np.empty((spec.width, 2 * spec.fft_size), np.float32)

    def __call__(self, iq: npt.NDArray[Any], full_scale: float) -> Image:
        """One slice: `iq` int16 or float32 [samples, 2] (I, Q) -> float32 [height, width].

        `full_scale` is the count at 0 dBFS.
        """
        return self.spec.standardise(self.decibels(iq, full_scale))

    def decibels(self, iq: npt.NDArray[Any], full_scale: float) -> Image:
        """The image before it is standardised: dBFS per FFT bin, float32 [height, width]."""
        if iq.shape != (self.samples, 2):
            raise UsageError(f"a slice is [{self.samples}, 2], not {list(iq.shape)}")
        spec = self.spec
        frames = np.lib.stride_tricks.sliding_window_view(
            np.ascontiguousarray(iq).reshape(-1), 2 * spec.window_size
        )[:: 2 * spec.hop]
        window = self._window * np.float32(1 / full_scale)
        self._sum[:] = 0
        for start, stop, first_row, weights in self._blocks:
            count, rows = stop - start, weights.shape[0]
            padded = self._padded[:count]
            np.multiply(frames[start:stop], window, out=padded[:, : 2 * spec.window_size])
            bins = scipy.fft.fft(padded.view(np.complex64), axis=1)
            power = np.square(bins.view(np.float32), out=self._power[:count])
            if spec.log_first:
                power = self._decibels(power[:, 0::2] + power[:, 1::2])
                self._sum[first_row : first_row + rows, : spec.fft_size] += weights @ power
            else:
                self._sum[first_row : first_row + rows] += weights @ power
        if spec.log_first:
            return np.asarray(self._frequency @ self._sum[:, : spec.fft_size].T)
        power = self._sum[:, 0::2] + self._sum[:, 1::2]  # re^2 + im^2, [width, bins]
        return self._decibels(self._frequency @ power.T)

    def _decibels(self, power: Image) -> Image:
        floor = np.float32(10 ** (self.spec.floor_db / 10))
        # Bicubic weights overshoot: power may come out below zero.
        decibels = np.log10(np.maximum(power, 0) + floor)
        decibels *= np.float32(10)
        return decibels


def _sparse(weights: npt.NDArray[np.float64]) -> Sparse:
    # Sparse products run in one thread and one order: BLAS results vary with its thread count.
    return scipy.sparse.csr_array(weights.astype(np.float32))


def _blocks(weights: npt.NDArray[np.float64]) -> Iterator[tuple[int, int, int, Sparse]]:
    """Cut [rows, frames] into (start, stop, first row, weights of the rows it feeds)."""
    frames = weights.shape[1]
    for start in range(0, frames, BLOCK_FRAMES):
        stop = min(start + BLOCK_FRAMES, frames)
        rows = np.flatnonzero(weights[:, start:stop].any(axis=1))
        part = weights[rows[0] : rows[-1] + 1, start:stop]
        yield start, stop, int(rows[0]), _sparse(part)


def resize_weights(inputs: int, outputs: int, kernel: Kernel) -> npt.NDArray[np.float64]:
    """The matrix float64 [outputs, inputs] that resizes one axis; each row sums to 1.

    `area` averages the fractional box under each output. `bilinear` and `bicubic` (a = -0.5) widen
    their support by the scale when shrinking (antialiasing).
    """
    scale = inputs / outputs
    if kernel == "area":
        edges = np.arange(outputs + 1)[:, None] * scale
        position = np.arange(inputs)[None, :]
        overlap = np.minimum(edges[1:], position + 1) - np.maximum(edges[:-1], position)
        weights = np.clip(overlap, 0, None)
    else:
        stretch = max(scale, 1.0)
        center = (np.arange(outputs)[:, None] + 0.5) * scale
        distance = np.abs(np.arange(inputs)[None, :] + 0.5 - center) / stretch
        if kernel == "bilinear":
            weights = np.clip(1 - distance, 0, None)
        else:  # Keys 1981, equation 4
            a = -0.5
            near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
            far = ((distance - 5) * distance + 8) * distance * a - 4 * a
            weights = np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float64)


def cells(low: float, high: float, count: int) -> slice:
    """Cells whose centre lies within [low, high) of [0, 1), or the one that holds its middle."""
    first, last = math.ceil(low * count - 0.5), math.ceil(high * count - 0.5)
    if first < last:
        return slice(first, last)
    middle = min(int((low + high) / 2 * count), count - 1)
    return slice(middle, middle + 1)
