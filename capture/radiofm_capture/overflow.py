"""What a receiver without timestamps lost, from its overflow bit and the host's clock.

A Pluto says only that samples were lost at some time since the bit was last cleared. How many is
seen from the lag: samples that the elapsed time should have brought, less those that came. While
the device's buffers still hold old samples they come at once, and the lag counts those too; so
the loss is taken at the first block that had to be waited for, which is where the gap is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Arrival:
    """A block as it came: int16 [count, 2], and the host's clock around the wait, in seconds."""

    samples: npt.NDArray[np.int16]
    began: float
    ended: float


class LossEstimator:
    """Estimates losses in whole blocks. `depth`: how many blocks the device can hold."""

    def __init__(self, rate: float, block: int, depth: int, started: float) -> None:
        self._rate, self._block, self._depth, self._started = rate, block, depth, started
        self._index = 0  # of the next sample, the lost ones counted
        self._usual = 0.0  # the lag when nothing is lost and nothing waits in the device
        self._polled: float | None = None
        self._pending = 0  # blocks since an overflow was seen whose loss is not yet settled
        self._claimed = False  # part of that loss was already told
        self._told = False  # a loss was told; if too much, the lag stays below the usual

    def lost_before(
        self,
        arrival: Arrival,
        overflowed: Callable[[], bool],
        peek: Callable[[], Arrival],
    ) -> int:
        """Samples lost just before `arrival`; 0, or whole blocks.

        `overflowed` asks the device and clears its bit; `peek` waits for the block after this.
        """
        index = self._index + len(arrival.samples)
        lag = self._lag(arrival, index)
        if self._pending or self._overflow(arrival, lag, overflowed):
            lost = self._settle(arrival, index, overflowed, peek)
        else:
            lost = 0
        self._index = index + lost
        return lost

    def first_sample_time(self, count: int) -> float:
        """When the first of the last `count` samples was taken, on the host's clock, seconds."""
        return self._started + (self._index - count + self._usual) / self._rate

    def _overflow(self, arrival: Arrival, lag: float, overflowed: Callable[[], bool]) -> bool:
        """Ask the device twice a second, and whenever the lag has grown."""
        first = self._polled is None
        drift = lag - self._usual
        if drift < 0 and (drift > -self._block / 2 or not self._told):
            self._usual = lag  # a late wake-up had been taken for the usual
        due = self._polled is None or arrival.ended - self._polled > _POLL_SECONDS
        if not due and drift <= self._block / 2:
            return False
        self._polled = arrival.ended
        if overflowed():
            return True
        if first or (self._waited(arrival) and abs(drift) < self._block / 2):
            self._usual = lag  # the two clocks drift apart, slowly
        return False

    def _settle(
        self,
        arrival: Arrival,
        index: int,
        overflowed: Callable[[], bool],
        peek: Callable[[], Arrival],
    ) -> int:
        """The loss to tell now. All of it where the device has run empty; else what is certain."""
        lag = self._lag(arrival, index)
        missing = max(0, round((lag - self._usual) / self._block))
        self._pending += 1
        late = self._pending > self._depth + 1  # the reader does not catch up
        # The block after the gap is waited for, and so is its successor. A block that was in the
        # device has a neighbour that was there too, and comes at once.
        if self._waited(arrival) and self._waited(after := peek()):
            grown = self._lag(after, index + len(after.samples)) - lag
            if grown > self._block / 2:  # the bit was seen early: its gap is yet to come
                lost, self._claimed = missing, self._claimed or missing > 0
            else:
                lost = missing or int(not self._claimed)
                self._pending, self._claimed = 0, False
            if late:
                overflowed()  # what it says has just been counted
        else:
            lost = max(0, missing - self._depth) if late else 0
            self._claimed |= lost > 0
        self._told |= lost > 0
        return lost * self._block

    def _lag(self, arrival: Arrival, index: int) -> float:
        """Samples that should have come by then, less those up to `index`, which did."""
        return (arrival.ended - self._started) * self._rate - index

    def _waited(self, arrival: Arrival) -> bool:
        return arrival.ended - arrival.began > self._block / self._rate / 2
