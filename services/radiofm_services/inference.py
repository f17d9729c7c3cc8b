"""The inference service: slices in, what the heads say of them out."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from radiofm.bundle import load_bundle
from radiofm.errors import BundleError, RadiofmError
from radiofm.follow import Arrival, Follower, Pace
from radiofm.ledger import SliceLedger
from radiofm.patches import Choice
from radiofm.send import NO_STREAM, Sender
from radiofm.topics import CHANNELS
from radiofm.wire import (
    SPECTROGRAM,
    Loss,
    Message,
    ResultHeader,
    SampleAccount,
    SliceHeader,
    StatusHeader,
    merge_losses,
)
from radiofm_services.deadline import Deadline
from radiofm_services.desk import Desk
from radiofm_services.encoder import Encoder, Precision
from radiofm_services.heads import HeadRack, HeadSet, head_set, load_head
from radiofm_services.passes import answers
from radiofm_services.runtime import ONE_THREAD, Runtime
from radiofm_services.thinning import Thinning

log = logging.getLogger(__name__)

LATENCIES = 1 << 16  # kept for the percentiles: 17 minutes of slices


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceConfig(Pace):
    """What the service reads, runs and publishes. Endpoints are as `radiofm.topics` has them."""

    bundle: Path
    slices: str  # endpoint of the spectrogram worker
    results: str  # endpoint to publish at
    control: str  # endpoint of requests about heads
    heads: tuple[str, ...] = ()  # names; empty: all of the bundle
    runtime: Runtime = ONE_THREAD
    patches: float = 1.0  # share of a slice's patches that the encoder is given, at most
    choose: Choice = "energy"
    deadline_s: float | None = None  # of a slice, by which the share is chosen
    precision: Precision = "fp32"
    depth: int = 32  # slices that may wait before the oldest is passed over: half a second
    incomplete: Literal["skip", "infer"] = "skip"
    grace_s: float = 1.5  # longer than the worker's, whose last word is waited for


@dataclass(frozen=True, slots=True)
class InferenceSummary:
    """received + lost + untaken = span, in samples, as the worker counts.

    inferred + untaken + skipped = slices.
    """

    samples_span: int
    samples_received: int
    samples_lost: int
    samples_lost_estimated: int
    samples_untaken: int
    slices: int
    slices_inferred: int
    slices_untaken: int
    slices_skipped: int
    coverage: float  # share of the airtime that was inferred
    patches: float  # mean share of the patches over the slices inferred
    latency_ms: dict[str, float]  # p50 and p99, from the slice's last sample to its answer
    heads: dict[str, str]  # name -> version

    def to_json(self) -> dict[str, Any]:
        """As the closing line has it."""
        return asdict(self)


class InferenceService:
    """Runs until the spectrogram worker's last word, its silence, or `stop`.

    Opens the bundle at once: raises BundleError where it cannot be served.
    """

    def __init__(self, config: InferenceConfig) -> None:
        self._config = config
        self._stop = threading.Event()
        self._bundle = load_bundle(config.bundle)
        self._encoder = Encoder(self._bundle, config.runtime, config.precision)
        if self._encoder.fallback:
            log.warning(self._encoder.fallback)
        fewer = config.patches < 1 or config.deadline_s is not None
        if fewer and not self._encoder.any_patches:
            raise BundleError(
                f"bundle {self._bundle.manifest.name} takes whole slices only: export it again, or "
                "serve it without --patches and --deadline"
            )
        names = config.heads or [head.name for head in self._bundle.manifest.heads]
        self._rack = HeadRack(
            head_set({name: load_head(self._bundle, name, self._encoder) for name in names})
        )
        self._served = self._rack.serving
        self._thinning = Thinning(config.patches, config.choose)
        self._deadline: Deadline | None = None
        if config.deadline_s is not None:
            self._deadline = Deadline(config.deadline_s, config.patches)
        self._shares = 0.0  # of the patches, summed over the slices inferred
        self._ledger = SliceLedger()
        self._stream = NO_STREAM
        self._count = 0  # slices of the stream, as far as is known
        self._next = 0  # the slice after the newest that came
        self._samples = SampleAccount()  # the worker's
        self._newest: SliceHeader | None = None
        self._lost: tuple[Loss, ...] = ()  # that no result has told of
        self._latency_ms: deque[float] = deque(maxlen=LATENCIES)
        self._malformed = 0
        self._beat = (time.monotonic(), 0)  # when the last heartbeat was, slices inferred by then

    @property
    def heads(self) -> HeadSet:
        """Those that serve."""
        return self._rack.serving

    def stop(self) -> None:
        """Ask `run` to end in good order. From any thread or signal handler."""
        self._stop.set()

    def run(self) -> InferenceSummary:
        """Follow, infer, publish. Raises a RadiofmError once the readers have been told of it."""
        config, note = self._config, ""
        with (
            closing(Sender("result", config.results, config, self._stop)) as sender,
            closing(Desk(config.control, self._bundle, self._encoder, self._rack)),
            closing(Follower("slice", config.slices, config, self._stop)) as follower,
        ):
            try:
                for arrival in follower.arrivals():
                    self._malformed = follower.malformed
                    if arrival is not None:
                        self._take(arrival, sender)
                    else:
                        self._rack.settle(self._next)
                    if sender.heartbeat_due():
                        self._status(sender)
            except RadiofmError as error:
                note = str(error)
                raise
            finally:
                self._ledger.finish(self._count)
                self._status(sender, ended=True, note=note)
        return self._summary()

    def _take(self, arrival: Arrival, sender: Sender) -> None:
        header = arrival.message.header
        if isinstance(header, StatusHeader):
            self._heard(header)
        elif isinstance(header, SliceHeader):
            self._slice(header, arrival, sender)

    def _heard(self, header: StatusHeader) -> None:
        """The worker tells where its stream stands; on both sides of a seam between two."""
        if header.samples is not None:
            self._samples = header.samples
        if header.stream == NO_STREAM:
            return
        size = 1  # slices that are made of no samples count as one each
        if header.daemon == CHANNELS["slice"].daemon:
            size = self._encoder.spec.slice_samples(header.sample_rate_hz)
        if size < 1:
            return
        if header.stream != self._stream:
            self._restart(header, first=header.sample_index // size)
        self._count = max(self._count, -(-header.sample_index // size))

    def _restart(self, header: SliceHeader | StatusHeader, first: int) -> None:
        self._ledger.finish(self._count)
        self._ledger.restart(first)
        self._stream, self._count, self._next = header.stream, first, first
        self._thinning.forget()

    def _slice(self, header: SliceHeader, arrival: Arrival, sender: Sender) -> None:
        self._check(header)
        if header.stream != self._stream:
            joined = self._stream == NO_STREAM
            self._restart(header, first=header.slice_index if joined else 0)
        self._newest = header
        self._lost = merge_losses((*self._lost, *header.lost))
        self._next = max(self._next, header.slice_index + 1)
        self._count = max(self._count, self._next)
        if arrival.late:
            self._ledger.settle(header.slice_index, "untaken")
        elif not header.complete and self._config.incomplete == "skip":
            self._ledger.settle(header.slice_index, "skipped")
        elif self._ledger.settle(header.slice_index, "inferred"):
            self.infer(header, arrival.message, self._rack.settle(header.slice_index), sender)

    def _check(self, header: SliceHeader) -> None:
        encoder, bundle = self._encoder, self._bundle.manifest
        made = [r for name, r in encoder.modalities.items() if encoder.takes(name, header.modality)]
        if not made:
            raise BundleError(
                f"the slices are of modality {header.modality}, but bundle {bundle.name} has "
                f"{encoder.names}: serve a bundle that has it"
            )
        spec, shape = made[0].hash(encoder.spec), made[0].shape
        start = "spectrogram" if header.modality == SPECTROGRAM else "feed"
        remedy = f"start `radiofm {start}` with --bundle {self._bundle.path}"
        if header.spec != spec:
            raise BundleError(
                f"the slices are made by spec {header.spec}, but bundle {bundle.name} was trained "
                f"on {spec}: {remedy}"
            )
        if header.shape != shape:
            raise BundleError(
                f"the slices are {_by(header.shape)}, but bundle {bundle.name} was trained on "
                f"{_by(shape)}: {remedy}"
            )

    def infer(self, header: SliceHeader, message: Message, heads: HeadSet, sender: Sender) -> None:
        """Answer one slice and publish what its heads said."""
        taken_ns, began = time.time_ns(), time.perf_counter()
        if heads is not self._served:
            self._served = heads
            self._thinning.forget()
        # A message need not lie in memory as the runtime's vector loads want it.
        values = np.require(message.payload, np.float32, ["C", "A"])
        image = values.reshape(1, *header.shape) if values.ndim == 3 else values[None, None]
        said = answers(self._encoder, heads, image, header.modality, self._thinning)
        payload = b"".join(answer.payload() for answer in said.answers)
        answered_ns = time.time_ns()
        self._latency_ms.append((answered_ns - header.host_time_ns) / 1e6)
        result = ResultHeader(
            stream=header.stream,
            sequence=sender.next_sequence("result"),
            sample_index=header.sample_index,
            sample_count=header.sample_count,
            time_ns=header.time_ns,
            time_quality=header.time_quality,
            center_frequency_hz=header.center_frequency_hz,
            sample_rate_hz=header.sample_rate_hz,
            lost=self._lost,
            slice_index=header.slice_index,
            encoder=self._encoder.record.hash,
            heads=tuple(answer.result for answer in said.answers),
            patches=said.share,
            novelty=max((a.novelty for a in said.answers if a.novelty is not None), default=None),
            host_time_ns=header.host_time_ns,
            complete_ns=header.complete_ns,
            taken_ns=taken_ns,
            answered_ns=answered_ns,
        )
        self._lost = ()
        sender.send(result, np.frombuffer(payload, np.uint8) if payload else None)
        self._shares += said.share
        if self._deadline:
            self._deadline.took(time.perf_counter() - began)
            self._thinning.share = self._deadline.share

    def _status(self, sender: Sender, *, ended: bool = False, note: str = "") -> None:
        latency, account = self._latency(), self._ledger.account()
        elapsed_s = time.monotonic() - self._beat[0]
        rate = (account.inferred - self._beat[1]) / max(elapsed_s, 1e-3)
        self._beat = (time.monotonic(), account.inferred)
        sender.status(
            self._newest,
            ended=ended,
            sample_index=self._newest.sample_index if self._newest else 0,
            samples=self._samples,
            slices=account,
            gauges={
                "coverage": self._coverage(),
                "patches": self._thinning.share,
                "slices_per_s": rate,
                "latency_p50_ms": latency["p50"],
                "latency_p99_ms": latency["p99"],
                "malformed": float(self._malformed),
            },
            heads=tuple(f"{name}@{h.version}" for name, h in self._rack.serving.items()),
            note=note or self._encoder.fallback,
        )

    def _coverage(self) -> float:
        account = self._ledger.account()
        return account.inferred / account.slices if account.slices else 0.0

    def _latency(self) -> dict[str, float]:
        if not self._latency_ms:
            return {"p50": 0.0, "p99": 0.0}
        p50, p99 = np.percentile(self._latency_ms, (50, 99))
        return {"p50": float(p50), "p99": float(p99)}

    def _summary(self) -> InferenceSummary:
        samples, slices = self._samples, self._ledger.account()
        return InferenceSummary(
            samples_span=samples.span,
            samples_received=samples.received,
            samples_lost=samples.lost,
            samples_lost_estimated=samples.lost_estimated,
            samples_untaken=samples.untaken,
            slices=slices.slices,
            slices_inferred=slices.inferred,
            slices_untaken=slices.untaken,
            slices_skipped=slices.skipped,
            coverage=self._coverage(),
            patches=self._shares / slices.inferred if slices.inferred else self._thinning.share,
            latency_ms=self._latency(),
            heads={name: head.version for name, head in self._rack.serving.items()},
        )


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
