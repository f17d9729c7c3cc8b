"""Bursts of the Pluto: contiguous inside at any rate, and the air between them untaken."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import time
from ctypes.util import find_library
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radiofm.errors import DeviceError, UsageError
from radiofm.recording import Recording
from radiofm_capture import pluto_burst
from radiofm_capture.device import Block, Bursts, Tuning
from radiofm_capture.overflow import Arrival
from radiofm_capture.pluto import PlutoDevice
from radiofm_capture.pluto_burst import PlutoBursts
from radiofm_capture.virtual_pluto import VirtualPluto

pytestmark = pytest.mark.usefixtures("no_thread_left")
needs_libiio = pytest.mark.skipif(
    not (find_spec("adi") and find_library("iio")),
    reason="needs pyadi-iio and libiio0 (pip install 'radiofm[pluto]', apt-get install libiio0)",
)

FASTEST = Tuning(2.44e9, 61.44e6, 56e6, gain_db=40.0)
SLOW = Tuning(2.44e9, 1e6, 1e6, gain_db=40.0)
SLICE = 983_040  # at 61.44 MS/s


def burst_device(server: VirtualPluto, tuning: Tuning, bursts: Bursts) -> PlutoDevice:
    device = PlutoDevice(tuning, server.uri, round(0.016 * tuning.sample_rate_hz), 4, bursts)
    device.start()
    return device


def untaken(block: Block) -> int:
    assert all(x.untaken and not x.exact and x.stage == "device" for x in block.lost)
    return sum(loss.samples for loss in block.lost)


@needs_libiio
def test_bursts_are_contiguous_at_the_highest_rate(counter: Any) -> None:
    with VirtualPluto(counter) as server:
        device = burst_device(server, FASTEST, Bursts(6, 3))
        blocks = [device.read() for _ in range(3)]
        assert device.read() is None and device.gauges()["bursts"] == 3
        device.close()
    end = time_ns = 0
    for number, block in enumerate(blocks):
        assert block and len(block.samples) == 6 * SLICE  # 23.6 MB: more than one buffer holds
        counter.index(block.samples)
        assert block.sample_index % SLICE == 0
        assert block.new_stream == (number == 0)
        assert block.sample_index == end + untaken(block)
        assert (untaken(block) >= SLICE) == (number > 0)
        assert block.time_ns > time_ns and block.time_quality == "host"
        end, time_ns = block.sample_index + 6 * SLICE, block.time_ns


@needs_libiio
def test_nothing_in_a_burst_is_older_than_its_time(counter: Any) -> None:
    """The samples tell when they were taken: the counter runs with the virtual radio's clock."""
    with VirtualPluto(counter) as server:
        device = burst_device(server, SLOW, Bursts(2))
        first, second = device.read(), device.read()
        assert first
        time.sleep(0.2)  # a busy reader: a standing buffer would have filled meanwhile
        third = device.read()
        within_s = device.gauges()["time_within_ms"] / 1e3
        device.close()
    assert second and third and untaken(third) >= 200_000 - 16_000
    for block in (second, third):
        air = counter.index(block.samples) - counter.index(first.samples)
        told = (block.time_ns - first.time_ns) / 1e9 * 1e6
        assert abs(told - air) < (within_s + 0.05) * 1e6  # a busy machine opens slowly
        assert abs(block.sample_index - told) <= 8_000 + 16_000


@needs_libiio
def test_a_burst_with_a_gap_inside_is_taken_again(
    counter: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pluto_burst, "_ASKED_AT", 0.3)  # long before a late wake-up
    with VirtualPluto(counter, faults=["drop@10ms:1"]) as server:
        device = burst_device(server, SLOW, Bursts(20))
        with caplog.at_level(logging.WARNING):
            block = device.read()
        device.close()
    assert block and block.new_stream and block.sample_index == 0 and not block.lost
    counter.index(block.samples)
    assert "taken again" in caplog.text


class Radio:
    """A receiver whose bursts overflow as told: one entry a burst."""

    uri = "ip:test"

    def __init__(self, overflows: list[bool]) -> None:
        self._overflows = overflows

    def open(self, samples: int, count: int) -> None:
        self._samples = samples

    def overflowed(self) -> bool:
        return self._overflows.pop(0)

    def refill(self) -> Arrival:
        now = time.monotonic()
        return Arrival(np.zeros((self._samples, 2), np.int16), now, now)

    def close_buffer(self) -> None: ...


def bursts_of(overflows: list[bool], monkeypatch: pytest.MonkeyPatch) -> PlutoBursts:
    monkeypatch.setattr(pluto_burst, "_ASKED_AT", 0.1)
    radio: Any = Radio(overflows)
    return PlutoBursts(radio, SLOW, Bursts(10), threading.Event())


def test_a_spoilt_burst_is_lost_the_rest_untaken(monkeypatch: pytest.MonkeyPatch) -> None:
    bursts = bursts_of([False, True, False], monkeypatch)
    first, second = bursts.read(), bursts.read()
    assert first and second
    lost = {loss.untaken: loss.samples for loss in second.lost}
    assert second.sample_index == 160_000 + sum(lost.values())
    assert 0 < lost[False] <= 160_000 and not any(loss.exact for loss in second.lost)


def test_bursts_that_always_overflow_end_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    bursts = bursts_of([True] * 3, monkeypatch)
    with pytest.raises(DeviceError, match=r"drops samples inside its bursts at 1 MS/s: lower"):
        bursts.read()


@needs_libiio
def test_stop_frees_a_reader_that_waits_for_a_burst(counter: Any) -> None:
    with VirtualPluto(counter) as server:
        device = burst_device(server, SLOW, Bursts(120))  # 1.9 s
        timer = threading.Timer(0.2, device.stop)
        timer.start()
        began = time.monotonic()
        assert device.read() is None
        assert time.monotonic() - began < 1.5
        timer.join()
        device.close()


@needs_libiio
@pytest.mark.parametrize(
    ("tuning", "slices", "message"),
    [
        (SLOW, 4099, "burst of 4099 slices at 1 MS/s .* --burst-slices 64 or fewer"),
        (FASTEST, 128, "do not fit into the Pluto's memory: .*fewer slices"),
    ],
)
def test_a_burst_too_long_for_the_device(
    tuning: Tuning, slices: int, message: str, counter: Any
) -> None:
    with VirtualPluto(counter) as server, pytest.raises(UsageError, match=message):
        device = burst_device(server, tuning, Bursts(slices))
        try:
            device.read()
        finally:
            device.close()


@needs_libiio
def test_a_retune_begins_anew_with_nothing_stale(tone: Any) -> None:
    with VirtualPluto(tone(2441e6)) as server:
        device = PlutoDevice(replace(SLOW, sample_rate_hz=4e6), server.uri, 64_000, 4)
        heard: list[tuple[float, Block]] = []
        for fc, gain, bursts in ((2440e6, 40, None), (2440.5e6, 34, Bursts(1)), (2442e6, 40, None)):
            device.retune(Tuning(fc, 4e6, 4e6, gain_db=gain), bursts)
            device.start()
            time.sleep(0.05)  # buffers fill
            block = device.read()
            assert block
            spectrum = np.abs(np.fft.fft(block.samples.astype(float) @ [1, 1j]))
            heard.append((float(np.fft.fftfreq(len(spectrum), 1 / 4e6)[spectrum.argmax()]), block))
        device.close()
    assert [round(offset, -3) for offset, _ in heard] == [1e6, 0.5e6, -1e6]
    assert all(b.new_stream and b.sample_index == 0 and not b.lost for _, b in heard)
    assert [b.tuning.gain_db for _, b in heard] == [40, 34, 40]


@needs_libiio
def test_the_gain_that_the_device_chose_is_a_gauge(counter: Any) -> None:
    with VirtualPluto(counter) as server:
        agc = replace(SLOW, gain_db=None, gain_mode="slow_attack")
        device = PlutoDevice(agc, server.uri, 16_000, 4)
        assert device.gauges() == {"gain_db": 71.0} and device.tuning.gain_db is None
        device.retune(SLOW)
        assert device.gauges() == {}
        device.close()
        assert device.gauges() == {}


@needs_libiio
def test_the_command_records_three_bursts(counter: Any, tmp_path: Path) -> None:
    with VirtualPluto(counter) as server:
        done = subprocess.run(
            [
                sys.executable, "-m", "radiofm", "capture", "--device", "pluto",
                "--uri", server.uri, "--fc", "2.44e9", "--rate", "61.44e6", "--mode", "burst",
                "--burst-slices", "6", "--bursts", "3", "--record", str(tmp_path / "out"), "--json",
            ],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "--gain 40" in done.stderr and len(done.stderr.splitlines()) == 1  # AGC, recorded
    report = json.loads(done.stdout)
    assert report["mode"] == "burst" and report["samples_lost"] == 0
    assert report["samples_received"] == report["samples_recorded"] == 18 * SLICE
    assert report["samples_span"] == report["samples_received"] + report["samples_untaken"]
    (path,) = report["recordings"]
    subprocess.run(
        [Path(sys.executable).with_name("sigmf_validate"), path], check=True, capture_output=True
    )
    recording = Recording.open(path)
    assert [segment.count for segment in recording.segments] == [6 * SLICE] * 3
    for segment in recording.segments:
        assert segment.global_index % SLICE == 0
        counter.index(recording.read(segment.start, segment.count))
    told = [loss for segment in recording.segments for loss in segment.lost]
    assert all(loss.untaken for loss in told)
    assert sum(loss.samples for loss in told) == report["samples_untaken"]
