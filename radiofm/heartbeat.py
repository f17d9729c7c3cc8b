"""The heartbeats of the daemons, heard once: who is there, and how it fares."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing

from radiofm.bus import Subscriber
from radiofm.topics import CHANNELS
from radiofm.wire import StatusHeader

HEARTBEAT_BYTES = 8 << 10  # of a large one

# daemon -> the channel that its heartbeats come with
SPEAKS_ON = {c.daemon: name for name, c in CHANNELS.items() if "status" in c.topics}


def hear(endpoints: Mapping[str, str], wait_s: float) -> dict[str, StatusHeader]:
    """The next heartbeat of each daemon of `endpoints` (daemon -> endpoint) that speaks in time.

    Daemons speak twice a second; one that waits for its `--readers` does not speak yet.
    """
    heard: dict[str, StatusHeader] = {}
    deadline = time.monotonic() + wait_s
    subscriber = Subscriber(
        list(endpoints.values()), ["status"], message_bytes=HEARTBEAT_BYTES, queue_bytes=1 << 20
    )
    with closing(subscriber):
        while endpoints.keys() - heard and (left := deadline - time.monotonic()) > 0:
            message = subscriber.receive(left)
            if message and isinstance(message.header, StatusHeader):
                heard[message.header.daemon] = message.header
    return {daemon: heard[daemon] for daemon in endpoints if daemon in heard}
