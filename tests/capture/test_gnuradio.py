"""The GNU Radio endpoint: whole items, to the sample, and never a burden."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
import zmq

from radiofm.errors import UsageError
from radiofm.recording import Recording
from radiofm.wire import Loss
from radiofm_capture.daemon import CaptureDaemon
from radiofm_capture.device import Block, Tuning
from radiofm_capture.disk import DiskThread
from radiofm_capture.gnuradio import GnuRadioEndpoint, items_of
from radiofm_capture.recorder import Recorder

DTYPES: dict[str, np.dtype[Any]] = {"sc16": np.dtype("<i2"), "fc32": np.dtype("<f4")}
ANY_PORT = "tcp://127.0.0.1:0"


@pytest.fixture
def reader() -> Iterator[zmq.Socket[bytes]]:
    """As GNU Radio's sub_source without a key: every message is items and nothing else."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    subscriber = context.socket(zmq.SUB)
    subscriber.setsockopt(zmq.SUBSCRIBE, b"")
    subscriber.setsockopt(zmq.RCVHWM, 0)
    subscriber.setsockopt(zmq.RECONNECT_IVL, 10)
    yield subscriber
    subscriber.close(0)
    context.term()


def take(reader: zmq.Socket[bytes], form: str, timeout_s: float) -> npt.NDArray[Any] | None:
    """The items of the next message, [count, 2]; it must be one part of whole items."""
    if not reader.poll(int(timeout_s * 1000)):
        return None
    (message,) = reader.recv_multipart()
    assert len(message) > 0 and len(message) % (2 * DTYPES[form].itemsize) == 0
    return np.frombuffer(message, DTYPES[form]).reshape(-1, 2)


def join(reader: zmq.Socket[bytes], endpoint: GnuRadioEndpoint) -> None:
    """Connect, and send single items until one arrives; three together end them."""
    reader.connect(endpoint.endpoint)
    tuning = Tuning(0, 1e6, 1e6)
    while not reader.poll(20):
        endpoint.send(np.ones((1, 2), "<i2"), tuning)
    endpoint.send(np.ones((3, 2), "<i2"), tuning)
    while len(reader.recv()) not in (12, 24):
        pass


class Played:
    """A device that gives the blocks it was given."""

    def __init__(self, blocks: list[Block]) -> None:
        self._blocks = iter(blocks)

    def start(self) -> None: ...

    def read(self) -> Block | None:
        return next(self._blocks, None)

    def stop(self) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize("form", ["sc16", "fc32"])
def test_it_carries_what_is_recorded(
    tmp_path: Path, reader: zmq.Socket[bytes], form: Literal["sc16", "fc32"]
) -> None:
    rng = np.random.default_rng(1)
    lost = (Loss(samples=777, exact=True, stage="device"),)
    blocks, at = [], 0
    for number, count in enumerate((70_001, 3, 40_000, 123_456)):
        at += 777 * (number == 2)
        samples = rng.integers(-2048, 2048, (count, 2)).astype(np.int16)
        gap = lost if number == 2 else ()
        tuning = Tuning(2.44e9, 20e6, 20e6)
        blocks.append(Block(samples, at, 0, "host", tuning, gap, number == 0))
        at += count
    endpoint = GnuRadioEndpoint(ANY_PORT, form)
    join(reader, endpoint)
    recorder = Recorder(tmp_path / "cap")
    disk = DiskThread(recorder, wait=True)
    CaptureDaemon(Played(blocks), None, disk, gnuradio=endpoint).run()
    received: list[npt.NDArray[Any]] = []
    while sum(map(len, received)) < recorder.samples:
        items = take(reader, form, 5)
        assert items is not None, "items are missing"
        received.append(items)
    endpoint.close()
    recording = Recording.open(recorder.paths[0])
    assert recording.count == sum(len(block.samples) for block in blocks)
    counts = recording.read(0, recording.count)
    wanted = counts if form == "sc16" else counts / np.float32(2048)
    assert np.array_equal(np.concatenate(received), wanted)


@pytest.mark.parametrize("form", ["sc16", "fc32"])
def test_a_subscriber_of_the_command_reads_what_it_records(
    tmp_path: Path, reader: zmq.Socket[bytes], form: str
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        endpoint = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
    reader.connect(endpoint)
    radio = subprocess.Popen(
        [sys.executable, "-m", "radiofm", "capture", "--device", "sim", "--rate", "1M",
         "--duration", "1500ms", "--gnuradio", endpoint, "--gnuradio-format", form,
         "--record", "cap.sigmf-meta", "--json"],
        cwd=tmp_path, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    received: list[npt.NDArray[Any]] = []
    while radio.poll() is None or reader.poll(500):
        if (items := take(reader, form, 0.1)) is not None:
            received.append(items)
    assert radio.wait() == 0
    heard = np.concatenate(received)
    recording = Recording.open(tmp_path / "cap")
    first = recording.count - len(heard)  # it was joined there, and heard everything from then on
    assert 0 <= first < recording.count
    counts = recording.read(first, len(heard))
    assert np.array_equal(heard, counts if form == "sc16" else counts / np.float32(2048))


def test_a_slow_reader_loses_whole_messages_and_holds_up_nobody(
    reader: zmq.Socket[bytes], counter: Any
) -> None:
    reader.setsockopt(zmq.RCVHWM, 4)
    endpoint = GnuRadioEndpoint(ANY_PORT, "sc16")
    join(reader, endpoint)
    tuning = Tuning(2.44e9, 20e6, 20e6)
    sent = 100 * (1 << 20)  # samples: 400 MiB, far more than may wait
    for start in range(0, sent, 1 << 20):
        endpoint.send(counter.read(start, 1 << 20, 0, 0), tuning)
    heard = 0
    while (items := take(reader, "sc16", 0.5)) is not None:
        counter.index(items)  # none is missing within a message
        heard += len(items)
    assert 0 < heard < sent
    endpoint.close()


def test_floats_become_counts_and_are_clipped() -> None:
    floats = np.array([[0.5, -0.25], [1.0, -1.0], [7.0, -7.0]], np.float32)
    wanted = [[16384, -8192], [32767, -32768], [32767, -32768]]
    items = items_of(floats, 1.0, "sc16")
    assert items.dtype == np.int16 and items.tolist() == wanted
    assert items_of(floats * 2, 2.0, "sc16").tolist() == wanted
    assert items_of(floats, 2.0, "fc32").tolist() == (floats / 2).tolist()


def test_it_is_not_served_beyond_this_machine() -> None:
    with pytest.raises(UsageError, match="beyond this machine without keys"):
        GnuRadioEndpoint("tcp://0.0.0.0:5005", "sc16")


def test_a_busy_port_is_one_sentence() -> None:
    endpoint = GnuRadioEndpoint(ANY_PORT, "sc16")
    with pytest.raises(UsageError, match="is busy"):
        GnuRadioEndpoint(endpoint.endpoint, "sc16")
    endpoint.close()
