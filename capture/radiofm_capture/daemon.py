"""The capture daemon: device -> recorder and [iq].

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

import numpy as np
import numpy.typing as npt

from radiofm.bus import Publisher
from radiofm.ledger import SampleLedger
from radiofm.wire import IqHeader, SampleAccount, StatusHeader
from radiofm_capture.device import Block, Device
from radiofm_capture.disk import DiskThread
from radiofm_capture.framer import Frame, Framer

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
        duration_s: float | None = None,
        name: str = "",
        storage: Callable[[], dict[str, float]] = dict,
    ) -> None:
        """`name` says more of the device than its hardware does; `storage` tells of the disk."""
        self.ledger = SampleLedger()
        self.gauges = Gauges()
        self.framer = Framer()
        self.hardware = ""
        self._device = device
        self._publisher = publisher
        self._disk = disk
        self._duration_s = duration_s
        self._name, self._storage = name, storage
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
            if self._disk:
                self._disk.close()
            self._say("ended")
        if self._disk and self._disk.error:
            raise self._disk.error

    def _stream(self) -> None:
        while not self._stopping.is_set():
            block = self._device.read()
            if block is None:
                return
            block = self._trim(block)
            if block.new_stream:
                self._begin(block)
            self.ledger.take(block.sample_index, len(block.samples), block.lost)
            if self._disk:
                self._disk.write(block)
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
        self.gauges.level_dbfs = level_dbfs(frame.samples, frame.tuning.full_scale)
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
    def note(self) -> str:
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
                **({"recording": float(not self.note)} if self._disk else {}),
                **self._storage(),
            },
            device=self.hardware[:200],
            note=self.note[:500],
        )


def count_clipped(samples: npt.NDArray[Any], full_scale: float) -> int:
    """Samples [n, 2] whose I or Q is at full scale (the last count below it included)."""
    limit = full_scale - 1 if samples.dtype.kind == "i" else full_scale * (1 - 2**-16)
    if samples.size == 0 or max(samples.max(), -int(samples.min())) < limit:
        return 0
    return int(((samples >= limit) | (samples <= -limit)).any(axis=1).sum())


def level_dbfs(samples: npt.NDArray[Any], full_scale: float) -> float:
    """Mean power of the first samples in dB of a full-scale tone; -200 for silence."""
    part = samples[:LEVEL_SAMPLES].astype(np.float32) / np.float32(full_scale)
    power = float(np.mean(np.square(part))) * 2 if part.size else 0.0
    return max(-200.0, 10 * float(np.log10(power))) if power > 0 else -200.0
