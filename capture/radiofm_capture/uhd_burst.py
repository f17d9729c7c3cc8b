"""Bursts of a USRP: each commanded for a time of the device, so that it begins with a slice."""

from __future__ import annotations

import math
from collections.abc import Callable

from radiofm.wire import Loss, Stage
from radiofm_capture.device import Bursts
from radiofm_capture.framer import slice_samples
from radiofm_capture.uhd_clock import DeviceTime, SampleClock
from radiofm_capture.uhd_receive import Receiver

_LEAD_SECONDS = 0.02  # for a command to reach the device
_TAIL_SECONDS = 0.1  # for the end of a burst to reach the host


class BurstSchedule:
    """Bursts, each at the first slice that can be had: a Schedule (uhd_schedule.py).

    The air between two is untaken. What a burst itself does not bring is lost; an overflow in the
    device ends it. A command that came late was no burst, and is given again.
    """

    def __init__(
        self, receiver: Receiver, bursts: Bursts, rate: float, now: Callable[[], DeviceTime]
    ) -> None:
        """`now` asks the device for its time."""
        self._receiver, self._rate, self._now = receiver, rate, now
        self._slice = slice_samples(rate)
        self._count, self._limit = bursts.slices * self._slice, bursts.count
        self._commanded = 0
        self._ended = False
        self._bursts: list[tuple[int, int]] = []  # [begin, end), until they are accounted for
        self._clock: SampleClock | None = None

    def begin(self) -> None:
        seconds, rest = self._now()
        self._bursts = [(0, self._count)]
        self._commanded = 1
        self._receiver.send(self._count, (seconds, rest + _LEAD_SECONDS))

    def began(self, clock: SampleClock) -> None:
        self._clock = clock

    def end(self, index: int) -> int | None:
        end = self._bursts[-1][1]
        last = self._limit and self._commanded == self._limit
        return end if last and (index >= end or self._ended) else None

    def room(self, index: int, most: int) -> int:
        if index >= self._bursts[-1][1]:
            self._next()
        begin, end = self._bursts[-1]
        return min(most, end - max(index, begin))

    def missed(self, error: str) -> None:
        if error == "late":
            self._bursts.pop()
            self._commanded -= 1
            self._next()
        elif error == "timeout" and self._over():
            if self._commanded == self._limit:
                self._ended = True
            else:
                self._next()

    def losses(self, start: int, stop: int, exact: bool, stage: Stage) -> list[Loss]:
        found: list[Loss] = []
        at = start
        for begin, end in [*self._bursts, (stop, stop)]:
            begin, end = max(at, min(begin, stop)), min(end, stop)
            if begin > at:
                untaken = Loss(samples=begin - at, exact=exact, stage="device", untaken=True)
                found.append(untaken)
            if end > begin:
                found.append(Loss(samples=end - begin, exact=exact, stage=stage))
            at = max(begin, end)
        *past, last = self._bursts
        self._bursts = [*(burst for burst in past if burst[1] > stop), last]
        return found

    def _next(self) -> None:
        """Command a burst for the next slice that leaves time to do so."""
        if self._clock is None:
            self.begin()
            return
        soonest = self._clock.first_after(self._now()) + _LEAD_SECONDS * self._rate
        begin = math.ceil(soonest / self._slice) * self._slice
        self._bursts.append((begin, begin + self._count))
        self._commanded += 1
        self._receiver.send(self._count, self._clock.time(begin))

    def _over(self) -> bool:
        """Whether the last burst must have come by now, if it comes at all."""
        if self._clock is None:
            return False
        late = self._clock.first_after(self._now()) - self._bursts[-1][1]
        return late > _TAIL_SECONDS * self._rate
