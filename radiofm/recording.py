"""Recordings, read: whatever holds samples on disk, in the form that travels on the wire."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm.errors import RecordingError
from radiofm.formats import FORMATS, format_of
from radiofm.raw_source import raw_source
from radiofm.segment import Segment, segments_of
from radiofm.sigmf_meta import Annotation, Info, pair
from radiofm.sigmf_source import archive_sources, collection_sources, pair_source
from radiofm.source import Given, Source
from radiofm.wire import DTYPES, Datatype

CHECKED_BYTES = 256 * 2**20  # the hash of a longer file is only checked on request
HASHED_SAMPLES = 1 << 20  # at a time


@dataclass(frozen=True)
class Recording:
    """An opened recording; its data is memory-mapped and read-only."""

    source: Source
    segments: tuple[Segment, ...]
    sample_rate_hz: float
    full_scale: float  # counts at 0 dBFS of what `read` returns

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        datatype: str | None = None,
        sample_rate_hz: float | None = None,
        center_frequency_hz: float | None = None,
        verify: bool | None = None,
    ) -> Recording:
        """Open the one recording that is at `path`, as `open_recordings` does."""
        given = Given(datatype, sample_rate_hz, center_frequency_hz)
        sources = _sources(Path(path), given)
        if len(sources) > 1:
            raise RecordingError(
                f"{path} holds {len(sources)} recordings: take one of them, or make them files by "
                f"`radiofm corpus import {path} --to FOLDER`"
            )
        return _opened(sources[0], given, verify)

    @property
    def path(self) -> Path:
        """The file that holds the samples."""
        return self.source.path

    @property
    def data(self) -> npt.NDArray[Any]:
        """Samples [count, 2] as on disk."""
        return self.source.data

    @property
    def info(self) -> Info:
        return self.source.meta.info

    @property
    def annotations(self) -> tuple[Annotation, ...]:
        return self.source.meta.annotations

    @property
    def datatype(self) -> str:
        """The SigMF datatype on disk."""
        return self.info.core_datatype

    @property
    def wire_datatype(self) -> Datatype:
        """The datatype of what `read` returns."""
        return FORMATS[self.datatype].wire

    @property
    def count(self) -> int:
        """Samples in the file."""
        return len(self.data)

    def read(self, start: int, count: int) -> npt.NDArray[Any]:
        """Samples [start, start + count) of the file: int16 or float32 [count, 2] (I, Q)."""
        if not 0 <= start <= start + count <= self.count:
            raise RecordingError(
                f"{self.path}: samples {start} to {start + count} are not in it: {self.count} are"
            )
        part = self.data[start : start + count]
        samples = part.astype(DTYPES[self.wire_datatype], order="C", copy=False)
        return samples * np.int16(2) - np.int16(255) if self.datatype == "cu8" else samples


def open_recordings(
    path: Path | str,
    *,
    datatype: str | None = None,
    sample_rate_hz: float | None = None,
    center_frequency_hz: float | None = None,
    verify: bool | None = None,
) -> list[Recording]:
    """Open what is at `path`, in order: several recordings for a SigMF collection or archive, or

    - a SigMF pair: either file of it, or their common name;
    - a raw file: suffix and name say what they can (raw_source.py);
    - a two-channel WAV file; a `.npy` file of the papers' RRD corpus.

    Rate and centre fill in what SigMF lacks; for other files they and `datatype` ("ci16_le", also
    "ci16" or "cs16") come before what name and header say. `verify`: check `core:sha512`, None for
    data up to CHECKED_BYTES. Raises RecordingError.
    """
    given = Given(datatype, sample_rate_hz, center_frequency_hz)
    return [_opened(source, given, verify) for source in _sources(Path(path), given)]


def _sources(path: Path, given: Given) -> list[Source]:
    if path.is_dir():
        raise RecordingError(f"{path} is a folder: name a recording in it")
    if not path.is_file() or path in pair(path):
        return [pair_source(path)]
    match path.suffix.lower():
        case ".sigmf":
            return archive_sources(path)
        case ".sigmf-collection":
            return collection_sources(path)
        case ".wav":
            from radiofm.wav_source import wav_source

            return [wav_source(path, given)]
        case ".npy":
            from radiofm.rrd_source import rrd_source

            return [rrd_source(path, given)]
        case _:
            return [raw_source(path, given)]


def _opened(source: Source, given: Given, verify: bool | None) -> Recording:
    info, data = source.meta.info, source.data
    rate = info.core_sample_rate or given.sample_rate_hz
    if rate is None or rate <= 0:
        raise RecordingError(
            f"{source.path}: no usable sample rate ({rate}): give one (sample_rate_hz, --rate)"
        )
    segments = segments_of(source.path, source.meta, len(data), given.center_frequency_hz)
    if verify or (verify is None and data.nbytes <= CHECKED_BYTES):
        _verify(source)
    # Other types have no bits to spare, so that only these two can differ.
    own_scale = info.core_datatype in ("ci16_le", "cf32_le") and info.radiofm_full_scale
    scale = own_scale or format_of(source.path, source.meta).full_scale
    return Recording(source, segments, rate, scale)


def _verify(source: Source) -> None:
    sha512 = source.meta.info.core_sha512
    if sha512 is None:
        return
    digest = hashlib.sha512()
    for start in range(0, len(source.data), HASHED_SAMPLES):
        part = source.data[start : start + HASHED_SAMPLES]
        digest.update(part.view(np.uint8).reshape(-1).data)
    found = digest.hexdigest()
    if found != sha512.lower():
        raise RecordingError(
            f"{source.path} is not the data that its metadata describes: its SHA-512 is "
            f"{found[:12]}..., core:sha512 is {sha512[:12]}...: take both from the same source"
        )
