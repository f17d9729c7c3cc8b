"""Recordings, read: SigMF pairs and raw files, in the form that travels on the wire.

`FORMATS` is the one place that says what a file's counts mean.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm.errors import RecordingError
from radiofm.segment import Segment, segments_of
from radiofm.sigmf_meta import Annotation, Info, Meta, pair, read_meta
from radiofm.wire import DTYPES, Datatype

CHECKED_BYTES = 256 * 2**20  # the hash of a longer file is only checked on request


@dataclass(frozen=True, slots=True)
class Format:
    """How samples lie in a file, the wire form that holds them without loss, its full scale."""

    dtype: str
    wire: Datatype
    full_scale: float  # counts at 0 dBFS, in the wire form


FORMATS = {
    "cu8": Format("u1", "ci16_le", 255.0),  # even about 127.5: as 2 x - 255 they are whole counts
    "ci8": Format("i1", "ci16_le", 128.0),
    "ci16_le": Format("<i2", "ci16_le", 32768.0),
    "ci16_be": Format(">i2", "ci16_le", 32768.0),
    "cf32_le": Format("<f4", "cf32_le", 1.0),
    "cf32_be": Format(">f4", "cf32_le", 1.0),
}
SUFFIXES = {
    ".cu8": "cu8",
    ".cs8": "ci8",
    ".cs16": "ci16_le",
    ".cf32": "cf32_le",
    ".cfile": "cf32_le",
    ".complex64": "cf32_le",
    ".fc32": "cf32_le",
}


@dataclass(frozen=True)
class Recording:
    """An opened recording; its data is memory-mapped and read-only."""

    path: Path  # the data file
    info: Info
    segments: tuple[Segment, ...]
    annotations: tuple[Annotation, ...]
    sample_rate_hz: float
    full_scale: float  # counts at 0 dBFS of what `read` returns
    data: npt.NDArray[Any]  # [count, 2] as on disk

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
        """Open a SigMF pair (either file of it, or their common name) or a raw file.

        A raw file needs `sample_rate_hz`, and `datatype` ("ci16_le", also "ci16" or "cs16") where
        its suffix does not say it. For SigMF, rate and centre fill in what the metadata lacks.
        `verify`: check `core:sha512`, None for files up to CHECKED_BYTES. Raises RecordingError.
        """
        path = Path(path)
        meta_path, data_path = pair(path)
        if path.is_dir():
            raise RecordingError(f"{path} is a folder: name a recording in it")
        if path.suffix.lower() == ".sigmf":
            raise RecordingError(f"{path} is a SigMF archive: unpack it with `tar xf {path.name}`")
        if path.is_file() and path not in (meta_path, data_path):
            data_path = path
            meta = _raw_meta(path, datatype, sample_rate_hz)
        elif not meta_path.is_file() and not data_path.is_file():
            raise RecordingError(f"no recording {path}: no such file, nor {meta_path}")
        elif data_path.with_suffix(".sigmf-journal").exists():
            raise RecordingError(
                f"recording {path} is open or was cut off: `radiofm corpus repair {path.parent}`"
            )
        elif not meta_path.is_file():
            raise RecordingError(f"recording {path} has no metadata: bring back {meta_path}")
        elif not data_path.is_file():
            raise RecordingError(f"recording {path} has no data: bring back {data_path}")
        else:
            meta = read_meta(meta_path)
        info = meta.info
        rate = info.core_sample_rate or sample_rate_hz
        if rate is None or rate <= 0:
            raise RecordingError(
                f"{path}: no usable sample rate ({rate}): give one (sample_rate_hz, --rate)"
            )
        form = _format(path, meta)
        data = _map(data_path, info.core_datatype, np.dtype(form.dtype))
        segments = segments_of(path, meta, len(data), center_frequency_hz)
        if verify or (verify is None and data.nbytes <= CHECKED_BYTES):
            _verify(data_path, info.core_sha512)
        # Other types have no bits to spare, so that only these two can differ.
        own_scale = info.core_datatype in ("ci16_le", "cf32_le") and info.radiofm_full_scale
        scale = own_scale or form.full_scale
        return cls(data_path, info, segments, meta.annotations, rate, scale, data)

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
        samples = part.astype(DTYPES[self.wire_datatype], copy=False)
        return samples * np.int16(2) - np.int16(255) if self.datatype == "cu8" else samples


def _raw_meta(path: Path, datatype: str | None, sample_rate_hz: float | None) -> Meta:
    name = SUFFIXES.get(path.suffix.lower()) if datatype is None else datatype
    if name is None:
        raise RecordingError(
            f"{path}: the suffix {path.suffix!r} does not say the datatype: "
            f"give it (datatype, --datatype): {', '.join(FORMATS)}"
        )
    if sample_rate_hz is None:
        raise RecordingError(
            f"{path}: a raw file does not say its sample rate: give it (sample_rate_hz, --rate)"
        )
    name = SUFFIXES.get(f".{name}", name)  # as a suffix: cs16
    return Meta(info=Info(core_datatype=f"{name}_le" if f"{name}_le" in FORMATS else name))


def _format(path: Path, meta: Meta) -> Format:
    info = meta.info
    if info.core_num_channels != 1:
        raise RecordingError(
            f"{path}: core:num_channels is {info.core_num_channels}: "
            "radiofm reads one channel: split the recording"
        )
    headers = any(capture.core_header_bytes for capture in meta.captures)
    if info.core_dataset or info.core_trailing_bytes or info.core_metadata_only or headers:
        raise RecordingError(
            f"{path} is a non-conforming data set (core:dataset, header or trailing bytes): "
            "convert it to plain SigMF"
        )
    form = FORMATS.get(info.core_datatype)
    if form is None:
        raise RecordingError(
            f"{path}: datatype {info.core_datatype!r} is not read: "
            f"convert it to one of {', '.join(FORMATS)}"
        )
    return form


def _map(path: Path, datatype: str, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    size, frame = path.stat().st_size, 2 * dtype.itemsize
    if size % frame:
        raise RecordingError(
            f"{path}: {size % frame} bytes too many for whole {datatype} samples of {frame} bytes: "
            "it is cut short, or of another datatype"
        )
    if size == 0:  # cannot be mapped
        return np.empty((0, 2), dtype)
    return np.asarray(np.memmap(path, dtype, "r")).reshape(-1, 2)


def _verify(path: Path, sha512: str | None) -> None:
    if sha512 is None:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha512").hexdigest()
    if found != sha512.lower():
        raise RecordingError(
            f"{path} is not the data that its metadata describes: its SHA-512 is {found[:12]}..., "
            f"core:sha512 is {sha512[:12]}...: take both files from the same source"
        )
