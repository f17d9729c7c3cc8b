"""Recordings as a device: at their own pace, faster, slower or as fast as can be."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from threading import Event

from radiofm.errors import RecordingError, UsageError
from radiofm.recording import Recording
from radiofm.segment import Segment
from radiofm.wire import TimeQuality
from radiofm_capture.device import Block, Tuning

BLOCK_SECONDS = 0.008


class ReplayDevice:
    """Plays recordings one after the other: a `Device` (device.py).

    Gaps are played as gaps (`lost`, and at a pace their time), retunes and gain changes begin new
    streams, as does each recording (of a SigMF collection too, whose parts are played in its
    order) and each loop; a stream's index begins at 0. No block crosses
    a segment. `speed` is a factor, None as fast as can be; `loops` 0 is without end.
    The time of the first sample is the recorded one, where none is recorded the host's.
    """

    def __init__(self, *recordings: Recording, speed: float | None = 1.0, loops: int = 1) -> None:
        if speed is not None and not 0 < speed < float("inf"):
            raise UsageError(f"replay speed {speed} is not above 0: give a factor, or max")
        if loops < 0:
            raise UsageError(f"replay loops {loops} is below 0: give a number, 0 for without end")
        for recording in recordings:
            if recording.count == 0:
                raise RecordingError(f"{recording.path} holds no samples: nothing to play")
        self._speed = speed
        self._stopped = Event()
        self._due = 0.0  # monotonic time at which the last block's last sample was
        passes = range(loops) if loops else itertools.count()
        self._blocks = (b for _ in passes for recording in recordings for b in _blocks(recording))

    def start(self) -> None:
        """Begin to stream: the pace counts from here."""
        self._due = time.monotonic()

    def read(self) -> Block | None:
        """The next block, when its last sample is due; None at the end or when stopped."""
        if self._stopped.is_set():
            return None
        block = next(self._blocks, None)
        if block is None or self._speed is None:
            return block
        span = len(block.samples) + sum(loss.samples for loss in block.lost)
        self._due += span / block.tuning.sample_rate_hz / self._speed
        wait = self._due - time.monotonic()
        return None if wait > 0 and self._stopped.wait(wait) else block

    def stop(self) -> None:
        """End the stream for good: a waiting `read` returns None."""
        self._stopped.set()

    def close(self) -> None:
        """Let the recordings go."""
        self.stop()
        self._blocks.close()


def _blocks(recording: Recording) -> Iterator[Block]:
    rate = recording.sample_rate_hz
    size = max(1, round(rate * BLOCK_SECONDS))
    index = 0  # in the stream
    began_ns = 0  # host's time of the stream's sample 0
    for segment in recording.segments:
        if segment.new_stream:
            index, began_ns = 0, time.time_ns()
        index += sum(loss.samples for loss in segment.lost)
        first_ns = segment.time_ns
        quality: TimeQuality = "host" if first_ns is None else "recorded"
        if first_ns is None:
            first_ns = began_ns + round(index * 1e9 / rate)
        tuning = _tuning(recording, segment)
        for done in range(0, segment.count, size):
            count = min(size, segment.count - done)
            yield Block(
                samples=recording.read(segment.start + done, count),
                sample_index=index + done,
                time_ns=first_ns + round(done * 1e9 / rate),
                time_quality=quality,
                tuning=tuning,
                lost=() if done else segment.lost,
                new_stream=segment.new_stream and done == 0,
            )
        index += segment.count


def _tuning(recording: Recording, segment: Segment) -> Tuning:
    bandwidth = segment.bandwidth_hz
    return Tuning(
        center_frequency_hz=segment.center_frequency_hz or 0.0,
        sample_rate_hz=recording.sample_rate_hz,
        bandwidth_hz=recording.sample_rate_hz if bandwidth is None else bandwidth,
        gain_db=segment.gain_db,
        gain_mode=segment.gain_mode or "unknown",
        datatype=recording.wire_datatype,
        full_scale=recording.full_scale,
        hardware=recording.info.core_hw or "",
    )
