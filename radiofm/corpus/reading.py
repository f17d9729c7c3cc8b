"""Reading a corpus: its spec, its recordings, and the slices of a split as samples or images."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt

from radiofm.corpus.find import Stamp, stamp
from radiofm.corpus.index import open_index
from radiofm.corpus.spec import read_spec
from radiofm.corpus.split import SPLITS, SplitRule, get_rule
from radiofm.errors import RecordingError, UsageError
from radiofm.recording import Recording
from radiofm.spectrogram import Image, Spectrogram, SpectrogramSpec

OPEN_FILES = 64  # recordings held open at a time


@dataclass(frozen=True, slots=True)
class CorpusRecording:
    """One recording of a corpus."""

    id: int
    path: str  # of the file that holds the samples, relative to the corpus
    sha512: str  # of the samples as on disk
    datatype: str  # SigMF, on disk
    sample_rate_hz: float
    full_scale: float  # counts at 0 dBFS, as read
    samples: int
    hardware: str | None
    session: str
    band: str
    device: str
    split: str | None
    stamp: Stamp = field(repr=False)


@dataclass(frozen=True, slots=True)
class CorpusSlice:
    """Where one slice is and what is known of it; `figures.py` says how it was estimated."""

    recording: int
    number: int  # in the recording, from 0
    start: int  # sample of the file
    center_frequency_hz: float | None
    time_ns: int | None  # UTC of the first sample
    gain_db: float | None
    gain_mode: str | None
    level_dbfs: float
    clipped: int  # samples
    occupancy: float  # share of cells
    dc_spur_db: float
    min_db: float
    max_db: float


@dataclass(frozen=True, slots=True)
class IqSlice:
    """The samples of one slice, as they were recorded."""

    samples: npt.NDArray[Any]  # int16 or float32 [n, 2] (I, Q), not to be written to
    full_scale: float  # counts at 0 dBFS
    sample_rate_hz: float
    center_frequency_hz: float | None
    recording: int
    number: int


class Corpus:
    """An opened corpus. One object a thread and a process: it keeps files and buffers.

        corpus = Corpus.open(folder)
        for place in corpus.slices("train"):
            image = corpus.decibels(place)               # float32 [height, width], dBFS
            ready = corpus.spec.standardise(image)       # what the encoder takes

    A recording that changed since it was indexed raises RecordingError.
    """

    def __init__(
        self,
        folder: Path,
        spec: SpectrogramSpec,
        rule: SplitRule | None,
        recordings: dict[int, CorpusRecording],
    ) -> None:
        self.folder, self.spec, self.rule, self.recordings = folder, spec, rule, recordings
        self._open: OrderedDict[int, Recording] = OrderedDict()
        self._spectrograms: dict[float, Spectrogram] = {}

    @classmethod
    def open(cls, folder: Path | str) -> Corpus:
        """The corpus in `folder`, as `radiofm corpus build` left it; raises RecordingError."""
        folder = Path(folder)
        names = [name for name in CorpusRecording.__slots__ if name != "stamp"]
        with open_index(folder) as index:
            rows = index.execute("SELECT * FROM recordings ORDER BY path").fetchall()
            rule = get_rule(index)
        recordings = {
            row["id"]: CorpusRecording(
                **{name: row[name] for name in names},
                stamp=Stamp(*(row[name] for name in Stamp._fields)),
            )
            for row in rows
        }
        return cls(folder, read_spec(folder), rule, recordings)

    def slices(self, split: str | None = None) -> list[CorpusSlice]:
        """The slices of a split, of all for None: by path of the recording, then by number."""
        if split is not None and split not in SPLITS:
            raise UsageError(f"split {split!r} is unknown: take one of {', '.join(SPLITS)}")
        if split is not None and self.rule is None:
            raise UsageError(
                f"{self.folder} is not split: run `radiofm corpus split {self.folder}` first"
            )
        return list(self._slices(split))

    def _slices(self, split: str | None) -> Iterator[CorpusSlice]:
        with open_index(self.folder) as index:
            yield from (
                CorpusSlice(*row)
                for row in index.execute(
                    "SELECT slices.recording, slices.number, slices.start, center_frequency_hz,"
                    " time_ns + CAST(1e9 * (slices.start - segments.start) / sample_rate_hz"
                    " AS INTEGER), gain_db, gain_mode, level_dbfs, clipped, occupancy, dc_spur_db,"
                    " min_db, max_db FROM slices"
                    " JOIN segments ON segments.recording = slices.recording"
                    " AND segments.number = segment"
                    " JOIN recordings ON id = slices.recording"
                    " WHERE ? IS NULL OR split = ? ORDER BY path, slices.number",
                    (split, split),
                )
            )

    def read(self, place: CorpusSlice) -> IqSlice:
        """The samples of a slice."""
        recording = self._recording(place.recording)
        count = self.spec.slice_samples(recording.sample_rate_hz)
        return IqSlice(
            recording.read(place.start, count),
            recording.full_scale,
            recording.sample_rate_hz,
            place.center_frequency_hz,
            place.recording,
            place.number,
        )

    def decibels(self, place: CorpusSlice) -> Image:
        """The image of a slice before standardising: dBFS, float32 [height, width]."""
        iq = self.read(place)
        rate = iq.sample_rate_hz
        if rate not in self._spectrograms:
            self._spectrograms[rate] = Spectrogram(self.spec, rate)
        return self._spectrograms[rate].decibels(iq.samples, iq.full_scale)

    def _recording(self, id: int) -> Recording:
        if id in self._open:
            self._open.move_to_end(id)
            return self._open[id]
        known = self.recordings[id]
        path = self.folder / known.path
        try:
            same = stamp(path) == known.stamp
        except OSError:
            same = False
        if not same:
            raise RecordingError(
                f"{path} is gone or has changed since it was indexed: "
                f"run `radiofm corpus build {self.folder}`"
            )
        self._open[id] = Recording.open(path, verify=False)
        if len(self._open) > OPEN_FILES:
            self._open.popitem(last=False)
        return self._open[id]
