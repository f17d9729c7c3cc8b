"""Samples to a pipe: what `radiofm capture --stdout` writes."""

from __future__ import annotations

import os
import select
import threading
import time

import numpy as np

from radiofm.errors import RecordingError
from radiofm.wire import DTYPES, Datatype
from radiofm_capture.device import Block

PATIENCE_S = 2.0  # for the reader to take the rest once the capture is stopped


class PipeClosedError(RecordingError):
    """The reader has gone: the end of the capture, and no failure."""


class PipeSink:
    """Writes bare samples, interleaved I, Q as the device gives them: a Sink (disk.py).

    It waits for its reader without end; after `stopped`, for PATIENCE_S at a time.
    """

    def __init__(self, descriptor: int, stopped: threading.Event) -> None:
        self.samples = 0  # written whole
        self.datatype: Datatype | None = None  # of the samples written
        self._descriptor = descriptor
        self._stopped = stopped
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLOUT)
        self._blocking = os.get_blocking(descriptor)
        os.set_blocking(descriptor, False)

    def write(self, block: Block) -> None:
        """Write a block. PipeClosedError where nobody reads any more."""
        if not len(block.samples):
            return
        datatype = block.tuning.datatype
        if self.datatype not in (None, datatype):
            raise RecordingError(
                f"standard output: the samples change from {self.datatype} to {datatype}, which "
                "a reader could not tell: replay such recordings one by one"
            )
        self.datatype = datatype
        samples = np.ascontiguousarray(block.samples, DTYPES[datatype])
        view = samples.data.cast("B")
        done = 0
        try:
            while done < len(view):
                done += self._write(view[done:])
        finally:
            self.samples += done // (2 * samples.itemsize)

    def close(self) -> None:
        """Leave the pipe as it was; it is its owner's to close."""
        os.set_blocking(self._descriptor, self._blocking)

    def _write(self, view: memoryview) -> int:
        self._wait()
        try:
            return os.write(self._descriptor, view)
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            raise PipeClosedError("standard output was closed by its reader") from None
        except OSError as error:
            raise RecordingError(
                f"standard output cannot be written: {error.strerror}: make room or pipe elsewhere"
            ) from None

    def _wait(self) -> None:
        began: float | None = None
        while not self._poll.poll(100):
            if self._stopped.is_set():
                began = began or time.monotonic()
                if time.monotonic() - began > PATIENCE_S:
                    raise PipeClosedError("standard output: its reader took no more")
