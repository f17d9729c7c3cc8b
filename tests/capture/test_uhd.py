"""The UHD device on the fake `uhd` (fake_uhd/): samples, times, losses and mistakes.

test_uhd_contract.py holds the fake against the real module.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from radiofm.errors import DeviceError, MissingDependencyError, UsageError
from radiofm.ledger import SampleLedger
from radiofm.recording import Recording
from radiofm_capture import uhd as uhd_device
from radiofm_capture import uhd_burst, uhd_clock, uhd_open, uhd_tuning
from radiofm_capture.device import Block, Bursts, Retunable, Tuning
from radiofm_capture.uhd import UhdDevice, UsrpSetup
from radiofm_capture.uhd_open import FoundUsrp, device_error, find_usrps, load_uhd

pytestmark = pytest.mark.usefixtures("no_thread_left", "fake_uhd")

FAKE = Path(__file__).with_name("fake_uhd")
RATE = 2e6
TUNING = Tuning(2.44e9, RATE, RATE, gain_db=30.0)
BLOCK = 16_000  # 8 ms
SLICE = 32_000
PERIOD = 1 << 28


@pytest.fixture
def fake_uhd(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The fake is what `import uhd` finds."""
    monkeypatch.syspath_prepend(FAKE)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "uhd"]:
        del sys.modules[name]


@contextmanager
def streaming(
    faults: str = "", args: str = "type=b200", tuning: Tuning = TUNING, **more: Any
) -> Iterator[UhdDevice]:
    device = UhdDevice(tuning, f"{args},faults={faults}", buffer_samples=BLOCK, **more)
    try:
        device.start()
        yield device
    finally:
        device.close()


def take(device: UhdDevice, upto: int) -> list[Block]:
    """Blocks until the stream's index is `upto`, their samples kept."""
    blocks: list[Block] = []
    while not blocks or blocks[-1].sample_index + len(blocks[-1].samples) < upto:
        block = device.read()
        assert block
        blocks.append(replace(block, samples=block.samples.copy()))
    return blocks


def ticks(samples: npt.NDArray[np.int16]) -> npt.NDArray[np.int64]:
    """When samples were taken, in samples of the device's time, modulo PERIOD."""
    return samples[:, 0].astype(np.int64) | samples[:, 1].astype(np.int64) << 14


def check(blocks: list[Block]) -> SampleLedger:
    """Every sample is at its index, received and missing tile the stream; return the account."""
    ledger = SampleLedger()
    ledger.restart(0)
    zero = ticks(blocks[0].samples)[0] - blocks[0].sample_index
    for block in blocks:
        count = len(block.samples)
        indices = block.sample_index + np.arange(count)
        assert np.array_equal((ticks(block.samples) - zero) % PERIOD, indices)
        before = ledger.account().span
        assert sum(loss.samples for loss in block.lost) == block.sample_index - before
        ledger.take(block.sample_index, count, block.lost)
    return ledger


def losses(blocks: list[Block]) -> list[tuple[int, int, bool, str]]:
    """(index after it, samples, exact, stage) of every loss."""
    return [
        (block.sample_index, loss.samples, loss.exact, loss.stage)
        for block in blocks
        for loss in block.lost
    ]


def test_samples_are_contiguous_and_timed() -> None:
    with streaming() as device:
        blocks = take(device, 400_000)
        now = time.time_ns()
    assert check(blocks).account().lost == 0
    assert [b.new_stream for b in blocks] == [True] + [False] * (len(blocks) - 1)
    assert {b.time_quality for b in blocks} == {"device"}
    assert blocks[0].samples.dtype == np.int16 and blocks[0].tuning.full_scale == 32768
    for block in blocks:  # the time is that of the sample, to the nanosecond
        seconds, ns = divmod(block.time_ns, 10**9)
        tick = seconds * int(RATE) + round(ns * RATE / 1e9)
        assert tick % PERIOD == ticks(block.samples)[0]
    assert 0 <= now - blocks[-1].time_ns < 5e9


@pytest.mark.parametrize(
    ("fault", "stage"),
    [("lose", "link"), ("overrun", "device"), ("bad", "link"), ("align", "link"), ("skip", "link")],
)
def test_a_loss_is_exact_at_its_place(fault: str, stage: str) -> None:
    with streaming(f"{fault}@20000:742 {fault}@50000:1 {fault}@70000:100000") as device:
        blocks = take(device, 200_000)
    check(blocks)
    assert losses(blocks) == [
        (20_742, 742, True, stage),
        (50_001, 1, True, stage),
        (170_000, 100_000, True, stage),
    ]


@pytest.mark.parametrize("fault", ["broken", "late"])
def test_a_stream_that_the_device_ended_begins_again(fault: str) -> None:
    with streaming(f"{fault}@20000:742") as device:
        blocks = take(device, 100_000)
    check(blocks)
    ((_, samples, exact, stage),) = losses(blocks)
    assert samples >= 742 and (exact, stage) == (True, "device")


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["lose", "overrun", "bad", "skip", "broken"]),
            st.integers(1, 50_000),
            st.integers(1, 30_000),
        ),
        max_size=6,
    ),
    st.sampled_from([None, Bursts(1), Bursts(2)]),
)
def test_whatever_goes_wrong_the_account_balances(
    faults: list[tuple[str, int, int]], bursts: Bursts | None
) -> None:
    text = " ".join(f"{kind}@{sample}:{count}" for kind, sample, count in faults)
    with streaming(text, bursts=bursts) as device:
        account = check(take(device, 60_000)).account()
    assert account.received + account.lost + account.untaken == account.span
    assert account.lost_estimated == 0
    assert bursts or account.untaken == 0


def test_a_late_reader_loses_exactly() -> None:
    with streaming(args="type=b200,depth=50000") as device:
        blocks = take(device, 20_000)
        time.sleep(0.2)
        blocks += take(device, 600_000)
    account = check(blocks).account()
    assert account.lost >= 300_000 and account.lost_estimated == 0
    assert account.lost_by_stage == {"device": account.lost}


def test_without_a_time_a_loss_is_told_and_then_corrected() -> None:
    with streaming("untimed@10000:40000 lose@20000:371") as device:
        blocks = take(device, 80_000)
    assert [(n, exact) for _, n, exact, _ in losses(blocks)] == [(1, False), (370, True)]
    assert blocks[-1].sample_index % BLOCK != 0  # it was found again
    zero = ticks(blocks[0].samples)[0]
    assert (ticks(blocks[-1].samples)[0] - zero) % PERIOD == blocks[-1].sample_index


def test_times_between_samples_make_a_loss_an_estimate(caplog: pytest.LogCaptureFixture) -> None:
    with streaming("drift@10000:300 lose@20000:371") as device:
        blocks = take(device, 40_000)
    assert losses(blocks) == [(20_371, 371, False, "link")]
    assert "not those of whole samples" in caplog.text


def test_a_clock_that_goes_back_is_one_sentence() -> None:
    with (
        streaming("back@20000:5000") as device,
        pytest.raises(DeviceError, match="clock went back by 5000 samples .* no other program"),
    ):
        take(device, 100_000)


def test_a_device_that_goes_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        streaming("gone@30000") as device,
        pytest.raises(DeviceError, match=r"^the USRP at 'type=b200.* \(usb rx8 .* check its cable"),
    ):
        take(device, 100_000)
    monkeypatch.setattr(uhd_device, "_PATIENCE", 0.3)
    with (
        streaming("mute@30000") as device,
        pytest.raises(DeviceError, match="sent nothing for 0.3 s: check its cable"),
    ):
        take(device, 100_000)


def test_a_waiting_read_ends_when_stopped(capfd: pytest.CaptureFixture[str]) -> None:
    with streaming("lose@5000:371 overrun@9000:5 mute@20000") as device:
        take(device, 19_000)
        timer = threading.Timer(0.1, device.stop)
        timer.start()
        while device.read():
            pass
        timer.join()
        assert device.read() is None
        device.stop()
        device.close()
    assert capfd.readouterr().err == ""  # UHD's letters on losses are kept down


def test_stopping_leaves_nothing_in_the_device() -> None:
    with streaming() as device:
        radio = device._usrp._radio
        take(device, 10_000)
    assert radio._end is not None and radio._next == radio._end


def test_a_retune_begins_a_new_stream() -> None:
    with streaming() as device:
        assert isinstance(device, Retunable)
        before = take(device, 50_000)
        device.retune(replace(TUNING, center_frequency_hz=2.5e9, sample_rate_hz=1e6), Bursts(2, 1))
        device.start()
        after = take(device, 32_000)
        assert device.read() is None
    check(before)
    check(after)
    assert after[0].new_stream and after[0].sample_index == 0
    assert after[0].tuning.center_frequency_hz == 2.5e9 and after[0].tuning.sample_rate_hz == 1e6
    assert len(after[0].samples) == 8000  # as long as before
    assert before[-1].time_ns < after[0].time_ns <= time.time_ns()


@pytest.mark.parametrize("slices", [1, 3])
def test_bursts_begin_with_a_slice(slices: int) -> None:
    with streaming(bursts=Bursts(slices, 4)) as device:
        blocks = list(iter(device.read, None))
        samples = sum(len(block.samples) for block in blocks)
        blocks = [block for block in blocks if block.new_stream or block.lost]
        assert device.read() is None
    assert samples == 4 * slices * SLICE and len(blocks) == 4
    end = 0
    for block in blocks:
        assert block.sample_index % SLICE == 0
        assert all(loss.untaken and loss.exact for loss in block.lost)
        assert block.sample_index == end + sum(loss.samples for loss in block.lost)
        end = block.sample_index + slices * SLICE


def test_a_burst_cut_short_is_lost_the_air_after_it_untaken() -> None:
    with streaming("overrun@40000:1000", bursts=Bursts(2)) as device:
        blocks = take(device, 4 * SLICE)
    account = check(blocks).account()
    assert (account.lost, account.lost_estimated) == (2 * SLICE - 40_000, 0)
    assert account.lost_by_stage == {"device": account.lost} and account.untaken > 0


def test_what_the_last_burst_lost_is_told_at_the_end() -> None:
    with streaming("overrun@40000:1000", bursts=Bursts(2, 1)) as device:
        blocks = take(device, 2 * SLICE)
        assert device.read() is None
    account = check(blocks).account()
    assert len(blocks[-1].samples) == 0 and account.span == 2 * SLICE
    assert account.lost_by_stage == {"device": 2 * SLICE - 40_000} and account.untaken == 0


def test_a_burst_with_a_hole_goes_on() -> None:
    with streaming("lose@40000:1000", bursts=Bursts(2)) as device:
        blocks = take(device, 2 * SLICE)
    check(blocks)
    assert losses(blocks) == [(41_000, 1000, True, "link")]


def test_a_burst_commanded_too_late_is_commanded_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uhd_burst, "_LEAD_SECONDS", -0.02)
    with streaming(bursts=Bursts(1, 2)) as device:
        better = threading.Timer(0.2, setattr, (uhd_burst, "_LEAD_SECONDS", 0.02))
        better.start()
        blocks = take(device, SLICE)
        better.join()
        assert device._usrp._radio.commands > 2
        blocks += [
            replace(block, samples=block.samples.copy()) for block in iter(device.read, None)
        ]
    account = check(blocks).account()
    assert (account.received, account.lost) == (2 * SLICE, 0)


def test_tuning_is_set_and_read_back(caplog: pytest.LogCaptureFixture) -> None:
    setup = UsrpSetup(antenna="RX2", subdev="A:B", clock_source="external", lo_offset_hz=2e6)
    wanted = Tuning(2.44e9, RATE, 60e6, gain_db=30.4)
    device = UhdDevice(wanted, "rate=1999000", setup, buffer_samples=BLOCK)
    real, usrp = device.tuning, device._usrp
    assert usrp._chosen == {
        "subdev": "A:B", "antenna": "RX2", "clock": "external", "oscillator": 2.442e9,
    }  # fmt: skip
    assert (real.sample_rate_hz, real.center_frequency_hz) == (1.999e6, 2.44e9)
    assert (real.bandwidth_hz, real.gain_db, real.gain_mode) == (56e6, 30.0, "manual")
    assert real.hardware == "USRP B210 FA4E, time by host clock"
    device.close()
    assert [record.getMessage() for record in caplog.records] == [
        "rate 2 MS/s is not one of this USRP's: it is 1.999 MS/s",
        "bandwidth 60 MHz is not one of this USRP's: it is 56 MHz",
        "gain 30.4 dB is not one of this USRP's: it is 30 dB",
    ]


def test_gain_control() -> None:
    agc = replace(TUNING, gain_db=None, gain_mode="agc")
    device = UhdDevice(agc, "type=b200", buffer_samples=BLOCK)
    assert device._usrp._agc and device.tuning.gain_db is None
    device.retune(TUNING)
    assert not device._usrp._agc and device.tuning.gain_db == 30
    device.close()
    for args in ("type=usrp2", "type=x300"):
        with pytest.raises(UsageError, match="no automatic gain control: .*--gain, 0 to 76 dB"):
            UhdDevice(agc, args, buffer_samples=BLOCK)
        UhdDevice(TUNING, args, buffer_samples=BLOCK).close()


@pytest.mark.parametrize(
    ("change", "setup", "message"),
    [
        ({"center_frequency_hz": 10e9}, {}, "centre frequency 10 GHz .* 50 MHz to 6 GHz"),
        ({"sample_rate_hz": 100e6}, {}, "rate 100 MS/s .* 200 kS/s to 61.44 MS/s"),
        ({"gain_db": 77.0}, {}, "gain 77 dB .* 0 dB to 76 dB"),
        (
            {"gain_mode": "slow_attack", "gain_db": None},
            {},
            "gain mode 'slow_attack' .* manual, agc",
        ),
        ({"gain_mode": "agc"}, {}, "gain 30 dB has no effect"),
        ({"center_frequency_hz": float("nan")}, {}, "centre frequency nan"),
        ({}, {"antenna": "RX9"}, "antenna 'RX9' .* TX/RX, RX2"),
        ({}, {"subdev": "C:C"}, "subdev 'C:C' .* like A:A"),
        ({}, {"clock_source": "sun"}, "clock source 'sun' .* internal, external, gpsdo"),
        ({}, {"time_source": "moon"}, "time source 'moon' .* external, gpsdo"),
    ],
)
def test_values_out_of_range_name_field_value_and_range(
    change: dict[str, Any], setup: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        UhdDevice(replace(TUNING, **change), "type=b200", UsrpSetup(**setup), buffer_samples=BLOCK)


def test_buffers_out_of_range() -> None:
    for samples in (0, 4_000_001):
        with pytest.raises(UsageError, match="out of range"):
            UhdDevice(TUNING, buffer_samples=samples)


@pytest.mark.parametrize(
    ("source", "said"), [("external", "host clock at the pulse of external"), ("gpsdo", "GPS")]
)
def test_time_by_a_pulse(source: str, said: str) -> None:
    with streaming(setup=UsrpSetup(time_source=source)) as device:
        (block, *_) = take(device, 100)
        assert device._usrp._chosen["time"] == source
        assert device._usrp._radio._offset_ns == 0  # the fake's pulses are true to the host
    assert block.tuning.hardware.endswith(f"time by {said}") and block.time_quality == "device"


def test_clocks_that_fail_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uhd_clock, "_LOCK_SECONDS", 0.05)
    monkeypatch.setattr(uhd_clock, "_EDGE_SECONDS", 0.05)
    monkeypatch.setattr(uhd_tuning, "_LOCK_SECONDS", 0.05)

    def opening(args: str, **setup: Any) -> Callable[[], UhdDevice]:
        return lambda: UhdDevice(TUNING, args, UsrpSetup(**setup), buffer_samples=BLOCK)

    for open_it, message in (
        (opening("unlocked=1", clock_source="external"), "does not lock to clock source external"),
        (opening("unlocked=1"), "oscillator does not lock"),
        (opening("pps=0", time_source="external"), "no pulse per second: check its PPS input"),
    ):
        with pytest.raises(DeviceError, match=message):
            open_it()
    radio = load_uhd().usrp.MultiUSRP("unlocked=1")
    with pytest.raises(DeviceError, match="GPS has no fix"):
        uhd_clock.set_time(load_uhd(), radio, "gpsdo")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("type=e3xx", r"no USRP at 'type=e3xx': check its cable .* --args type=b200"),
        ("addr=10.0.0.1", "no USRP at 'addr=10.0.0.1'"),
        ("claimed=1", "is in use by another program"),
    ],
)
def test_a_device_that_does_not_open_is_one_sentence(args: str, message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        UhdDevice(TUNING, args, buffer_samples=BLOCK)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("RuntimeError: USB open failed: insufficient permissions.\nSee the", "udev rule"),
        ("RuntimeError: Could not find path for image: usrp_b200_fw.hex\n", "uhd_images_download"),
        ("RuntimeError: Expected FPGA compatibility number 16, but got 14:\n", "uhd_image_loader"),
        ("EnvironmentError: IOError: one\n  two", r"within reach failed \(one two\): check"),
    ],
)
def test_what_uhd_says_is_turned_into_one_sentence(text: str, message: str) -> None:
    error = device_error(RuntimeError(text), "")
    assert "\n" not in str(error)
    with pytest.raises(DeviceError, match=message):
        raise error


def test_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_usrps() == [FoundUsrp("type=b200,serial=FA4E", "B210 fake FA4E")]
    (found,) = find_usrps()
    UhdDevice(TUNING, found.args, buffer_samples=BLOCK).close()
    monkeypatch.setitem(sys.modules, "uhd", None)
    assert find_usrps() == []


def test_missing_libraries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "uhd", None)
    with pytest.raises(
        MissingDependencyError, match=r"python3-uhd .*--system-site-packages.*numpy"
    ):
        UhdDevice(TUNING, buffer_samples=BLOCK)

    def importing(action: Callable[[], Any]) -> None:
        monkeypatch.setattr(importlib, "import_module", lambda name: action())

    def other_python() -> None:
        raise ImportError("cannot import name 'libpyuhd'")

    importing(other_python)
    with pytest.raises(MissingDependencyError, match=r"that loads \(cannot import .*python3-uhd"):
        load_uhd()
    # numpy 2 writes this, and the module loads (measured)
    importing(lambda: sys.stderr.write("AttributeError: _ARRAY_API not found"))
    with pytest.raises(MissingDependencyError, match=r"UHD that fits numpy .* 'numpy<2'"):
        uhd_open.load_uhd()


def radiofm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line, which finds the fake where it would find the installed module."""
    path = os.pathsep.join([str(FAKE), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-m", "radiofm", *arguments],
        capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip


def test_the_command_line_records_every_loss_exactly(tmp_path: Path) -> None:
    faults = "lose@200000:371 overrun@500000:1000 lose@501000:742 bad@900007:1"
    done = radiofm(
        "capture", "--device", "uhd", "--fc", "2.44e9", "--rate", "1e6", "--gain", "30",
        "--antenna", "RX2", "--duration", "1s", "--record", str(tmp_path / "a.sigmf-meta"),
        "--publish", "none", "--json",
        "--args", f"type=b200,faults={faults}",
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == ""
    report = json.loads(done.stdout)
    assert report["device"] == "USRP B210 FA4E, time by host clock"
    assert report["samples_span"] == 1_000_000
    assert report["samples_lost"] == 371 + 1000 + 742 + 1 == 1_000_000 - report["samples_received"]
    assert report["samples_lost_estimated"] == 0 and report["samples_clipped"] == 0
    assert report["samples_recorded"] == report["samples_received"]

    (meta,) = report["recordings"]
    recording = Recording.open(Path(meta))
    gaps = [
        (s.global_index, [(x.samples, x.exact, x.stage) for x in s.lost])
        for s in recording.segments
    ]
    assert gaps == [
        (0, []),
        (200_371, [(371, True, "link")]),
        (501_742, [(1742, True, "link")]),
        (900_008, [(1, True, "link")]),
    ]
    assert recording.full_scale == 32768
    zero = ticks(recording.read(0, 1))[0]
    for segment in recording.segments:  # every sample is where the file says it was taken
        assert segment.global_index is not None
        told = segment.global_index + np.arange(segment.count)
        assert np.array_equal(
            (ticks(recording.read(segment.start, segment.count)) - zero) % PERIOD, told
        )
    validate = Path(sys.executable).with_name("sigmf_validate")
    subprocess.run([validate, meta], check=True, capture_output=True)


def test_the_command_line_takes_bursts_by_a_plan() -> None:
    done = radiofm(
        "capture", "--device", "uhd", "--sweep", "2.4G:2.42G:20M", "--rate", "2M", "--gain", "30",
        "--mode", "burst", "--dwell", "2", "--repeat", "1", "--publish", "none", "--json",
    )  # fmt: skip
    assert done.returncode == 0 and done.stderr == ""
    report = json.loads(done.stdout)
    assert report["dwells"] == 2 and report["center_frequency_hz"] == 2.42e9
    assert report["samples_received"] == report["samples_span"] == 2 * 2 * SLICE


def test_mistakes_on_the_command_line_are_one_sentence() -> None:
    capture = ("capture", "--device", "uhd", "--publish", "none")
    for arguments, code, says in (
        ((), 2, "--fc"),
        (("--fc", "2G", "--args", "type=e3xx"), 1, "no USRP at 'type=e3xx'"),
        (("--fc", "2G", "--lo-offset", "far"), 2, "lo_offset 'far'"),
    ):
        done = radiofm(*capture, *arguments)
        assert done.returncode == code and says in done.stderr, done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
