"""SigMF annotations as boxes in a slice: by samples, and by shares of the band.

SigMF 1.2, annotations: edges in Hz are at RF where the capture tells its centre, else from it; one
without edges is of the whole band, one without a count lasts as long as its capture.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from radiofm.errors import RecordingError
from radiofm.recording import Recording
from radiofm.segment import Segment
from radiofm.sigmf_meta import Annotation

NOISE = "noise"  # what is where nothing is
SIGNAL = "signal"  # the label of an annotation that has none


class Box(NamedTuple):
    """What is annotated of one segment."""

    label: str
    start: int  # sample of the file
    stop: int
    low: float  # of the band, from 0 (its lowest frequency)
    high: float  # to 1
    power_dbfs: float | None  # of the whole signal, while it is on
    snr_db: float | None

    @property
    def area(self) -> float:
        return (self.stop - self.start) * (self.high - self.low)

    @property
    def energy(self) -> float:
        """Power in the linear, times samples; 0 where it is not told."""
        power = 0.0 if self.power_dbfs is None else 10 ** (self.power_dbfs / 10)
        return power * (self.stop - self.start)


def boxes_of(recording: Recording) -> list[list[Box]]:
    """The boxes of each segment, as they come; raises RecordingError where none is in the band."""
    segments, found = recording.segments, [list[Box]() for _ in recording.segments]
    starts = [segment.start for segment in segments]
    for note in recording.annotations:
        start = note.core_sample_start - recording.info.core_offset
        first = max(bisect_right(starts, start) - 1, 0)
        if note.core_sample_count is None:
            last = first + 1
        else:
            last = bisect_left(starts, start + note.core_sample_count)
        for number in range(first, last):
            if box := _box(recording, segments[number], note, start):
                found[number].append(box)
    if recording.annotations and not any(found):
        raise RecordingError(
            f"{recording.path}: none of its {len(recording.annotations)} annotations is in what "
            "was recorded: their edges are to be in Hz at RF, with core:frequency in the capture"
        )
    return found


def _box(recording: Recording, segment: Segment, note: Annotation, start: int) -> Box | None:
    """The part of an annotation, from sample `start` of the file, that is in a segment's band."""
    end = segment.start + segment.count
    stop = end if note.core_sample_count is None else start + note.core_sample_count
    start, stop = max(start, segment.start), min(stop, end)
    lower, upper = note.core_freq_lower_edge, note.core_freq_upper_edge
    if lower is not None and upper is not None and lower > upper:
        raise RecordingError(
            f"{recording.path}: an annotation at sample {note.core_sample_start} goes from "
            f"{lower:g} to {upper:g} Hz: exchange its edges"
        )
    center = segment.center_frequency_hz or 0.0

    def share(edge: float | None, otherwise: float) -> float:
        return otherwise if edge is None else (edge - center) / recording.sample_rate_hz + 0.5

    low, high = share(lower, 0.0), share(upper, 1.0)
    if start >= stop or low >= 1 or high <= 0:
        return None
    return Box(
        note.core_label or SIGNAL, start, stop, max(low, 0.0), min(high, 1.0),
        note.radiofm_power_dbfs, note.radiofm_snr_db,
    )  # fmt: skip


class Boxes:
    """Boxes that are asked for by time."""

    def __init__(self, boxes: Sequence[Box]) -> None:
        self._boxes = boxes
        self._starts = np.array([box.start for box in boxes], np.int64)
        self._stops = np.array([box.stop for box in boxes], np.int64)

    def within(self, start: int, samples: int, columns: int) -> list[Box]:
        """The parts in a slice of `columns` columns.

        A box that reaches in by less than a column, and goes on outside, is left out.
        """
        found = []
        touching = (self._starts < start + samples) & (self._stops > start)
        for box in (self._boxes[number] for number in np.flatnonzero(touching).tolist()):
            part = box._replace(start=max(box.start, start), stop=min(box.stop, start + samples))
            if part.stop - part.start >= min(samples / columns, box.stop - box.start):
                found.append(part)
        return found


def dominant(boxes: Sequence[Box]) -> str:
    """The label with the most energy in a slice, where all powers are told; else with the most
    area. NOISE where there are no signals; of equal ones the first in the alphabet."""
    signals = sorted((box for box in boxes if box.label != NOISE), key=lambda box: box.label)
    told = all(box.power_dbfs is not None for box in signals)
    weights: dict[str, float] = {}
    for box in signals:
        weights[box.label] = weights.get(box.label, 0.0) + (box.energy if told else box.area)
    return max(weights, key=lambda label: weights[label], default=NOISE)
