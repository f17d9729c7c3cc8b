"""The PlutoSDR: tuned by pyadi-iio, streamed by a libiio buffer, int16 from end to end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from radiofm.errors import UsageError
from radiofm_capture.device import Block, Bursts, Tuning
from radiofm_capture.pluto_burst import PlutoBursts
from radiofm_capture.pluto_find import find_plutos
from radiofm_capture.pluto_link import LinkTest, measure
from radiofm_capture.pluto_receiver import (
    LARGEST_BUFFER,
    LONGEST_BUFFER_S,
    MOST_BUFFERS,
    PlutoReceiver,
)
from radiofm_capture.pluto_stream import PlutoStream

__all__ = ["PlutoDevice", "find_plutos"]

_GRACE = 0.1  # seconds for a read to end by itself: libiio complains on stderr of a cancelled one


class PlutoDevice:
    """A Pluto, or anything that serves its IIO context (`radiofm virtual-pluto`).

    `uri`: `ip:HOST[:PORT]`, `usb:`, `usb:1.4.5`, a bare host, or None to find one.
    `buffer_samples`: samples of a block; `kernel_buffers`: blocks that the device can hold while
    the reader is late; `bursts` has buffers of its own. A Pluto has no timestamps: losses are seen
    by its overflow bit, and their lengths are estimates. Raises UsageError for values it does not
    take, DeviceError where the device is absent, busy or gone, MissingDependencyError without
    pyadi-iio or libiio.
    """

    def __init__(
        self,
        tuning: Tuning,
        uri: str | None,
        buffer_samples: int,
        kernel_buffers: int,
        bursts: Bursts | None = None,
    ) -> None:
        _check_buffers(tuning.sample_rate_hz, buffer_samples, kernel_buffers)
        self._buffer_s = buffer_samples / tuning.sample_rate_hz
        self._depth = kernel_buffers
        self._stopped = threading.Event()
        self._reading = threading.Lock()  # held while in `read`
        self._receiver = PlutoReceiver(uri)
        self.uri = self._receiver.uri
        self.retune(tuning, bursts)

    def retune(self, tuning: Tuning, bursts: Bursts | None = None) -> None:
        """Set the next stream, which `start` begins; the buffers of the last are dropped."""
        with self._reading, self._connected():
            self._receiver.close_buffer()
            self.tuning = self._receiver.tune(tuning)
            self._taking = self._prepare(bursts)
            self._gain: dict[str, float] = {}  # as it was last asked

    def start(self) -> None:
        """Begin to stream."""
        if self._stopped.is_set():
            return
        with self._connected():
            self._taking.start()

    def read(self) -> Block | None:
        """The next block, int16 [count, 2]; None after `stop`, and after the last burst."""
        with self._reading:
            if self._stopped.is_set():
                return None
            try:
                return self._taking.read()
            except OSError as error:
                if self._stopped.is_set():
                    return None
                raise self._receiver.gone(error) from None

    def gauges(self) -> dict[str, float]:
        """What changes under way: the gain that the device has chosen, and of the bursts."""
        with self._reading, self._connected():
            if self.tuning.gain_mode != "manual" and not self._stopped.is_set():
                self._gain = {"gain_db": self._receiver.gain_db()}
            return self._gain | self._taking.gauges()

    def measure_link(self, tuning: Tuning) -> LinkTest:
        """Whether the link carries the tuning's rate, by a second or two of it."""
        self.retune(tuning)
        with self._reading, self._connected():
            return measure(self._receiver, self.tuning.sample_rate_hz)

    def stop(self) -> None:
        """End the stream: a waiting `read` returns None."""
        self._stopped.set()
        if self._reading.acquire(timeout=_GRACE):
            self._reading.release()
            return
        self._receiver.cancel()

    def close(self) -> None:
        """Stop, then give the device back."""
        self.stop()
        with self._reading:
            self._receiver.close()

    def _prepare(self, bursts: Bursts | None) -> PlutoStream | PlutoBursts:
        if bursts:
            return PlutoBursts(self._receiver, self.tuning, bursts, self._stopped)
        count = round(self._buffer_s * self.tuning.sample_rate_hz)
        _check_buffers(self.tuning.sample_rate_hz, count, self._depth)
        return PlutoStream(self._receiver, self.tuning, count, self._depth)

    @contextmanager
    def _connected(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._receiver.gone(error) from None


def _check_buffers(rate: float, samples: int, count: int) -> None:
    most = min(LARGEST_BUFFER, int(LONGEST_BUFFER_S * rate))
    if not 0 < samples <= most:
        raise UsageError(
            f"buffer of {samples} samples is out of range: at {rate:g} S/s a Pluto takes 1 to"
            f" {most}"
        )
    if not 1 <= count <= MOST_BUFFERS:
        raise UsageError(f"kernel buffers {count} is out of range: 1 to {MOST_BUFFERS}")
