"""SigMF metadata: what radiofm reads of it and writes, with the optional extension `radiofm`.

SigMF 1.2 (https://sigmf.org). A field `core_sample_start` is the key `core:sample_start`, a field
`radiofm_gain_db` the key `radiofm:gain_db`. Keys of other extensions are passed over.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
)

from radiofm import __version__
from radiofm.errors import RecordingError
from radiofm.wire import Loss, TimeQuality

RECORDER = f"radiofm {__version__}"
_BILLION = 10**9
_Model = TypeVar("_Model", bound=BaseModel)


def parse_time(text: object) -> object:
    """RFC 3339 text to nanoseconds since 1970, UTC, exact to the last of nine digits."""
    if not isinstance(text, str):
        return text
    parts = re.fullmatch(
        r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)?", text
    )
    if parts is None:
        raise ValueError("must be a time such as 2026-01-31T23:59:59.123456789Z")
    second = datetime.fromisoformat(parts[1].upper() + (parts[3] or "Z").upper())
    return int(second.timestamp()) * _BILLION + int((parts[2] or "0")[:9].ljust(9, "0"))


def format_time(time_ns: int) -> str:
    """Nanoseconds since 1970, UTC, to the form SigMF allows (`Z` only), with nine digits."""
    second = datetime.fromtimestamp(time_ns // _BILLION, UTC)
    return f"{second:%Y-%m-%dT%H:%M:%S}.{time_ns % _BILLION:09d}Z"


Time = Annotated[
    int, BeforeValidator(parse_time), Field(ge=0), PlainSerializer(format_time, when_used="json")
]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Frequency = Annotated[float, Field(ge=0, le=1e12)]


class _Keys(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        allow_inf_nan=False,
        populate_by_name=True,
        alias_generator=lambda field: field.replace("_", ":", 1),
    )


class Extension(BaseModel):
    name: str
    version: str
    optional: bool


EXTENSION = Extension(name="radiofm", version=__version__, optional=True)


class Info(_Keys):
    """The `global` object."""

    core_datatype: str
    core_version: str | None = None  # of the specification
    core_sample_rate: Annotated[float, Field(gt=0, le=1e10)] | None = None
    core_num_channels: int = 1
    core_offset: Count = 0
    core_hw: str | None = None
    core_recorder: str | None = None
    core_description: str | None = None
    core_sha512: str | None = None
    core_collection: str | None = None  # name of the .sigmf-collection beside it
    core_extensions: tuple[Extension, ...] = ()
    core_dataset: str | None = None
    core_trailing_bytes: int | None = None
    core_metadata_only: bool | None = None
    radiofm_full_scale: Annotated[float, Field(gt=0)] | None = None  # counts at 0 dBFS
    radiofm_annotated_by: tuple[str, ...] | None = None  # core:generator of heads that saw it all


class Capture(_Keys):
    """One capture segment. `radiofm:stream` counts the streams of the file (device.py)."""

    core_sample_start: Count
    core_global_index: Count | None = None
    core_frequency: Frequency | None = None
    core_datetime: Time | None = None
    core_header_bytes: int | None = None
    radiofm_gain_db: float | None = None
    radiofm_gain_mode: Annotated[str, Field(max_length=32)] | None = None
    radiofm_bandwidth_hz: Annotated[float, Field(ge=0)] | None = None
    radiofm_time_quality: TimeQuality | None = None
    radiofm_stream: int | None = None
    radiofm_lost: Annotated[tuple[Loss, ...], Field(max_length=64)] | None = None  # just before


class Annotation(_Keys):
    """A labelled box: samples of the file by frequencies, RF-absolute where the centre is known."""

    core_sample_start: Count
    core_sample_count: Count | None = None
    core_freq_lower_edge: float | None = None
    core_freq_upper_edge: float | None = None
    core_label: str | None = None
    core_comment: str | None = None
    core_generator: str | None = None
    radiofm_snr_db: float | None = None  # in the signal's own bandwidth
    radiofm_power_dbfs: float | None = None  # of the whole signal at the antenna, while it is on
    radiofm_alias: bool | None = None  # the receiver folded it back into the band
    radiofm_confidence: float | None = None  # a head's, the mean over the slices
    radiofm_novelty: float | None = None  # the highest; over 1: not as what was trained on


class Meta(BaseModel):
    """A `.sigmf-meta` file."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    info: Info = Field(alias="global")
    captures: tuple[Capture, ...] = ()
    annotations: tuple[Annotation, ...] = ()


def _stream_object(value: object) -> object:
    """SigMF 1.0 wrote a stream as [name, hash]."""
    return dict(zip(("name", "hash"), value, strict=False)) if isinstance(value, list) else value


class Stream(BaseModel):
    """A recording of a collection: its base name, and the SHA-512 of its metadata file."""

    name: Annotated[str, Field(pattern=r"^[^/\\]+$")]
    hash: str


class _Streams(_Keys):
    core_streams: tuple[Annotated[Stream, BeforeValidator(_stream_object)], ...] = ()


class Collection(BaseModel):
    """A `.sigmf-collection` file."""

    streams: _Streams = Field(alias="collection")


def pair(path: Path) -> tuple[Path, Path]:
    """The metadata and data file of the recording that `path` (either of them, or base) names."""
    from sigmf.sigmffile import get_sigmf_filenames  # slow to import

    names = get_sigmf_filenames(path)
    return names["meta_fn"], names["data_fn"]


def read_meta(path: Path) -> Meta:
    """Read a `.sigmf-meta` file, or raise RecordingError naming the key that is wrong."""
    return parse_meta(path, read_text(path))


def read_text(path: Path) -> bytes:
    """The bytes of a metadata file, or RecordingError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from None


def parse_meta(path: Path, text: bytes) -> Meta:
    """The metadata in `text`, or RecordingError naming `path` and the key that is wrong."""
    return _parse(Meta, path, text)


def parse_collection(path: Path, text: bytes) -> tuple[Stream, ...]:
    """The recordings that a `.sigmf-collection` file lists, or RecordingError."""
    return _parse(Collection, path, text).streams.core_streams


def _parse(model: type[_Model], path: Path, text: bytes) -> _Model:
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "json_invalid":
            raise RecordingError(f"{path} is not valid JSON ({first['ctx']['error']})") from None
        where = ".".join(str(part) for part in first["loc"])
        value = "" if first["type"] == "missing" else f" (it is {str(first['input'])[:60]!r})"
        raise RecordingError(f"{path}: {where}: {first['msg']}{value}: correct the file") from None


def meta_bytes(meta: Meta) -> bytes:
    """The `.sigmf-meta` file of `meta`."""
    import sigmf

    keys: dict[str, Any] = meta.model_dump(mode="json", by_alias=True, exclude_none=True)
    keys["global"]["core:version"] = sigmf.__specification__  # not the library's own version
    text: str = sigmf.SigMFFile(metadata=keys).dumps()
    return (text + "\n").encode()
