"""Recordings cut into slices, for data sets whose labels say what is in them.

Slices are whole and back to back within a segment, as a corpus cuts them. A recording shorter than
a slice is left out: repeated to fill one, it would show lines that were never on the air.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Hashable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from radiofm.corpus.spec import base_spec
from radiofm.errors import RecordingError
from radiofm.recording import Recording, open_recordings
from radiofm.segment import Segment, slice_starts
from radiofm.sigmf_meta import pair
from radiofm.spectrogram import Spectrogram, SpectrogramSpec
from radiofm_models.datasets.dataset import Array, Dataset
from radiofm_models.datasets.files import check_folder
from radiofm_models.datasets.slices import AXES

OPEN_FILES = 64  # recordings held open at a time

log = logging.getLogger(__name__)


class Source(NamedTuple):
    """A recording: its file in the set's folder, and which of those in an archive it is."""

    file: str
    number: int = 0


class Place(NamedTuple):
    """Where a slice is."""

    source: Source
    segment: int  # of the recording's
    start: int  # sample of the file
    samples: int


class Recorded(Dataset):
    """Items are dBFS images [1, height, width] of `spec`; Table I where none is given."""

    axes = AXES
    spec: SpectrogramSpec

    def __init__(self, path: Path | str, spec: SpectrogramSpec | None) -> None:
        self.path = Path(path)
        check_folder(self.path)
        self.spec = base_spec(spec or SpectrogramSpec())
        self._found: set[Path] = set()
        self._open = lru_cache(OPEN_FILES)(self._verified)
        self._spectrogram = lru_cache(8)(Spectrogram)

    def _places(
        self, source: Source, recording: Recording, start_s: float = 0, stop_s: float | None = None
    ) -> list[Place]:
        """The slices of a recording that lie between two times of it, in seconds."""
        rate = recording.sample_rate_hz
        samples = self._spectrogram(self.spec, rate).samples
        stop = recording.count if stop_s is None else round(stop_s * rate)
        segments = [_within(s, round(start_s * rate), stop) for s in recording.segments]
        return [
            Place(source, segment, start, samples)
            for segment, start in slice_starts(segments, samples)
        ]

    def _keep(self, places: Sequence[Place], short: int, known: Hashable) -> None:
        """Take `places` as items; `known` is all that is said of them."""
        slice_ms = self.spec.duration_s * 1e3
        if not places:
            raise RecordingError(
                f"{self.path}: none of its {short} recordings has {slice_ms:g} ms without a gap, "
                "which is one slice: record for longer"
            )
        if short:
            log.warning("%s: %d recordings under %g ms are left out", self.path, short, slice_ms)
        self._kept = places
        self.follows = np.array([False, *(_goes_on(*pair) for pair in pairwise(places))])
        self.files = sorted(self._found)
        self.files += [meta for file in self.files if (meta := pair(file)[0]).is_file()]
        self._known = hashlib.sha256(repr((list(places), known)).encode()).hexdigest()

    def __len__(self) -> int:
        return len(self._kept)

    def fingerprint(self) -> str:
        """Of the labels, too."""
        return hashlib.sha256(f"{super().fingerprint()} {self._known}".encode()).hexdigest()

    def _sources(self, file: str) -> list[tuple[Source, Recording]]:
        """The recordings of a file; their samples are verified when slices are read."""
        found = open_recordings(self.path / file, verify=False)
        self._found |= {recording.path for recording in found}
        return [(Source(file, number), recording) for number, recording in enumerate(found)]

    def _verified(self, source: Source) -> Recording:
        return open_recordings(self.path / source.file)[source.number]

    def _image(self, index: int) -> Array:
        place = self._kept[index]
        recording = self._open(place.source)
        compute = self._spectrogram(self.spec, recording.sample_rate_hz)
        samples = recording.read(place.start, place.samples)
        return compute.decibels(samples, recording.full_scale)[None]


def _goes_on(before: Place, after: Place) -> bool:
    return after == before._replace(start=before.start + before.samples)


def _within(segment: Segment, start: int, stop: int) -> Segment:
    """The part of a segment that lies in the samples [start, stop) of the file."""
    first = max(segment.start, start)
    last = min(segment.start + segment.count, stop)
    return replace(segment, start=first, count=max(last - first, 0))
