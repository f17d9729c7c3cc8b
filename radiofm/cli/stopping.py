"""Ctrl-C and SIGTERM, turned into one call."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def on_stop(stop: Callable[[], None]) -> Iterator[None]:
    """Inside, SIGINT and SIGTERM call `stop` instead of ending the process."""

    def handler(number: int, frame: FrameType | None) -> None:
        stop()

    before = {s: signal.signal(s, handler) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
