"""Cuts a device's blocks into iq messages: never across a slice boundary, never across a gap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import numpy.typing as npt

from radiofm.wire import DTYPES, Loss, TimeQuality, merge_losses
from radiofm_capture.device import Block, Tuning

SLICE_S = 0.016


def slice_samples(rate: float) -> int:
    """Samples of one slice at a rate in S/s."""
    return round(SLICE_S * rate)


@dataclass(frozen=True, slots=True)
class Frame:
    """The samples of one iq message, at most one slice. `samples` belongs to the receiver."""

    stream: UUID
    tuning: Tuning
    sample_index: int
    time_ns: int
    time_quality: TimeQuality
    lost: tuple[Loss, ...]
    samples: npt.NDArray[Any]  # [count, 2]


class Framer:
    """Turns blocks of any length into frames whose ends are slice boundaries."""

    def __init__(self) -> None:
        self.stream = uuid4()
        self.sample_index = 0  # the next one expected
        self.tuning: Tuning | None = None
        self._frame: npt.NDArray[Any] | None = None
        self._filled = 0
        self._start = (0, 0)  # index and time of the frame's first sample
        self._quality: TimeQuality = "host"
        self.lost: tuple[Loss, ...] = ()  # since the last frame

    @property
    def slice_samples(self) -> int:
        return slice_samples(self.tuning.sample_rate_hz) if self.tuning else 0

    def add(self, block: Block) -> Iterator[Frame]:
        """Take in a block; yield the frames that are full, or ended by a gap or a new stream."""
        if block.new_stream or block.lost or block.sample_index != self.sample_index:
            yield from self.flush()
        if block.new_stream or self.tuning is None:
            self.stream, self.tuning = uuid4(), block.tuning
            self.lost = ()
        self.lost = merge_losses((*self.lost, *block.lost))
        self._quality = block.time_quality
        self.sample_index = block.sample_index
        rate = block.tuning.sample_rate_hz
        done = 0
        while done < len(block.samples):
            index = block.sample_index + done
            room = self.slice_samples - index % self.slice_samples
            if self._frame is None:
                dtype = DTYPES[block.tuning.datatype]
                self._frame = np.empty((room, 2), dtype)
                self._filled = 0
                self._start = (index, block.time_ns + round(done / rate * 1e9))
            take = min(len(self._frame) - self._filled, len(block.samples) - done)
            self._frame[self._filled : self._filled + take] = block.samples[done : done + take]
            self._filled += take
            done += take
            self.sample_index = index + take
            if self._filled == len(self._frame):
                yield from self.flush()

    def flush(self) -> Iterator[Frame]:
        """Yield what has come of the frame at hand."""
        if self._frame is not None and self.tuning is not None:
            frame, lost = self._frame[: self._filled], self.lost
            self._frame, self.lost = None, ()
            index, time_ns = self._start
            yield Frame(self.stream, self.tuning, index, time_ns, self._quality, lost, frame)
