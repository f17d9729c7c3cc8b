"""The PlutoSDR: tuned by pyadi-iio, streamed by a libiio buffer, int16 from end to end."""

from __future__ import annotations

import os
import threading
import time
from errno import ENOMEM, ETIMEDOUT
from typing import Any

import numpy as np

from radiofm.errors import DeviceError, UsageError
from radiofm.wire import Loss
from radiofm_capture.device import Block, Tuning
from radiofm_capture.overflow import Arrival, LossEstimator
from radiofm_capture.pluto_find import find_plutos
from radiofm_capture.pluto_open import load_libraries, open_pluto
from radiofm_capture.pluto_tuning import tune

__all__ = ["PlutoDevice", "find_plutos"]

_TIMEOUT_MS = 5000
_LONGEST_BUFFER = 2.0  # seconds: iiod itself gives up after half of the client's timeout
_GRACE = 0.1  # seconds for a read to end by itself: libiio complains on stderr of a cancelled one
_DMA_STATUS = 0x80000088  # of the receive core; bit 2 is set when samples were dropped
_OVERFLOW = 0x4


class PlutoDevice:
    """A Pluto, or anything that serves its IIO context (`radiofm virtual-pluto`).

    `uri`: `ip:HOST[:PORT]`, `usb:`, `usb:1.4.5`, a bare host, or None to find one.
    `buffer_samples`: samples of a block; `kernel_buffers`: blocks that the device can hold while
    the reader is late. A Pluto has no timestamps: losses are seen by its overflow bit, and their
    lengths are estimates. Raises UsageError for values it does not take, DeviceError where the
    device is absent, busy or gone, MissingDependencyError without pyadi-iio or libiio.
    """

    def __init__(
        self, tuning: Tuning, uri: str | None, buffer_samples: int, kernel_buffers: int
    ) -> None:
        _check_buffers(tuning.sample_rate_hz, buffer_samples, kernel_buffers)
        self._count, self._depth = buffer_samples, kernel_buffers
        self._sdr, self.uri = open_pluto(uri)
        self._receiver = self._sdr.ctx.find_device("cf-ad9361-lpc")
        self._buffer: Any = None
        self._stopped = threading.Event()
        self._reading = threading.Lock()  # held while in `read`
        self._guard = threading.Lock()  # held while the buffer is made, cancelled or destroyed
        self._ahead: Arrival | None = None
        self._index = 0
        self._time_ns = 0
        try:
            self._sdr.ctx.set_timeout(_TIMEOUT_MS)
            self.tuning = tune(self._sdr, tuning)
        except OSError as error:
            raise self._gone(error) from None

    def start(self) -> None:
        """Begin to stream. The buffer is new, hence holds nothing from before the tuning."""
        iio, _ = load_libraries()
        try:
            self._receiver.set_kernel_buffers_count(self._depth)  # before the buffer exists
            for name in ("voltage0", "voltage1"):
                self._receiver.find_channel(name).enabled = True
            self._clear_overflow()
            with self._guard:
                self._buffer = iio.Buffer(self._receiver, self._count, False)
        except OSError as error:
            if error.errno == ENOMEM:
                raise UsageError(
                    f"{self._depth} kernel buffers of {self._count} samples do not fit into the"
                    " Pluto's memory: use fewer or shorter ones"
                ) from None
            raise self._gone(error) from None
        now, self._epoch_ns = time.monotonic(), time.time_ns()
        self._started = now
        self._losses = LossEstimator(self.tuning.sample_rate_hz, self._count, self._depth, now)

    def read(self) -> Block | None:
        """The next block, int16 [count, 2]; None after `stop`."""
        with self._reading:
            if self._stopped.is_set():
                return None
            try:
                arrival = self._ahead or self._receive()
                self._ahead = None
                lost = self._losses.lost_before(arrival, self._overflowed, self._peek)
            except OSError as error:
                if self._stopped.is_set():
                    return None
                raise self._gone(error) from None
            return self._block(arrival, lost)

    def stop(self) -> None:
        """End the stream: a waiting `read` returns None."""
        self._stopped.set()
        if self._reading.acquire(timeout=_GRACE):
            self._reading.release()
            return
        with self._guard:
            if self._buffer is not None:
                self._buffer.cancel()

    def close(self) -> None:
        """Stop, then give the device back: the buffer first, then the context under it."""
        self.stop()
        with self._reading, self._guard:
            self._buffer = None
            self._receiver = None
            self._sdr = None

    def _receive(self) -> Arrival:
        began = time.monotonic()
        self._buffer.refill()
        ended = time.monotonic()
        return Arrival(
            np.frombuffer(self._buffer.read(), np.dtype("<i2")).reshape(-1, 2), began, ended
        )

    def _peek(self) -> Arrival:
        self._ahead = self._receive()
        return self._ahead

    def _block(self, arrival: Arrival, lost: int) -> Block:
        count = len(arrival.samples)
        first = self._index == 0
        self._index += lost
        taken = self._losses.first_sample_time(count) - self._started
        self._time_ns = max(self._time_ns + 1, self._epoch_ns + round(taken * 1e9))
        block = Block(
            samples=arrival.samples,
            sample_index=self._index,
            time_ns=self._time_ns,
            time_quality="host",
            tuning=self.tuning,
            lost=(Loss(samples=lost, exact=False, stage="device"),) if lost else (),
            new_stream=first,
        )
        self._index += count
        return block

    def _overflowed(self) -> bool:
        if not self._receiver.reg_read(_DMA_STATUS) & _OVERFLOW:
            return False
        self._clear_overflow()
        return True

    def _clear_overflow(self) -> None:
        self._receiver.reg_write(_DMA_STATUS, _OVERFLOW)

    def _gone(self, error: OSError) -> DeviceError:
        if error.errno == ETIMEDOUT:
            return DeviceError(
                f"the Pluto at {self.uri} sent nothing for {_TIMEOUT_MS / 1000:g} s: check its"
                " cable and power, then start again"
            )
        reason = os.strerror(error.errno) if error.errno else str(error)
        return DeviceError(
            f"the connection to the Pluto at {self.uri} broke ({reason}): check its cable and"
            " power, then start again"
        )


def _check_buffers(rate: float, samples: int, count: int) -> None:
    if not 0 < samples <= _LONGEST_BUFFER * rate:
        raise UsageError(
            f"buffer of {samples} samples is out of range: at {rate:g} S/s a Pluto takes 1 to"
            f" {int(_LONGEST_BUFFER * rate)}"
        )
    if not 1 <= count <= 64:
        raise UsageError(f"kernel buffers {count} is out of range: 1 to 64")
