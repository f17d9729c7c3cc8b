"""Samples to a pipe: all of them, for as long as somebody reads."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radiofm.errors import RecordingError
from radiofm.recording import Recording
from radiofm.wire import DTYPES
from radiofm_capture.device import Block, Tuning
from radiofm_capture.disk import DiskThread
from radiofm_capture.pipe import PipeClosedError, PipeSink

INTS, FLOATS = Tuning(0, 1e6, 1e6), Tuning(0, 1e6, 1e6, datatype="cf32_le", full_scale=1.0)
CAPTURE = [sys.executable, "-m", "radiofm", "capture"]


def block(first: int, count: int, tuning: Tuning = INTS) -> Block:
    ramp = np.arange(2 * first, 2 * (first + count)).astype(DTYPES[tuning.datatype])
    return Block(ramp.reshape(-1, 2), first, 0, "host", tuning, (), first == 0)


@pytest.fixture
def pipe() -> Iterator[list[int]]:
    """[read, write]: an end that a test closes itself is taken out of the list."""
    ends = list(os.pipe())
    yield ends
    for end in ends:
        os.close(end)


def test_every_sample_goes_through(pipe: list[int]) -> None:
    read, write = pipe
    sink = PipeSink(write, threading.Event())
    thread = DiskThread(sink, wait=True, queue_bytes=100_000)
    blocks = [block(at, 9_999) for at in range(0, 199_980, 9_999)]
    blocks.insert(3, block(29_997, 0))  # tells of a loss only
    received = bytearray()
    reader = threading.Thread(target=lambda: received.extend(iter_read(read, 199_980 * 4)))
    reader.start()
    for one in blocks:
        thread.write(one)
    thread.close()
    reader.join()
    assert thread.error is None and sink.samples == 199_980 and sink.datatype == "ci16_le"
    assert bytes(received) == b"".join(one.samples.tobytes() for one in blocks)
    assert os.get_blocking(write)


def iter_read(descriptor: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += os.read(descriptor, size - len(data))
    return data


def test_a_late_reader_does_not_hold_up_the_device(pipe: list[int]) -> None:
    _, write = pipe
    stopped = threading.Event()
    sink = PipeSink(write, stopped)
    thread = DiskThread(sink, wait=False, queue_bytes=200_000)
    for at in range(0, 1_000_000, 10_000):  # nobody reads: this must come to its end
        thread.write(block(at, 10_000))
    assert thread.lost > 800_000 and thread.error is None
    stopped.set()
    thread.close()  # and so must this
    assert isinstance(thread.error, PipeClosedError)
    assert 0 < sink.samples < 200_000


def test_a_reader_that_leaves_is_told_apart(pipe: list[int]) -> None:
    os.close(pipe.pop(0))
    with pytest.raises(PipeClosedError):
        PipeSink(pipe[0], threading.Event()).write(block(0, 10))


def test_the_datatype_stays(pipe: list[int]) -> None:
    sink = PipeSink(pipe[1], threading.Event())
    sink.write(block(0, 10, FLOATS))
    assert np.frombuffer(os.read(pipe[0], 1000), "<f4").tolist()[:4] == [0, 1, 2, 3]
    with pytest.raises(RecordingError, match="change from cf32_le to ci16_le"):
        sink.write(block(10, 10))


def last_json(text: bytes) -> Any:
    return json.loads(text.strip().splitlines()[-1])


def test_the_command_pipes_what_it_records(tmp_path: Path) -> None:
    done = subprocess.run(
        [*CAPTURE, "--device", "sim", "--scene", "quiet", "--rate", "2M", "--duration", "2s",
         "--speed", "max", "--stdout", "--record", "cap.sigmf-meta", "--json"],
        cwd=tmp_path, capture_output=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    recording = Recording.open(tmp_path / "cap")
    assert recording.count == 4_000_000
    assert done.stdout == recording.path.read_bytes()
    report = last_json(done.stderr)
    assert report["stdout"] == {
        "datatype": "ci16_le", "samples": 4_000_000, "lost_by_stage": {"queue": 0},
    }  # fmt: skip


def test_a_reader_that_leaves_ends_the_capture_well(tmp_path: Path) -> None:
    radio = subprocess.Popen(
        [*CAPTURE, "--device", "sim", "--scene", "quiet", "--rate", "2M", "--stdout",
         "--record", "cap.sigmf-meta", "--json"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert radio.stdout and radio.stderr
    head = radio.stdout.read(100_000)
    radio.stdout.close()
    error = radio.stderr.read()
    radio.stderr.close()
    assert radio.wait(30) == 0, error
    recording = Recording.open(tmp_path / "cap")
    assert recording.path.read_bytes().startswith(head)
    assert last_json(error)["samples_recorded"] == recording.count


def test_a_terminal_is_spared() -> None:
    master, terminal = pty.openpty()
    done = subprocess.run(
        [*CAPTURE, "--device", "sim", "--stdout"],
        stdout=terminal, stderr=subprocess.PIPE, text=True, timeout=60,
    )  # fmt: skip
    os.close(terminal)
    os.close(master)
    assert done.returncode == 2
    assert "--stdout would fill the terminal" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
