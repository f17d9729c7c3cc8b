"""A modality of a bundle: what its slices are, and which graph makes the encoder's tokens of them.

Spectrograms of the stream are standardised by the bundle's `SpectrogramSpec`, those of blocks of IQ
by their own; all other slices by a scaling, channel by channel:
x -> ((x - low) / (high - low) - mean) / std.
"""

from __future__ import annotations

import hashlib
import math
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from radiofm.spectrogram import SpectrogramSpec
from radiofm.wire import MAX_PAYLOAD_BYTES, Edge, Hash, Name

MAX_PATCHES = 128 * 128  # of the largest spectrogram

RelativePath = Annotated[
    str,
    Field(
        max_length=200, pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$"
    ),
]


class Record(BaseModel):
    """Base of everything in a manifest: immutable, and closed to unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ScalingRecord(Record):
    """The numbers of a data set's scaling: its range, and of each channel mean and deviation."""

    range: tuple[float, float]
    mean: Annotated[tuple[float, ...], Field(min_length=1, max_length=64)]
    std: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1, max_length=64)]


class BlockRecord(Record):
    """Slices that are spectrograms of blocks of IQ, float32 [2, samples], each a slice by itself.

    `spec` is computed at the rate that makes a block as long as its duration; levels are in dB
    relative to a tone of the block's power.
    """

    samples: Annotated[int, Field(ge=1, le=1 << 24)]
    spec: SpectrogramSpec

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a slice."""
        return self.spec.height, self.spec.width


class ModalityRecord(Record):
    """One modality. Its graph `embed` turns slices, float32 [batch, channels, rows, columns], into
    tokens [batch, 1 + patches, dim], CLS and positions among them.

    A second embedding of the same slices, as fine-tuning the patch embedding leaves behind, is a
    modality of its own; `slices` then names the one whose slices it takes.
    """

    slices: Name | None = None  # None: its own
    channels: Annotated[int, Field(ge=1, le=64)]
    size: tuple[Edge, Edge]  # rows, columns
    grid: tuple[Edge, Edge]  # patches over rows and columns
    embed: RelativePath
    scaling: ScalingRecord | None  # None: spectrograms, of the bundle's spec or
    blocks: BlockRecord | None = None  # of blocks of IQ

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.scaling and not len(self.scaling.mean) == len(self.scaling.std) == self.channels:
            raise ValueError(f"its scaling is not of {self.channels} channels")
        if self.blocks and (self.scaling or self.shape != self.blocks.size):
            raise ValueError("its slices are not the spectrograms of its blocks")
        if 4 * self.channels * math.prod(self.size) > MAX_PAYLOAD_BYTES:
            raise ValueError(f"its slices have more than {MAX_PAYLOAD_BYTES} bytes")
        if math.prod(self.grid) > MAX_PATCHES:
            raise ValueError(f"its slices have more than {MAX_PATCHES} patches")
        return self

    def same_slices(self, other: ModalityRecord) -> bool:
        """Whether both are of the same size and made alike."""
        mine, theirs = ((m.channels, m.size, m.scaling, m.blocks) for m in (self, other))
        return mine == theirs

    @property
    def streamed(self) -> bool:
        """Whether its slices are cut from a stream of samples, and made by the bundle's spec."""
        return self.scaling is None and self.blocks is None

    def hash(self, spec: SpectrogramSpec) -> Hash:
        """What slices of it carry as `spec`: that of the bundle's, or of how its own are made."""
        if self.streamed:
            return spec.hash
        made = self.scaling or self.blocks
        assert made is not None
        text = f"{self.size[0]} x {self.size[1]} {made.model_dump_json()}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a slice on the wire: [rows, columns], or [channels, rows, columns]."""
        return self.size if self.channels == 1 else (self.channels, *self.size)


def spectrograms(spec: SpectrogramSpec, grid: tuple[int, int], embed: str) -> ModalityRecord:
    """The modality of slices that `spec` makes; its limits are the spec's."""
    size = (spec.height, spec.width)
    return ModalityRecord.model_construct(
        slices=None, channels=1, size=size, grid=grid, embed=embed, scaling=None
    )
