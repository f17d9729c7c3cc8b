"""The wire contract: every message is three parts: topic, JSON header, payload.

Headers are bounded, versioned pydantic models that refuse unknown fields; payloads are raw
little-endian numbers. 64-bit integers travel as JSON strings: a browser's numbers end at 2^53.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self
from uuid import UUID

import numpy as np
import numpy.typing as npt
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)

from radiofm.errors import WireError

WIRE_VERSION = 1
MAX_HEADER_BYTES = 64 * 1024
MAX_EDGE = 4096  # of a slice, mask or array
SPECTROGRAM = "spectrogram"  # the modality of slices that are made of iq samples
MAX_PAYLOAD_BYTES = 16 * 1024 * 1024  # a 16 ms slice of cf32 at 61.44 MS/s is 7.5 MiB

Topic = Literal["iq", "slice", "result", "status"]
Stage = Literal["device", "link", "queue", "disk", "model"]
TimeQuality = Literal["device", "host", "recorded"]
Datatype = Literal["ci16_le", "cf32_le"]
Task = Literal[
    "classification",
    "presence",
    "segmentation",
    "reconstruction",
    "regression",
    "channel",
    "forecast",
]

DTYPES: dict[str, np.dtype[Any]] = {"ci16_le": np.dtype("<i2"), "cf32_le": np.dtype("<f4")}


def _int_from_text(value: object) -> object:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19:
        return int(value)
    return value


Int64 = Annotated[
    int,
    BeforeValidator(_int_from_text),
    Field(ge=0, lt=2**63),
    PlainSerializer(str, when_used="json"),
]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Edge = Annotated[int, Field(gt=0, le=MAX_EDGE)]
Shape = tuple[Edge, Edge]
ArrayShape = tuple[Edge, Edge, Edge]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{16,64}$")]


class Part(BaseModel):
    """Base of everything in a header: immutable, and closed to unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class LossKind(NamedTuple):
    """What is added up apart in an account."""

    stage: Stage
    exact: bool  # else the number of samples is an estimate
    untaken: bool = False  # air that nobody meant to take, as between two bursts


class Loss(Part):
    """Samples that never reached the consumer, and where they went missing."""

    samples: Annotated[int, Field(gt=0, lt=2**63)]
    exact: bool
    stage: Stage
    untaken: bool = False

    @property
    def kind(self) -> LossKind:
        return LossKind(self.stage, self.exact, self.untaken)


def losses_of(totals: Mapping[LossKind, int]) -> tuple[Loss, ...]:
    """Sums by kind -> losses."""
    return tuple(
        Loss(samples=samples, exact=exact, stage=stage, untaken=untaken)
        for (stage, exact, untaken), samples in totals.items()
        if samples
    )


def merge_losses(losses: Iterable[Loss]) -> tuple[Loss, ...]:
    """One loss a kind: many may fall into one gap."""
    totals: Counter[LossKind] = Counter()
    for loss in losses:
        totals[loss.kind] += loss.samples
    return losses_of(totals)


class Header(Part):
    """What every message carries."""

    topic: ClassVar[Topic]

    version: Literal[1] = 1
    stream: UUID
    sequence: Annotated[int, Field(ge=0)]  # per publisher and topic
    sample_index: Int64  # absolute in the stream
    sample_count: Annotated[int, Field(ge=0, lt=2**31)]
    time_ns: Int64  # UTC of the first sample
    time_quality: TimeQuality
    center_frequency_hz: Annotated[float, Field(ge=0, le=1e12)]
    sample_rate_hz: Annotated[float, Field(ge=0, le=1e10)]
    lost: Annotated[tuple[Loss, ...], Field(max_length=64)] = ()  # since the last message


class IqHeader(Header):
    """`iq`: payload is interleaved I/Q, [sample_count, 2] of `datatype`; at most one slice."""

    topic = "iq"

    datatype: Datatype
    full_scale: Annotated[float, Field(gt=0)]  # counts at 0 dBFS: 2048 for a Pluto
    bandwidth_hz: Annotated[float, Field(ge=0)]
    gain_db: float | None = None
    gain_mode: Annotated[str, Field(max_length=32)] = "manual"
    clipped: Annotated[int, Field(ge=0)] = 0  # samples with I or Q at full scale
    host_time_ns: Int64  # when the host had the last sample


class SliceHeader(Header):
    """`slice`: payload is float32 [frequency, time], row 0 the lowest frequency, standardised.

    Of another modality it is [rows, columns] or [channels, rows, columns], and the slice counts as
    one sample: `sample_index` is `slice_index`, `sample_rate_hz` is slices per second.
    """

    topic = "slice"

    slice_index: Int64
    spec: Hash  # of the SpectrogramSpec, or of the other modality's size and scaling
    shape: Shape | ArrayShape
    complete: bool  # no sample of the slice is missing
    modality: Name = SPECTROGRAM
    host_time_ns: Int64  # when the host had the last sample of the slice
    complete_ns: Int64 = 0  # when the spectrogram was ready; 0 where unknown

    @model_validator(mode="after")
    def _axes(self) -> Self:
        if self.modality == SPECTROGRAM and len(self.shape) != 2:
            raise ValueError("a spectrogram has two axes")
        return self


class LabelScore(Part):
    label: Annotated[str, Field(max_length=64)]
    score: Annotated[float, Field(ge=0, le=1)]


class HeadResult(Part):
    """One head's answer. Its mask, uint8, or array, float32, is in the payload: see `masks`."""

    name: Name
    version: Annotated[str, Field(max_length=64)]
    task: Task
    labels: Annotated[tuple[LabelScore, ...], Field(max_length=256)] = ()  # best first
    present: Annotated[int, Field(ge=0, le=256)] | None = None  # presence: the first so many are
    vector: Annotated[tuple[float, ...], Field(max_length=1024)] = ()
    mask_shape: Shape | None = None
    array_shape: ArrayShape | None = None


class ResultHeader(Header):
    """`result`: what the heads said of one slice."""

    topic = "result"

    slice_index: Int64
    encoder: Hash
    heads: Annotated[tuple[HeadResult, ...], Field(max_length=64)]
    patches: Annotated[float, Field(gt=0, le=1)] = 1.0  # share that the encoder was given
    novelty: float | None = None  # 1 is the 99th percentile of what the encoder was trained on
    host_time_ns: Int64  # when the host had the slice's last sample
    complete_ns: Int64  # when its spectrogram was ready
    taken_ns: Int64  # when inference took it up
    answered_ns: Int64


class SampleAccount(Part):
    """received + lost + untaken = span, in samples of the streams seen so far."""

    span: Int64 = 0
    received: Int64 = 0
    untaken: Int64 = 0  # air that nobody meant to take, as between two bursts
    lost: Int64 = 0
    lost_estimated: Int64 = 0  # the part of `lost` whose length is an estimate
    lost_by_stage: dict[Stage, int] = Field(default_factory=dict)
    duplicated: Int64 = 0  # samples that came again and were not counted


class SliceAccount(Part):
    """inferred + untaken + skipped = slices. Skipped: incomplete, by policy; untaken: too late."""

    slices: Int64 = 0
    inferred: Int64 = 0
    untaken: Int64 = 0
    skipped: Int64 = 0


class StatusHeader(Header):
    """`status`: a daemon's heartbeat, and its last word (`state` "ended")."""

    topic = "status"

    daemon: Name
    state: Literal["waiting", "running", "ended"]
    samples: SampleAccount | None = None
    slices: SliceAccount | None = None
    gauges: Annotated[dict[str, float], Field(max_length=64)] = Field(default_factory=dict)
    device: Annotated[str, Field(max_length=200)] = ""
    heads: Annotated[tuple[str, ...], Field(max_length=64)] = ()
    note: Annotated[str, Field(max_length=500)] = ""


HEADERS: dict[str, type[Header]] = {
    h.topic: h for h in (IqHeader, SliceHeader, ResultHeader, StatusHeader)
}


@dataclass(frozen=True, slots=True)
class Message:
    """A decoded message: the header and the payload as the numbers it holds."""

    header: Header
    payload: npt.NDArray[Any]


def encode(header: Header, payload: npt.NDArray[Any] | None = None) -> list[bytes | memoryview]:
    """Return the three parts of a message. The payload is not copied; it must be contiguous."""
    data = memoryview(b"") if payload is None else payload.data.cast("B")
    return [header.topic.encode(), header.model_dump_json().encode(), data]


def decode(parts: list[Any]) -> Message:
    """Turn three parts (bytes or buffers) into a Message, or raise WireError with the fault."""
    if len(parts) != 3:
        raise WireError(f"a message has 3 parts, this one {len(parts)}")
    topic = bytes(parts[0][:16]).decode("ascii", "replace")
    model = HEADERS.get(topic)
    if model is None:
        raise WireError(f"unknown topic {topic!r}")
    raw = bytes(parts[1][: MAX_HEADER_BYTES + 1])
    if len(raw) > MAX_HEADER_BYTES:
        raise WireError(f"{topic} header is longer than {MAX_HEADER_BYTES} bytes")
    try:
        header = model.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(p) for p in first["loc"]) or "header"
        raise WireError(f"{topic} header: {where}: {first['msg']}") from None
    return Message(header, _payload(header, parts[2]))


def _payload(header: Header, data: Any) -> npt.NDArray[Any]:
    dtype, shape = _payload_form(header)
    want = dtype.itemsize * int(np.prod(shape))
    have = memoryview(data).nbytes
    if have != want or have > MAX_PAYLOAD_BYTES:
        raise WireError(f"{header.topic} payload has {have} bytes where the header says {want}")
    return np.frombuffer(data, dtype).reshape(shape)


def _payload_form(header: Header) -> tuple[np.dtype[Any], tuple[int, ...]]:
    match header:
        case IqHeader():
            return DTYPES[header.datatype], (header.sample_count, 2)
        case SliceHeader():
            return np.dtype("<f4"), header.shape
        case ResultHeader():
            return np.dtype("u1"), (sum(size for *_, size in _parts(header)),)
        case _:
            return np.dtype("u1"), (0,)


def _parts(header: ResultHeader) -> Iterator[tuple[HeadResult, bool, int]]:
    """What the payload holds, in order: whose it is, whether it is an array, its bytes."""
    for head in header.heads:
        if head.mask_shape:
            yield head, False, math.prod(head.mask_shape)
        if head.array_shape:
            yield head, True, 4 * math.prod(head.array_shape)


def masks(message: Message) -> dict[str, npt.NDArray[np.uint8]]:
    """The masks in a result's payload by head name, each uint8 [rows, columns]."""
    return {
        head.name: part.reshape(head.mask_shape)
        for head, is_array, part in _split(message)
        if not is_array
    }


def arrays(message: Message) -> dict[str, npt.NDArray[np.float32]]:
    """The arrays in a result's payload by head name: channel estimates float32 [2, rows, columns],
    real and imaginary part, and forecasts [channels, rows, columns].
    """
    return {
        head.name: np.frombuffer(part.tobytes(), "<f4").reshape(head.array_shape)
        for head, is_array, part in _split(message)
        if is_array
    }


def _split(message: Message) -> Iterator[tuple[HeadResult, bool, npt.NDArray[np.uint8]]]:
    header, at = message.header, 0
    assert isinstance(header, ResultHeader)
    for head, is_array, size in _parts(header):
        yield head, is_array, message.payload[at : at + size]
        at += size
