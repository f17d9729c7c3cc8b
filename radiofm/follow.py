"""How a daemon follows the one before it: in order, within its policy, to the last word."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from radiofm.bus import Subscriber
from radiofm.errors import WireError
from radiofm.topics import CHANNELS
from radiofm.wire import Message, StatusHeader

# latest: what waits beyond the depth is passed over, oldest first. lossless: nothing is, and the
# publisher waits (a recording can; a radio cannot).
Policy = Literal["latest", "lossless"]

TICK_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How a daemon keeps up with the one before it, and waits for those behind it."""

    policy: Policy = "latest"
    depth: int = 8  # messages that may wait before the oldest is passed over
    patience_s: float = 10.0  # silence that ends the daemon, once the publisher has spoken
    first_message_s: float | None = None  # the same before its first word; None: wait for ever
    readers: int = 0  # subscribers to wait for before the first message
    grace_s: float = 1.0  # how long to go on after a request to stop, for the last word to come


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message, in the publisher's order."""

    message: Message
    late: bool  # to be accounted for, but not used: newer ones wait


class Follower:
    """Follows one channel until its publisher's last word, its silence, or a request to stop."""

    def __init__(
        self,
        channel: Literal["iq", "slice"],
        endpoint: str,
        pace: Pace,
        stop: threading.Event,
    ) -> None:
        of = CHANNELS[channel]
        self._daemon, self._endpoint = of.daemon, endpoint
        self._pace, self._stop = pace, stop
        self._waiting: deque[Message] = deque()
        self._subscriber = Subscriber(
            [endpoint], of.topics, message_bytes=of.message_bytes, queue_bytes=of.queue_bytes
        )

    @property
    def malformed(self) -> int:
        """Messages that broke the wire contract."""
        return self._subscriber.malformed

    def arrivals(self) -> Iterator[Arrival | None]:
        """Each message; None now and then while none comes. Ends with the "ended" status.

        Raises WireError when the publisher falls silent. After a request to stop what is still on
        its way is taken, within the grace.
        """
        heard, spoken, deadline = time.monotonic(), False, float("inf")
        while time.monotonic() < deadline:
            if self._stop.is_set() and deadline == float("inf"):
                deadline = time.monotonic() + (self._pace.grace_s if spoken else 0)
            arrival = self._next()
            if arrival is not None:
                heard, spoken = time.monotonic(), True
                yield arrival
                header = arrival.message.header
                if isinstance(header, StatusHeader) and header.state == "ended":
                    return
                continue
            self._check(time.monotonic() - heard, spoken)
            yield None

    def close(self) -> None:
        self._subscriber.close()

    def _next(self) -> Arrival | None:
        if self._pace.policy == "lossless":
            message = self._subscriber.receive(TICK_S)
            return None if message is None else Arrival(message, False)
        while len(self._waiting) <= self._pace.depth:
            message = self._subscriber.receive(0 if self._waiting else TICK_S)
            if message is None:
                break
            self._waiting.append(message)
        if not self._waiting:
            return None
        late = len(self._waiting) > self._pace.depth
        return Arrival(self._waiting.popleft(), late)

    def _check(self, silence_s: float, spoken: bool) -> None:
        if spoken and silence_s > self._pace.patience_s:
            raise WireError(
                f"radiofm {self._daemon} at {self._endpoint} fell silent for {silence_s:.0f} s: "
                "it must have died; start it again, or allow more --patience"
            )
        limit_s = self._pace.first_message_s
        if not spoken and limit_s is not None and silence_s > limit_s:
            raise WireError(
                f"nothing came from {self._endpoint} within {silence_s:.0f} s: "
                f"start `radiofm {self._daemon}`, or point to where it publishes"
            )
