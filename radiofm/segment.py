"""Segments: what a recording's captures say of its samples, its gaps and its streams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from radiofm.errors import RecordingError
from radiofm.sigmf_meta import Capture, Meta
from radiofm.wire import Loss


@dataclass(frozen=True, slots=True)
class Segment:
    """Samples without a gap under one tuning. None stands for what the file does not say."""

    start: int  # first sample, counted in the file
    count: int
    global_index: int  # of the first sample, the lost ones counted
    center_frequency_hz: float | None
    time_ns: int | None  # UTC of the first sample
    bandwidth_hz: float | None
    gain_db: float | None
    gain_mode: str | None
    lost: tuple[Loss, ...]  # just before the segment
    new_stream: bool  # the first, and after each retune, gain change or restart


def segments_of(
    path: Path, meta: Meta, count: int, center_frequency_hz: float | None
) -> tuple[Segment, ...]:
    """The segments of `count` samples, all of them covered, or RecordingError.

    `center_frequency_hz` is for captures that do not tell theirs.
    """
    offset = meta.info.core_offset  # of a split recording: its indices go on from file to file
    floor = offset
    for number, capture in enumerate(meta.captures):
        start = capture.core_sample_start
        if start < floor:
            raise RecordingError(
                f"{path}: capture {number} begins at sample {start}, before {floor} where the one "
                "in front of it does: sort the captures"
            )
        if start > offset + count:
            raise RecordingError(
                f"{path}: capture {number} begins at sample {start} but the data ends at "
                f"{offset + count}: the data file is cut short"
            )
        floor = start
    captures = list(meta.captures)
    if not captures or captures[0].core_sample_start > offset:
        captures.insert(0, Capture(core_sample_start=offset))
    starts = [capture.core_sample_start - offset for capture in captures]
    segments: list[Segment] = []
    last: Capture | None = None
    for capture, start, end in zip(captures, starts, [*starts[1:], count], strict=True):
        if end > start:
            before = segments[-1] if segments else None
            segments.append(_segment(capture, start, end, center_frequency_hz, last, before))
            last = capture
    return tuple(segments)


def slice_starts(segments: Iterable[Segment], samples: int) -> Iterator[tuple[int, int]]:
    """(segment, first sample) of each slice: back to back within a segment, none across a gap."""
    for number, segment in enumerate(segments):
        last = segment.start + segment.count - samples
        yield from ((number, start) for start in range(segment.start, last + 1, samples))


def _segment(
    capture: Capture,
    start: int,
    end: int,
    center_frequency_hz: float | None,
    last: Capture | None,
    before: Segment | None,
) -> Segment:
    index = capture.core_global_index
    index = capture.core_sample_start if index is None else index
    jump = 0 if before is None else index - (before.global_index + before.count)
    new_stream = last is None or _stream(last) != _stream(capture) or jump < 0
    lost = capture.radiofm_lost
    if lost is None or (not new_stream and sum(loss.samples for loss in lost) != jump):
        lost = (Loss(samples=jump, exact=True, stage="device"),) if jump > 0 else ()
    known = capture.core_frequency
    return Segment(
        start=start,
        count=end - start,
        global_index=index,
        center_frequency_hz=center_frequency_hz if known is None else known,
        time_ns=capture.core_datetime,
        bandwidth_hz=capture.radiofm_bandwidth_hz,
        gain_db=capture.radiofm_gain_db,
        gain_mode=capture.radiofm_gain_mode,
        lost=lost,
        new_stream=new_stream,
    )


def _stream(capture: Capture) -> tuple[object, ...]:
    """What lasts as long as a stream does."""
    return (
        capture.radiofm_stream,
        capture.core_frequency,
        capture.radiofm_bandwidth_hz,
        capture.radiofm_gain_db,
        capture.radiofm_gain_mode,
    )
