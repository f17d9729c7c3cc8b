"""All that decides what a slice looks like, and the recipes of the papers."""

from __future__ import annotations

import hashlib
import math
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from radiofm.spectrogram.resize import Kernel

Image = npt.NDArray[np.float32]


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
    centred: bool = False  # values are above the slice's median: a receiver's gain is no matter

    @model_serializer(mode="wrap")
    def _as_written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """`centred` is written only where it is so: specs of before keep their hash."""
        values: dict[str, Any] = write(self)
        return {key: value for key, value in values.items() if key != "centred" or value}

    @property
    def hash(self) -> str:
        """16 hex digits that name the spec on the wire and in bundles."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]

    def slice_samples(self, sample_rate_hz: float) -> int:
        """Samples in one slice at `sample_rate_hz` (S/s)."""
        return round(self.duration_s * sample_rate_hz)

    def standardise(self, decibels: Image) -> Image:
        """dBFS per FFT bin [..., height, width] -> the encoder's input."""
        decibels = self.relative(decibels)
        low, high = self.range_db
        scale = 1 / ((high - low) * self.std)
        shift = (low / (high - low) + self.mean) / self.std
        return decibels * np.float32(scale) - np.float32(shift)

    def relative(self, decibels: Image) -> Image:
        """What statistics are of: dBFS, or where they are `centred` dB above the median of each
        slice [..., height, width]."""
        if not self.centred:
            return decibels
        return decibels - np.median(decibels, axis=(-2, -1), keepdims=True)

    def to_dbfs(self, image: Image) -> Image:
        """The inverse of `standardise`; where values are `centred`, dB above the median."""
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


def cells(low: float, high: float, count: int) -> slice:
    """Cells whose centre lies within [low, high) of [0, 1), or the one that holds its middle."""
    first, last = math.ceil(low * count - 0.5), math.ceil(high * count - 0.5)
    if first < last:
        return slice(first, last)
    middle = min(int((low + high) / 2 * count), count - 1)
    return slice(middle, middle + 1)
