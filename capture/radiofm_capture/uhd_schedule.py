"""What a USRP is told to send, and what is missing where samples did not come: all of the air."""

from __future__ import annotations

from typing import Protocol

from radiofm.wire import Loss, Stage
from radiofm_capture.uhd_clock import SampleClock
from radiofm_capture.uhd_receive import Receiver


class Schedule(Protocol):
    """When the device sends, of one stream."""

    def begin(self) -> None:
        """Let the stream begin."""

    def began(self, clock: SampleClock) -> None:
        """The first sample came: this is the time of all others."""

    def end(self, index: int) -> int | None:
        """The index at which the stream ends, once nothing more comes at `index`; else None."""

    def room(self, index: int, most: int) -> int:
        """How many samples to wait for at index `index`, at most `most`."""

    def missed(self, error: str) -> None:
        """An error came instead (Arrival.error): command again where the device gave up."""

    def losses(self, start: int, stop: int, exact: bool, stage: Stage) -> list[Loss]:
        """What the samples [start, stop) are, which did not come; none where start is stop."""


class Continuous:
    """Everything, from the first sample on. After an overflow UHD itself lets it go on."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def begin(self) -> None:
        self._receiver.stream()

    def began(self, clock: SampleClock) -> None: ...

    def end(self, index: int) -> int | None:
        return None

    def room(self, index: int, most: int) -> int:
        return most

    def missed(self, error: str) -> None:
        if error in ("late", "broken_chain"):
            self._receiver.stream()

    def losses(self, start: int, stop: int, exact: bool, stage: Stage) -> list[Loss]:
        return [Loss(samples=stop - start, exact=exact, stage=stage)] if stop > start else []
