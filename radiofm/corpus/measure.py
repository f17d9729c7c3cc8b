"""One recording, read once: what the index keeps of it and of each of its slices."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from radiofm.corpus.figures import dc_spur_db, occupancy
from radiofm.corpus.fingerprint import fingerprint
from radiofm.corpus.statistics import Statistics
from radiofm.errors import RecordingError
from radiofm.level import count_clipped, level_dbfs
from radiofm.recording import Recording
from radiofm.segment import Segment, slice_starts
from radiofm.spectrogram import Image, Spectrogram, SpectrogramSpec

HASH_BYTES = 8 * 2**20  # at a time, of what no slice covers


class RecordingRow(NamedTuple):
    """Of the table `recordings`, what the data file and its metadata say."""

    sha512: str
    datatype: str
    sample_rate_hz: float
    full_scale: float
    samples: int
    sample_offset: int
    hardware: str | None
    statistics: bytes


class SegmentRow(NamedTuple):
    """Of the table `segments`."""

    number: int
    start: int
    length: int
    global_index: int
    center_frequency_hz: float | None
    time_ns: int | None
    gain_db: float | None
    gain_mode: str | None
    lost: int
    untaken: int


class SliceRow(NamedTuple):
    """Of the table `slices`."""

    number: int
    segment: int
    start: int
    level_dbfs: float
    clipped: int
    occupancy: float
    dc_spur_db: float
    min_db: float
    max_db: float
    fingerprint: int | None


@dataclass(frozen=True)
class Measured:
    """All that is kept of one recording."""

    recording: RecordingRow
    segments: list[SegmentRow]
    slices: list[SliceRow]


def measure(
    path: Path, spec: SpectrogramSpec, progress: Callable[[int], None] = lambda read: None
) -> Measured:
    """Read the recording at `path` once, from end to end; `progress` is told the bytes read.

    Raises RecordingError (also where its data is not what core:sha512 says), UsageError for a rate
    that gives no slices of `spec`, and OSError. For one thread at a time.
    """
    recording = Recording.open(path, verify=False)  # checked below, by the same pass
    spectrogram = _spectrogram(spec, recording.sample_rate_hz)
    content = _Hash(recording, progress)
    statistics = Statistics()
    slices: list[SliceRow] = []
    for segment, start in slice_starts(recording.segments, spectrogram.samples):
        row, decibels = _slice(recording, spectrogram, len(slices), segment, start)
        statistics.add(spec.relative(decibels))
        slices.append(row)
        content.reach(start + spectrogram.samples)
    content.reach(recording.count)
    info, sha512 = recording.info, content.hexdigest()
    if info.core_sha512 and info.core_sha512.lower() != sha512:
        raise RecordingError(
            f"{path}: the SHA-512 of its samples is {sha512[:12]}..., core:sha512 says "
            f"{info.core_sha512[:12]}...: they are damaged or another recording's: fetch both anew"
        )
    return Measured(
        RecordingRow(
            sha512,
            recording.datatype,
            recording.sample_rate_hz,
            recording.full_scale,
            recording.count,
            info.core_offset,
            info.core_hw,
            statistics.to_bytes(),
        ),
        [_segment(*numbered) for numbered in enumerate(recording.segments)],
        slices,
    )


class _Hash:
    """SHA-512 of the samples as on disk, taken along: a slice's bytes are in the cache then."""

    def __init__(self, recording: Recording, progress: Callable[[int], None]) -> None:
        self._data, self._progress = recording.data, progress
        self._hash = hashlib.sha512()
        self._at = 0

    def reach(self, sample: int) -> None:
        step = max(1, HASH_BYTES // (2 * self._data.itemsize))
        while self._at < sample:
            end = min(self._at + step, sample)
            part = np.ascontiguousarray(self._data[self._at : end])
            self._hash.update(part.view(np.uint8).data)
            self._at = end
            self._progress(end * 2 * self._data.itemsize)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


@lru_cache(maxsize=8)
def _spectrogram(spec: SpectrogramSpec, sample_rate_hz: float) -> Spectrogram:
    return Spectrogram(spec, sample_rate_hz)


def _slice(
    recording: Recording, spectrogram: Spectrogram, number: int, segment: int, start: int
) -> tuple[SliceRow, Image]:
    samples = recording.read(start, spectrogram.samples)
    level = level_dbfs(samples, recording.full_scale)
    if not np.isfinite(level):
        raise RecordingError(
            f"{recording.path}: samples {start} to {start + spectrogram.samples} are not all "
            "numbers (NaN or infinite): cut them out"
        )
    decibels = spectrogram.decibels(samples, recording.full_scale)
    row = SliceRow(
        number,
        segment,
        start,
        level,
        count_clipped(samples, recording.full_scale),
        occupancy(decibels),
        dc_spur_db(decibels),
        float(decibels.min()),
        float(decibels.max()),
        fingerprint(samples),
    )
    return row, decibels


def _segment(number: int, segment: Segment) -> SegmentRow:
    lost, untaken = (
        sum(loss.samples for loss in segment.lost if loss.untaken == which)
        for which in (False, True)
    )
    return SegmentRow(
        number,
        segment.start,
        segment.count,
        segment.global_index,
        segment.center_frequency_hz,
        segment.time_ns,
        segment.gain_db,
        segment.gain_mode,
        lost,
        untaken,
    )
