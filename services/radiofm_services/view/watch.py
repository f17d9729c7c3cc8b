"""Runs the view: takes the newest messages, draws, waits. It never holds up the chain."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.control import Control

from radiofm.bus import Subscriber
from radiofm.errors import RadiofmError
from radiofm.topics import CHANNELS
from radiofm.wire import Message, SliceHeader
from radiofm_services.view.picture import picture as save_picture
from radiofm_services.view.plain import plain_line
from radiofm_services.view.render import render
from radiofm_services.view.state import ViewState

TOPICS = ("slice", "result", "status")
KEPT_SLICES = 64  # a frame: a second of air; older ones would have left the screen soon
MOST_MESSAGES = 2000  # a frame, so that a flood cannot stop the clock
DRAWING_SHARE = 0.25  # of one core, at most: on a slow machine the frames get fewer
LINE_SECONDS = 1.0

Show = Callable[[ViewState, float], None]  # the state, and the seconds since the view began


class Source(Protocol):
    """Where messages come from: a Subscriber, or a test's list."""

    malformed: int

    def receive(self, timeout_s: float) -> Message | None:
        """The next message, or None when none came within `timeout_s` seconds."""


def run_view(
    endpoints: Sequence[str],
    stop: threading.Event,
    console: Console,
    *,
    fps: float = 10,
    seconds: float | None = None,
    patience_s: float | None = None,
    plain: bool = False,
    picture: Path | None = None,
) -> ViewState:
    """Show what comes from `endpoints` until the chain ends, `stop` is set or `seconds` are over.

    `picture`: where to save the last view, an SVG. RadiofmError when not one message came within
    `patience_s`.
    """
    channel = CHANNELS["slice"]
    subscriber = Subscriber(
        endpoints, TOPICS, message_bytes=channel.message_bytes, queue_bytes=channel.queue_bytes
    )
    with closing(subscriber), ExitStack() as stack:
        show = _lines(console)
        if console.is_terminal and not (plain or console.quiet or console.color_system is None):
            show = _screen(console, stack)
        state = follow(subscriber, stop, show, fps=fps, seconds=seconds, patience_s=patience_s)
    if not state.heard and patience_s is not None and not stop.is_set():
        raise RadiofmError(
            f"nothing came from {', '.join(endpoints)}: start `radiofm live` or the stages, or "
            "name their endpoints with --iq, --slices and --results"
        )
    if picture:
        width, height = console.size if console.is_terminal else (120, 32)
        save_picture(state, picture, width, height)
    return state


def follow(
    source: Source,
    stop: threading.Event,
    show: Show,
    *,
    fps: float = 10,
    seconds: float | None = None,
    patience_s: float | None = None,
) -> ViewState:
    """Take, show, wait; returns when the chain has ended, or as `run_view` says."""
    state = ViewState()
    began = time.monotonic()
    while True:
        now, spent = time.monotonic(), time.thread_time()
        last = stop.is_set() or (seconds is not None and now - began >= seconds)
        drain(source, state, now)
        show(state, now - began)
        impatient = patience_s is not None and not state.heard and now - began >= patience_s
        if last or state.ended or impatient:
            return state
        spent = time.thread_time() - spent
        stop.wait(max(1 / fps - (time.monotonic() - now), spent * (1 / DRAWING_SHARE - 1)))


def drain(source: Source, state: ViewState, now_s: float) -> None:
    """Give `state` all that waits, of the slices only the newest: it counts those left out."""
    slices: deque[Message] = deque(maxlen=KEPT_SLICES)
    others: list[Message] = []
    for _ in range(MOST_MESSAGES):
        message = source.receive(0)
        if message is None:
            break
        (slices if isinstance(message.header, SliceHeader) else others).append(message)
    for message in (*slices, *others):  # a result is written on its slice
        state.update(message, now_s)
    state.malformed = source.malformed
    state.tick(now_s)


def _screen(console: Console, stack: ExitStack) -> Show:
    # The frame is whole and fits, so it is printed as it is: a quarter of the cost of rich's Live.
    stack.enter_context(console.screen())

    def show(state: ViewState, seconds: float) -> None:
        with console:  # one write a frame
            console.control(Control.home())
            console.print(render(state, *console.size), end="", crop=False)

    return show


def _lines(console: Console) -> Show:
    due = LINE_SECONDS

    def show(state: ViewState, seconds: float) -> None:
        nonlocal due
        if seconds >= due or state.ended:
            due = seconds - seconds % LINE_SECONDS + LINE_SECONDS
            console.print(plain_line(state, seconds), markup=False, highlight=False, soft_wrap=True)

    return show
