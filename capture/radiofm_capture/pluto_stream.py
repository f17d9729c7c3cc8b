"""A Pluto's samples without gaps, as far as the link carries them; losses are estimated."""

from __future__ import annotations

import time

from radiofm.wire import Loss
from radiofm_capture.device import Block, Tuning
from radiofm_capture.overflow import Arrival, LossEstimator
from radiofm_capture.pluto_receiver import PlutoReceiver


class PlutoStream:
    """One stream: `depth` buffers of `count` samples, fetched as they fill."""

    def __init__(self, receiver: PlutoReceiver, tuning: Tuning, count: int, depth: int) -> None:
        self._receiver, self._tuning = receiver, tuning
        self._count, self._depth = count, depth
        self._ahead: Arrival | None = None
        self._index = 0
        self._time_ns = 0

    def start(self) -> None:
        """Begin. The buffer is new, hence holds nothing from before the tuning."""
        self._receiver.open(self._count, self._depth)
        self._started, self._epoch_ns = time.monotonic(), time.time_ns()
        self._losses = LossEstimator(
            self._tuning.sample_rate_hz, self._count, self._depth, self._started
        )

    def read(self) -> Block:
        """The next block."""
        arrival = self._ahead or self._receiver.refill()
        self._ahead = None
        lost = self._losses.lost_before(arrival, self._receiver.overflowed, self._peek)
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
            tuning=self._tuning,
            lost=(Loss(samples=lost, exact=False, stage="device"),) if lost else (),
            new_stream=first,
        )
        self._index += count
        return block

    def gauges(self) -> dict[str, float]:
        """Nothing that the daemon does not count itself."""
        return {}

    def _peek(self) -> Arrival:
        self._ahead = self._receiver.refill()
        return self._ahead
