"""The spectrogram worker: iq messages in, standardised slices out."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

from radiofm.errors import RadiofmError
from radiofm.follow import Arrival, Follower, Pace
from radiofm.send import Sender
from radiofm.spectrogram import Spectrogram, SpectrogramSpec
from radiofm.spectrogram.backends import warm_up
from radiofm.wire import IqHeader, Loss, LossKind, SliceHeader, StatusHeader, losses_of
from radiofm_services.slices import CutSlice, SliceCutter

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerConfig(Pace):
    """What the worker reads, makes and publishes. Endpoints are as `radiofm.topics` has them."""

    spec: SpectrogramSpec
    iq: str  # endpoint of the capture daemon
    slices: str  # endpoint to publish at
    backend: str = "auto"  # what computes, a name of radiofm.spectrogram.backends


@dataclass(frozen=True, slots=True)
class WorkerSummary:
    """samples_received + samples_lost + samples_untaken = samples_span.

    slices_made + slices_untaken = slices.
    """

    samples_span: int
    samples_received: int
    samples_lost: int
    samples_lost_estimated: int
    samples_untaken: int
    samples_duplicated: int
    slices: int
    slices_made: int
    slices_incomplete: int
    slices_untaken: int
    backend: str  # what computed last, "" if nothing came
    cpu_s: float  # processor time of this process, once it was ready

    def to_json(self) -> dict[str, Any]:
        """As the closing line has it."""
        return asdict(self)


class SpectrogramWorker:
    """Runs until the capture daemon's last word, its silence, or `stop`."""

    def __init__(self, config: WorkerConfig) -> None:
        self._config = config
        self._stop = threading.Event()
        self._cutter = SliceCutter(config.spec)
        self._spectrogram: Spectrogram | None = None
        self._reached: tuple[int, tuple[Loss, ...]] = (0, ())  # where capture says the stream is
        self._told: Counter[LossKind] = Counter()  # losses that slices have told of
        self._incomplete = self._malformed = 0
        self._work_s: deque[float] = deque(maxlen=64)
        self._lag_s = self._ready_s = 0.0

    def stop(self) -> None:
        """Ask `run` to end in good order. From any thread or signal handler."""
        self._stop.set()

    def run(self) -> WorkerSummary:
        """Follow, cut, publish. Raises a RadiofmError once the readers have been told of it."""
        config, note = self._config, ""
        warm_up(config.spec, config.backend)  # now, and not while samples come
        self._ready_s = time.process_time()
        with (
            closing(Sender("slice", config.slices, config, self._stop)) as sender,
            closing(Follower("iq", config.iq, config, self._stop)) as follower,
        ):
            try:
                for arrival in follower.arrivals():
                    self._malformed = follower.malformed
                    if arrival is not None:
                        self._take(arrival, sender)
                    if sender.heartbeat_due():
                        self._status(sender)
            except RadiofmError as error:
                note = str(error)
                raise
            finally:
                self._publish(self._cutter.finish(*self._reached), sender)
                self._status(sender, ended=True, note=note)
        return self._summary()

    def _take(self, arrival: Arrival, sender: Sender) -> None:
        header, cutter = arrival.message.header, self._cutter
        if isinstance(header, IqHeader):
            if cutter.is_new(header):
                # Told on both sides of the seam, so that the readers can count slices up to it.
                if cutter.header is not None:
                    self._publish(cutter.finish(*self._reached), sender)
                    self._status(sender)
                cutter.restart(header)
                self._reached = (0, ())
                self._spectrogram = Spectrogram(
                    self._config.spec, header.sample_rate_hz, self._config.backend
                )
                self._status(sender)
                log.info(
                    "stream %s at %g S/s, by %s",
                    header.stream, header.sample_rate_hz, self._spectrogram.backend,
                )  # fmt: skip
            self._publish(
                cutter.take(header, None if arrival.late else arrival.message.payload), sender
            )
        elif (
            isinstance(header, StatusHeader)
            and cutter.header is not None
            and header.stream == cutter.header.stream
        ):
            self._reached = (header.sample_index, header.lost)

    def _publish(self, cuts: list[CutSlice], sender: Sender) -> None:
        for cut in cuts:
            assert self._spectrogram is not None
            start = time.perf_counter()
            image = self._spectrogram(cut.samples, cut.header.full_scale)
            self._work_s.append(time.perf_counter() - start)
            self._incomplete += cut.missing > 0
            complete_ns = time.time_ns()
            self._lag_s = (complete_ns - cut.header.host_time_ns) / 1e9
            header = SliceHeader(
                stream=cut.header.stream,
                sequence=sender.next_sequence("slice"),
                sample_index=cut.sample_index,
                sample_count=len(cut.samples),
                time_ns=cut.time_ns,
                time_quality=cut.header.time_quality,
                center_frequency_hz=cut.header.center_frequency_hz,
                sample_rate_hz=cut.header.sample_rate_hz,
                lost=self._new_losses(),
                slice_index=cut.index,
                spec=self._config.spec.hash,
                shape=(image.shape[0], image.shape[1]),
                complete=cut.missing == 0,
                host_time_ns=cut.header.host_time_ns,
                complete_ns=complete_ns,
            )
            sender.send(header, image)

    def _new_losses(self) -> tuple[Loss, ...]:
        now = self._cutter.samples.losses()
        new, self._told = now - self._told, now
        return losses_of(new)

    def _status(self, sender: Sender, *, ended: bool = False, note: str = "") -> None:
        work_s = sum(self._work_s) / max(1, len(self._work_s))
        gauges = {
            "slice_ms": work_s * 1e3,
            "share_of_real_time": work_s / self._config.spec.duration_s,
            "lag_ms": self._lag_s * 1e3,
            "slices_incomplete": float(self._incomplete),
            "malformed": float(self._malformed),
        }
        sender.status(
            self._cutter.header,
            ended=ended,
            sample_index=self._cutter.end,
            samples=self._cutter.samples.account(),
            slices=self._cutter.slices.account(),
            gauges=gauges,
            note=note,
        )

    def _summary(self) -> WorkerSummary:
        samples, slices = self._cutter.samples.account(), self._cutter.slices.account()
        return WorkerSummary(
            samples_span=samples.span,
            samples_received=samples.received,
            samples_lost=samples.lost,
            samples_lost_estimated=samples.lost_estimated,
            samples_untaken=samples.untaken,
            samples_duplicated=samples.duplicated,
            slices=slices.slices,
            slices_made=slices.inferred,
            slices_incomplete=self._incomplete,
            slices_untaken=slices.untaken,
            backend=self._spectrogram.backend if self._spectrogram else "",
            cpu_s=round(time.process_time() - self._ready_s, 3),
        )
