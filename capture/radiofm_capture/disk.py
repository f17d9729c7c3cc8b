"""Recording beside the device: in its own thread, so that a slow disk costs the recording only."""

from __future__ import annotations

import dataclasses
import queue
import threading
from typing import Protocol

from radiofm.errors import RadiofmError
from radiofm.wire import Loss, merge_losses
from radiofm_capture.device import Block

QUEUE_BYTES = 256 << 20


class Sink(Protocol):
    """What writes blocks: a Recorder."""

    def write(self, block: Block) -> None: ...

    def close(self) -> None: ...


class DiskThread:
    """Hands blocks to a sink. When the disk is behind by QUEUE_BYTES, blocks are lost to the
    recording, exactly and at stage "disk"; with `wait` the caller waits instead."""

    def __init__(self, sink: Sink, *, wait: bool, queue_bytes: int = QUEUE_BYTES) -> None:
        self.error: RadiofmError | None = None
        self.lost = 0  # samples that the recording misses and the stream has
        self._sink = sink
        self._wait = wait
        self._room = threading.Semaphore(0)
        self._queue: queue.Queue[Block | None] = queue.Queue()
        self._bytes = 0
        self._limit = queue_bytes
        self._space = threading.Condition()
        self._pending: tuple[Loss, ...] = ()
        self._new_stream = False
        self._thread = threading.Thread(target=self._run, name="disk")
        self._thread.start()

    def write(self, block: Block) -> None:
        """Queue a copy of the block."""
        if self.error:
            return  # the recording has ended, the stream goes on
        size = block.samples.nbytes
        with self._space:
            while self._wait and self._full(size) and not self.error:
                self._space.wait(0.5)
            if self._full(size):
                self._miss(block)
                return
            self._bytes += size
        lost = merge_losses((*self._pending, *block.lost))
        fresh = self._new_stream or block.new_stream
        self._pending, self._new_stream = (), False
        copy = dataclasses.replace(block, samples=block.samples.copy(), lost=lost, new_stream=fresh)
        self._queue.put(copy)

    def _full(self, size: int) -> bool:
        """A block that alone is too large goes in where nothing else is."""
        return self._bytes > 0 and self._bytes + size > self._limit

    def _miss(self, block: Block) -> None:
        count = len(block.samples)
        if block.new_stream:
            self._pending, self._new_stream = (), True
        missed = Loss(samples=count, exact=True, stage="disk")
        self._pending = merge_losses((*self._pending, *block.lost, missed))
        self.lost += count

    def close(self) -> None:
        """Write what is queued and finish the files; the first error of the sink is in `error`."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while (block := self._queue.get()) is not None:
                try:
                    if not self.error:
                        self._sink.write(block)
                except RadiofmError as error:
                    self.error = error
                finally:
                    with self._space:
                        self._bytes -= block.samples.nbytes
                        self._space.notify()
        finally:
            try:
                self._sink.close()
            except RadiofmError as error:
                self.error = self.error or error
