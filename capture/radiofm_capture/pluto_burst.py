"""A Pluto's samples in bursts: at any rate, since a burst is in its memory before it is fetched.

Each burst has buffers of its own, made for it and then destroyed: what a standing buffer would
hold is as old as the last transfer took. They are queued together, so that the DMA fills them
back to back and nobody needs to keep up.
"""

from __future__ import annotations

import logging
import time
from threading import Event

import numpy as np
import numpy.typing as npt

from radiofm.errors import DeviceError, UsageError
from radiofm.quantities import format_si
from radiofm.wire import LossKind, losses_of
from radiofm_capture.device import Block, Bursts, Tuning
from radiofm_capture.framer import slice_samples
from radiofm_capture.pluto_receiver import (
    LARGEST_BUFFER,
    LONGEST_BUFFER_S,
    MOST_BUFFERS,
    PlutoReceiver,
)

log = logging.getLogger(__name__)

MOST_SPOILT = 3  # bursts in a row
_ASKED_AT = 0.9  # of the burst's length


class PlutoBursts:
    """One stream of bursts. Where a burst begins is known from the host's clock only: its index
    is rounded to the slice, and the untaken air before it is an estimate."""

    def __init__(
        self, receiver: PlutoReceiver, tuning: Tuning, bursts: Bursts, stopped: Event
    ) -> None:
        self._receiver, self._tuning, self._stopped = receiver, tuning, stopped
        self._rate = tuning.sample_rate_hz
        self._slice = slice_samples(self._rate)
        self._count = bursts.slices * self._slice
        self._buffer, self._depth = _buffers(bursts.slices, self._rate)
        self._limit = bursts.count
        self._taken = 0
        self._spoilt = 0  # bursts since the last good one
        self._end = 0  # index after the last burst
        self._within_s = 0.0  # how well the time of the last burst is known

    def start(self) -> None:
        """Nothing is armed before it is asked for."""

    def read(self) -> Block | None:
        """The next burst, int16 [count, 2]; None after the last, or when stopped."""
        if self._limit and self._taken == self._limit:
            return None
        samples = np.empty((self._count, 2), np.dtype("<i2"))
        while not self._take(samples):
            if self._stopped.is_set():
                return None
            self._spoil()
        return self._block(samples)

    def gauges(self) -> dict[str, float]:
        """How many there were, and how well the time of the last is known."""
        return {"bursts": self._taken, "time_within_ms": self._within_s * 1e3}

    def _take(self, samples: npt.NDArray[np.int16]) -> bool:
        """Arm, wait, fetch. False when stopped, or when samples inside are missing."""
        asked = time.monotonic()
        self._receiver.open(self._buffer, self._depth)
        self._armed, self._armed_ns = time.monotonic(), time.time_ns()
        self._within_s = self._armed - asked
        whole = self._whole(asked)
        if whole:
            for at in range(0, self._count, self._buffer):
                samples[at : at + self._buffer] = self._receiver.refill().samples
        self._receiver.close_buffer()
        return whole

    def _whole(self, asked: float) -> bool:
        """Ask for the overflow bit as late as it tells of this burst alone: once all buffers
        are full, it is set by the air that nobody fetches."""
        length = self._count / self._rate
        if self._stopped.wait(max(0.0, asked + _ASKED_AT * length - time.monotonic())):
            return False
        overflowed = self._receiver.overflowed()
        return not overflowed or time.monotonic() >= asked + length

    def _spoil(self) -> None:
        self._spoilt += 1
        if self._spoilt == MOST_SPOILT:
            raise DeviceError(
                f"the Pluto at {self._receiver.uri} drops samples inside its bursts at"
                f" {format_si(self._rate, 'S/s')}: lower --rate"
            )
        log.warning("a burst had samples missing inside: it is taken again")

    def _block(self, samples: npt.NDArray[np.int16]) -> Block:
        first = self._taken == 0
        if first:
            self._first_armed, self._time_ns = self._armed, 0
            index = gap = lost = 0
        else:
            slices = round((self._armed - self._first_armed) * self._rate / self._slice)
            index = max(slices * self._slice, self._end + self._slice)  # never said contiguous
            gap = index - self._end
            lost = min(gap, self._spoilt * self._count)
        self._taken, self._spoilt, self._end = self._taken + 1, 0, index + self._count
        self._time_ns = max(self._time_ns + 1, self._armed_ns)
        missing = {
            LossKind("device", exact=False, untaken=True): gap - lost,
            LossKind("device", exact=False): lost,
        }
        return Block(samples, index, self._time_ns, "host", self._tuning, losses_of(missing), first)


def _buffers(slices: int, rate: float) -> tuple[int, int]:
    """Samples of a buffer, and how many make the burst: as few as the kernel's limit allows."""
    unit = slice_samples(rate)
    longest = min(LARGEST_BUFFER, LONGEST_BUFFER_S * rate) // unit
    most = max(k for k in range(1, slices + 1) if slices % k == 0 and (k <= longest or k == 1))
    if slices // most > MOST_BUFFERS:
        raise UsageError(
            f"a burst of {slices} slices at {format_si(rate, 'S/s')} takes more than"
            f" {MOST_BUFFERS} buffers: use --burst-slices {MOST_BUFFERS} or fewer"
        )
    return most * unit, slices // most
