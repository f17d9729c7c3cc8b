"""Cuts a stream of iq messages into slices on a fixed grid of sample indices.

Slice k of a stream is its samples [k n, (k+1) n), however they were cut into messages.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm.errors import UsageError
from radiofm.ledger import SampleLedger, SliceLedger
from radiofm.spectrogram import SpectrogramSpec
from radiofm.wire import IqHeader, Loss


@dataclass(frozen=True, slots=True)
class CutSlice:
    """One slice of samples; zeros where samples are missing."""

    header: IqHeader  # of the last message that fed it
    index: int
    samples: npt.NDArray[Any]  # int16 or float32 [n, 2] (I, Q)
    missing: int  # samples

    @property
    def sample_index(self) -> int:
        """Of the first sample."""
        return self.index * len(self.samples)

    @property
    def time_ns(self) -> int:
        """UTC of the first sample."""
        offset = self.sample_index - self.header.sample_index
        return max(0, self.header.time_ns + round(offset * 1e9 / self.header.sample_rate_hz))


class SliceCutter:
    """Cuts one stream after another, and accounts for every sample and slice of them.

    A message that is exactly one slice goes through without a copy. Samples that come out of order
    find their place while their slice is being cut; later they are only counted. A slice of which
    nothing came is not made: in `slices` it is untaken, those made are "inferred".
    """

    def __init__(self, spec: SpectrogramSpec) -> None:
        self._spec = spec
        self.samples = SampleLedger()
        self.slices = SliceLedger()
        self.header: IqHeader | None = None  # the stream's newest
        self.end = 0  # the index after the stream's last known sample
        self._size = 1  # samples in a slice
        self._buffer: npt.NDArray[Any] | None = None  # the slice being cut
        self._index = 0  # of the slice being cut, or else of the next that may come
        self._missing = 0  # samples of the slice being cut

    def is_new(self, header: IqHeader) -> bool:
        """Whether `header` begins another stream than the one being cut."""
        return self.header is None or header.stream != self.header.stream

    def restart(self, header: IqHeader) -> None:
        """Begin the stream of `header`; the one before must be finished."""
        self._size = self._spec.slice_samples(header.sample_rate_hz)
        if self._size < 1:
            raise UsageError(
                f"sample rate {header.sample_rate_hz:g} S/s leaves no sample in a slice of "
                f"{self._spec.duration_s:g} s: raise the rate"
            )
        # A stream that begins while we listen begins at 0; the first is joined wherever it is.
        joined = max(0, header.sample_index - sum(loss.samples for loss in header.lost))
        self.end = joined if self.header is None else 0
        self.samples.restart(None if self.header is None else 0)
        self._index = self.end // self._size
        self.slices.restart(self._index)
        self.header = self._feeder = header

    def take(self, header: IqHeader, payload: npt.NDArray[Any] | None) -> list[CutSlice]:
        """The slices that a message completes. `payload` is [sample_count, 2], or None where the
        message came too late to be used: then its samples are only counted.
        """
        cut: list[CutSlice] = []
        if self.is_new(header):
            cut += self.finish()
            self.restart(header)
        self.header = header
        new = self.samples.take(header.sample_index, header.sample_count, header.lost)
        self.end = max(self.end, header.sample_index + header.sample_count)
        if payload is None:
            return cut
        for start, stop in new:
            for index in range(start // self._size, -(-stop // self._size)):
                first = max(start, index * self._size)
                last = min(stop, (index + 1) * self._size)
                piece = payload[first - header.sample_index : last - header.sample_index]
                cut += self._place(header, index, first - index * self._size, piece)
        return cut

    def finish(self, end: int = 0, lost: Iterable[Loss] = ()) -> list[CutSlice]:
        """End the stream, at sample index `end` if that is known; its last slice may be partial."""
        cut = self._flush()
        if self.header is not None:
            self.samples.finish(end, tuple(lost))
            self.end = max(self.end, end)
            self.slices.finish(-(-self.end // self._size))
        return cut

    def _place(
        self, header: IqHeader, index: int, at: int, piece: npt.NDArray[Any]
    ) -> list[CutSlice]:
        if index < self._index:
            return []  # its slice is done
        cut = self._flush() if index > self._index else []
        self._index, self._feeder = index, header
        if len(piece) == self._size:
            return [*cut, self._made(piece, 0)]
        if self._buffer is None:
            self._buffer = np.zeros((self._size, 2), piece.dtype)
            self._missing = self._size
        self._buffer[at : at + len(piece)] = piece
        self._missing -= len(piece)
        return cut if self._missing else cut + self._flush()

    def _flush(self) -> list[CutSlice]:
        if self._buffer is None:
            return []
        buffer, self._buffer = self._buffer, None
        return [self._made(buffer, self._missing)]

    def _made(self, samples: npt.NDArray[Any], missing: int) -> CutSlice:
        cut = CutSlice(self._feeder, self._index, samples, missing)
        self.slices.settle(self._index, "inferred")
        self._index += 1
        return cut
