"""How a daemon speaks: its messages, its heartbeats, its last word."""

from __future__ import annotations

import threading
import time
from typing import Any, Literal
from uuid import UUID

import numpy.typing as npt

from radiofm.bus import Publisher
from radiofm.follow import TICK_S, Pace
from radiofm.topics import CHANNELS
from radiofm.wire import Header, SampleAccount, SliceAccount, StatusHeader

HEARTBEAT_S = 0.5
STOP_LINGER_S = 10.0  # how long slow lossless readers are waited for after a request to stop
NO_STREAM = UUID(int=0)  # in the heartbeats of a daemon that has heard no stream yet


class Sender:
    """Publishes one daemon's channel. Lossless, it waits for slow readers, but not past `stop`."""

    def __init__(
        self,
        channel: Literal["slice", "result"],
        endpoint: str,
        pace: Pace,
        stop: threading.Event,
        daemon: str | None = None,  # that speaks; None: the one whose channel it is
    ) -> None:
        of = CHANNELS[channel]
        self._daemon, self._stop, self._beat = daemon or of.daemon, stop, 0.0
        self._publisher = Publisher(
            endpoint,
            message_bytes=of.message_bytes,
            queue_bytes=of.queue_bytes,
            lossless=pace.policy == "lossless",
        )
        # A reader that joins late misses the start.
        while not self._publisher.wait_for_subscribers(channel, pace.readers, TICK_S):
            if stop.is_set():
                break

    def next_sequence(self, topic: str) -> int:
        """The sequence number that the next message of `topic` must carry."""
        return self._publisher.next_sequence(topic)

    def send(self, header: Header, payload: npt.NDArray[Any] | None = None) -> None:
        """Publish a message; its payload must not be written to again."""
        while not self._publisher.send(header, payload, timeout_s=TICK_S):
            if self._stop.is_set():
                return

    def heartbeat_due(self) -> bool:
        """Whether the last heartbeat was `HEARTBEAT_S` ago."""
        return time.monotonic() - self._beat >= HEARTBEAT_S

    def status(
        self,
        newest: Header | None,
        *,
        ended: bool = False,
        sample_index: int,
        samples: SampleAccount,
        slices: SliceAccount,
        gauges: dict[str, float],
        heads: tuple[str, ...] = (),
        note: str = "",
    ) -> None:
        """Publish a heartbeat or, `ended`, the last word. `newest`: the newest header taken."""
        self._beat = time.monotonic()
        header = StatusHeader(
            daemon=self._daemon,
            state="ended" if ended else "running" if newest else "waiting",
            stream=newest.stream if newest else NO_STREAM,
            sequence=self.next_sequence("status"),
            sample_index=sample_index,
            sample_count=0,
            time_ns=time.time_ns(),
            time_quality="host",
            center_frequency_hz=newest.center_frequency_hz if newest else 0.0,
            sample_rate_hz=newest.sample_rate_hz if newest else 0.0,
            samples=samples,
            slices=slices,
            gauges=gauges,
            heads=heads,
            note=note[:500],
        )
        if ended:
            if self._stop.is_set():
                self._publisher.linger_s = min(self._publisher.linger_s, STOP_LINGER_S)
            self._publisher.send_last(header)
        else:
            self.send(header)

    def close(self) -> None:
        self._publisher.close()
