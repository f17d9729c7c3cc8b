"""`radiofm status` hears each daemon once, and its exit code says who is missing."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal
from uuid import UUID

import pytest

from radiofm.bus import Publisher
from radiofm.cli.status import status
from radiofm.errors import RadiofmError, UsageError
from radiofm.heartbeat import SPEAKS_ON, hear
from radiofm.topics import DAEMONS, endpoint_for
from radiofm.wire import SampleAccount, StatusHeader

State = Literal["waiting", "running", "ended"]


@contextmanager
def beating(daemon: str, state: State = "running") -> Iterator[None]:
    """A daemon that says `state` twenty times a second."""
    done = threading.Event()

    def beat() -> None:
        publisher = Publisher(endpoint_for(SPEAKS_ON[daemon]), message_bytes=8 << 10)
        publisher.linger_s = 0
        while not done.wait(0.05):
            publisher.send(
                StatusHeader(
                    daemon=daemon, state=state, stream=UUID(int=1), sample_index=9, sample_count=0,
                    sequence=publisher.next_sequence("status"), time_ns=time.time_ns(),
                    time_quality="host", center_frequency_hz=2.44e9, sample_rate_hz=4e6,
                    samples=SampleAccount(span=9, received=7, lost=2),
                )
            )  # fmt: skip
        publisher.close()

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_every_daemon_has_a_channel_it_speaks_on() -> None:
    assert set(SPEAKS_ON) == set(DAEMONS)


def test_all_that_speak_are_heard_and_others_waited_for() -> None:
    endpoints = {daemon: endpoint_for(channel) for daemon, channel in SPEAKS_ON.items()}
    with beating("capture"), beating("infer", "waiting"):
        began = time.monotonic()
        heard = hear(endpoints, 1.5)
        assert time.monotonic() - began >= 1.5
    assert {name: header.state for name, header in heard.items()} == {
        "capture": "running",
        "infer": "waiting",
    }


def test_a_whole_chain_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    with ExitStack() as stack:
        for daemon in DAEMONS:
            stack.enter_context(beating(daemon))
        status(as_json=True, wait="20s")  # returns as soon as all have spoken
        status(["capture"], wait="20s")
    report, line = capsys.readouterr().out.strip().splitlines()
    daemons = json.loads(report)["daemons"]
    assert list(daemons) == list(DAEMONS)
    assert daemons["capture"]["samples"]["lost"] == 2
    assert "2.44 GHz" in line and "lost 2" in line


@pytest.mark.parametrize(
    ("state", "asked", "error", "says"),
    [
        ("running", ["capture", "infer"], RadiofmError, "heartbeat of infer within 0.5s"),
        ("ended", ["capture"], RadiofmError, "heartbeat of capture"),
        ("running", ["radio"], UsageError, "capture, spectrogram, infer"),
    ],
)
def test_who_is_missing_is_said(
    state: State, asked: list[str], error: type[RadiofmError], says: str
) -> None:
    with beating("capture", state), pytest.raises(error, match=says):
        status(asked, wait="0.5s")
