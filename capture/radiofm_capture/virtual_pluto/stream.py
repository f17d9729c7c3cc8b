"""One open receive buffer: a DMA that fills blocks in real time, fetched or not."""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass, field
from errno import EBADF
from threading import Event, Lock

import numpy as np

from radiofm_capture.device import SampleSource
from radiofm_capture.virtual_pluto.ahead import Ahead
from radiofm_capture.virtual_pluto.context import Context, Receiver
from radiofm_capture.virtual_pluto.faults import FaultPlan

_LONGEST_WAIT = 0.05  # seconds, so that a change of the rate is seen while waiting


@dataclass(frozen=True)
class Shared:
    """What the connections of one server have in common."""

    source: SampleSource
    ahead: Ahead
    faults: FaultPlan
    context: Context = field(default_factory=Context)
    closing: Event = field(default_factory=Event)  # the server is going down
    reading: Lock = field(default_factory=Lock)  # one client at a time asks the source


class Stream:
    """Blocks of `count` samples, the first taken at the moment of opening: at the first opening
    that is sample 0 of the source.

    Up to `depth` finished blocks wait for the client. Where all are full the DMA pauses and the
    overflow bit is set; it goes on with the next whole block once one was fetched, so that the
    gap comes after the blocks that waited.
    """

    def __init__(self, shared: Shared, count: int, columns: slice, depth: int) -> None:
        self._source, self._context, self._faults = shared.source, shared.context, shared.faults
        self._closing, self._reading = shared.closing, shared.reading
        self._count, self._columns, self._depth = count, columns, depth
        self._full: deque[tuple[int, Receiver]] = deque()  # first sample, and how it was received
        self._origin = time.monotonic()
        self._receiver = self._context.receiver()
        air = self._context.air(self._origin)
        self._base = round(air * self._receiver.sample_rate_hz)  # the sample at `_origin`
        self._next = 0  # the block being filled, counted from `_origin`

    def take(self) -> memoryview:
        """The next block as the bytes to send, once it is complete."""
        if fault := self._faults.due("stall", self._context.air(time.monotonic())):
            block = self._count / self._receiver.sample_rate_hz
            self._closing.wait(fault.seconds or max(0.3, (self._depth + 5) * block))
        while True:
            with self._context.lock:
                now = time.monotonic()
                self.advance(now)
                if self._full:
                    block_start, receiver = self._fetch(now)
                    break
                wait = self._complete() - now
            if self._closing.wait(min(wait, _LONGEST_WAIT)):
                raise OSError(EBADF, "closing")
        return self._render(block_start, receiver)

    def advance(self, now: float) -> None:
        """Bring the DMA up to `now`: at each fetch, and at each change of the receiver."""
        if fault := self._faults.due("drop", self._context.air(now)):
            self._next += fault.blocks
            self._context.overflow()
        while self._complete() <= now:
            if len(self._full) == self._depth:
                self._context.overflow()
                break
            self._full.append((self._base + self._next * self._count, self._receiver))
            self._next += 1
        if (receiver := self._context.receiver()) != self._receiver:
            self._change(now, receiver)

    def _complete(self) -> float:
        return self._origin + (self._next + 1) * self._count / self._receiver.sample_rate_hz

    def _fetch(self, now: float) -> tuple[int, Receiver]:
        if len(self._full) == self._depth and self._complete() <= now:  # was paused: goes on
            elapsed = (now - self._origin) * self._receiver.sample_rate_hz
            self._next = math.ceil(elapsed / self._count)
        return self._full.popleft()

    def _change(self, now: float, receiver: Receiver) -> None:
        if receiver.sample_rate_hz != self._receiver.sample_rate_hz:
            passed = self._base / self._receiver.sample_rate_hz + (now - self._origin)
            self._base, self._next = round(passed * receiver.sample_rate_hz), 0
            self._origin = now
        self._receiver = receiver

    def _render(self, start: int, receiver: Receiver) -> memoryview:
        frequency, rate, gain_db = receiver
        with self._reading:
            samples = self._source.read(start, self._count, frequency, rate)
        if gain_db:
            samples = np.rint(samples * np.float32(10 ** (gain_db / 20)))
        samples = np.clip(samples, -2048, 2047)[:, self._columns]  # a 12-bit converter
        return np.ascontiguousarray(samples, "<i2").data.cast("B")
