"""The capture daemon: device -> recorder, [iq], and the bare samples that others take.

Ends when the device ends, the duration is over or `stop` is called. In every case the files are
finished and the last word is said. A recording that has to stop is raised then, and said before.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from radiofm.bus import Publisher
from radiofm.ledger import SampleLedger
from radiofm.level import count_clipped, level_dbfs
from radiofm.wire import IqHeader, SampleAccount, StatusHeader
from radiofm_capture.device import Block, Device
from radiofm_capture.disk import DiskThread
from radiofm_capture.framer import Frame, Framer
from radiofm_capture.gnuradio import GnuRadioEndpoint
from radiofm_capture.pipe import PipeClosedError

HEARTBEAT_S = 0.5
LEVEL_SAMPLES = 8192  # of each frame, for the level shown


@dataclass
class Gauges:
    """What the status line shows, of the last heartbeat."""

    rate: float = 0.0  # S/s received
    level_dbfs: float = -200.0
    clipped: int = 0  # samples in all
    subscribers: int = 0


class CaptureDaemon:
    """Runs one device. `run` blocks; `stop` may come from any thread."""

    def __init__(
        self,
        device: Device,
        publisher: Publisher | None,
        disk: DiskThread | None,
        *,
        pipe: DiskThread | None = None,
        gnuradio: GnuRadioEndpoint | None = None,
        duration_s: float | None = None,
        name: str = "",
        storage: Callable[[], dict[str, float]] = dict,
        radio: Callable[[], dict[str, float]] = dict,
        note: Callable[[], str] = str,
    ) -> None:
        """`pipe` ends the capture when its reader leaves; `name` says more of the device than its
        hardware does; `storage` tells of the disk, `radio` and `note` of the device at work."""
        self.ledger = SampleLedger()
        self.gauges = Gauges()
        self.framer = Framer()
        self.hardware = ""
        self._device = device
        self._publisher = publisher
        self._disk, self._pipe = disk, pipe
        self._gnuradio = gnuradio
        self._duration_s = duration_s
        self._name, self._storage = name, storage
        self._radio, self._note = radio, note
        self._stopping = threading.Event()
        self._air = 0.0  # seconds of the streams before this one
        self._beat = (time.monotonic(), 0)  # when and at how many samples the last heartbeat was

    def stop(self) -> None:
        """End the capture soon."""
        self._stopping.set()
        self._device.stop()

    def run(self) -> None:
        """Stream until the end. Raises what the device raises, after finishing everything."""
        try:
            if not self._stopping.is_set():
                self._device.start()
                self._stream()
        finally:
            for frame in self.framer.flush():
                self._publish(frame)
            self._device.close()
            for writer in filter(None, (self._disk, self._pipe)):
                writer.close()
            self._say("ended")
        for writer in filter(None, (self._disk, self._pipe)):
            if writer.error and not isinstance(writer.error, PipeClosedError):
                raise writer.error

    def _stream(self) -> None:
        while not self._stopping.is_set():
            block = self._device.read()
            if block is None:
                return
            block = self._trim(block)
            if block.new_stream:
                self._begin(block)
            self.ledger.take(block.sample_index, len(block.samples), block.lost)
            for writer in filter(None, (self._disk, self._pipe)):
                writer.write(block)
            if self._pipe and self._pipe.error:
                return
            for frame in self.framer.add(block):
                self._publish(frame)
            if time.monotonic() - self._beat[0] >= HEARTBEAT_S:
                self._say("running")

    def _begin(self, block: Block) -> None:
        if self.framer.tuning:
            for frame in self.framer.flush():
                self._publish(frame)
            self._say("running")  # closes the old stream's account for those who follow
            self._air += self.framer.sample_index / self.framer.tuning.sample_rate_hz
        self.hardware = ", ".join(filter(None, (block.tuning.hardware, self._name)))
        self.ledger.restart(0)

    def _trim(self, block: Block) -> Block:
        """Cut the block at the duration, and stop there."""
        if self._duration_s is None:
            return block
        air = 0.0 if block.new_stream else self._air
        if block.new_stream and self.framer.tuning:
            air = self._air + self.framer.sample_index / self.framer.tuning.sample_rate_hz
        end = round((self._duration_s - air) * block.tuning.sample_rate_hz)
        if block.sample_index + len(block.samples) < end:
            return block
        self._stopping.set()
        keep = max(0, end - block.sample_index)
        return Block(
            block.samples[:keep], block.sample_index, block.time_ns, block.time_quality,
            block.tuning, block.lost, block.new_stream,
        )  # fmt: skip

    def _publish(self, frame: Frame) -> None:
        clipped = count_clipped(frame.samples, frame.tuning.full_scale)
        self.gauges.clipped += clipped
        self.gauges.level_dbfs = level_dbfs(frame.samples[:LEVEL_SAMPLES], frame.tuning.full_scale)
        if self._gnuradio:
            self._gnuradio.send(frame.samples, frame.tuning)
        if not self._publisher:
            return
        tuning = frame.tuning
        header = IqHeader(
            stream=frame.stream,
            sequence=self._publisher.next_sequence("iq"),
            sample_index=frame.sample_index,
            sample_count=len(frame.samples),
            time_ns=frame.time_ns,
            time_quality=frame.time_quality,
            center_frequency_hz=tuning.center_frequency_hz,
            sample_rate_hz=tuning.sample_rate_hz,
            lost=frame.lost,
            datatype=tuning.datatype,
            full_scale=tuning.full_scale,
            bandwidth_hz=tuning.bandwidth_hz,
            gain_db=tuning.gain_db,
            gain_mode=tuning.gain_mode,
            clipped=clipped,
            host_time_ns=time.time_ns(),
        )
        self._publisher.send(header, frame.samples)

    @property
    def recording_error(self) -> str:
        """Why the recording has stopped, if it has. The stream goes on without it."""
        return str(self._disk.error) if self._disk and self._disk.error else ""

    def _say(self, state: Any) -> None:
        """Publish a heartbeat: every subscriber can close the account up to here."""
        now, account = time.monotonic(), self.ledger.account()
        since, before = self._beat
        self.gauges.rate = (account.received - before) / max(now - since, 1e-6)
        self._beat = (now, account.received)
        if not self._publisher:
            return
        self.gauges.subscribers = self._publisher.subscribers("iq")
        status = self.status(state, account, self._publisher.next_sequence("status"))
        if state == "ended":
            self._publisher.send_last(status)
        else:
            self._publisher.send(status)

    def status(self, state: Any, account: SampleAccount, sequence: int = 0) -> StatusHeader:
        """The heartbeat's header; `sample_index` is the index that the stream has reached."""
        tuning, gauges = self.framer.tuning, self.gauges
        return StatusHeader(
            stream=self.framer.stream if tuning else UUID(int=0),
            sequence=sequence,
            sample_index=self.framer.sample_index,
            sample_count=0,
            time_ns=time.time_ns(),
            time_quality="host",
            center_frequency_hz=tuning.center_frequency_hz if tuning else 0,
            sample_rate_hz=tuning.sample_rate_hz if tuning else 0,
            lost=self.framer.lost,
            daemon="capture",
            state=state,
            samples=account,
            gauges={
                "rate_msps": gauges.rate / 1e6,
                "level_dbfs": gauges.level_dbfs,
                "clipped": gauges.clipped,
                "subscribers": gauges.subscribers,
                **({"gain_db": tuning.gain_db} if tuning and tuning.gain_db is not None else {}),
                **self._radio(),
                **({"recording": float(not self.recording_error)} if self._disk else {}),
                **self._storage(),
            },
            note="; ".join(filter(None, (self.recording_error, self._note())))[:500],
            device=self.hardware[:200],
        )
