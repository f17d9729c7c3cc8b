"""The Pluto device: the real pyadi-iio and libiio against the virtual Pluto."""

from __future__ import annotations

import importlib
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radiofm.errors import DeviceError, MissingDependencyError, UsageError
from radiofm_capture import pluto_find, pluto_open
from radiofm_capture.device import Block, Tuning
from radiofm_capture.pluto import PlutoDevice
from radiofm_capture.pluto_find import FoundPluto, find_plutos, parse_uri
from radiofm_capture.virtual_pluto import VirtualPluto

pytestmark = pytest.mark.usefixtures("no_thread_left")
needs_libiio = pytest.mark.skipif(
    not (find_spec("adi") and find_library("iio")),
    reason="needs pyadi-iio and libiio0 (pip install 'radiofm[pluto]', apt-get install libiio0)",
)

TUNING = Tuning(2.44e9, 4e6, 3e6, gain_db=40.0)
BLOCK = 80_000  # 20 ms


@contextmanager
def streaming(server: VirtualPluto, tuning: Tuning = TUNING) -> Iterator[PlutoDevice]:
    device = PlutoDevice(tuning, server.uri, BLOCK, 4)
    try:
        device.start()
        yield device
    finally:
        device.close()


def take(device: PlutoDevice, count: int) -> list[Block]:
    blocks = [device.read() for _ in range(count)]
    assert all(blocks)
    return [block for block in blocks if block]


@needs_libiio
def test_tuning_is_set_and_read_back(counter: Any) -> None:
    import adi

    wanted = Tuning(np.float64(2.4401234565e9), 2e6, 1.5e6, gain_db=np.float64(33.4))
    with VirtualPluto(counter) as server:
        device = PlutoDevice(wanted, server.uri, 20_000, 4)
        real = device.tuning
        assert abs(real.center_frequency_hz - 2440123456.5) <= 1
        assert (real.sample_rate_hz, real.bandwidth_hz) == (2e6, 1.5e6)
        assert real.gain_db == pytest.approx(33.4) and real.gain_mode == "manual"
        assert "not hardware" in real.hardware
        device.close()
        other = adi.Pluto(server.uri)  # the plain driver sees the same
        assert (other.rx_lo, other.sample_rate) == (real.center_frequency_hz, 2_000_000)
        for rate in (20_000_000, 600_000, 61_440_000, 4_000_000):
            other.sample_rate = rate
            assert other.sample_rate == rate
        assert len(other.rx()) == 1024
        other.rx_destroy_buffer()
        agc = PlutoDevice(replace(TUNING, gain_db=None, gain_mode="slow_attack"), server.uri, 9, 4)
        assert agc.tuning.gain_db is None and agc.tuning.gain_mode == "slow_attack"
        agc.close()


@needs_libiio
def test_samples_are_contiguous_and_timed(counter: Any) -> None:
    with VirtualPluto(counter) as server, streaming(server) as device:
        blocks = take(device, 25)
        now = time.time_ns()
    assert [b.sample_index for b in blocks] == [i * BLOCK for i in range(25)]
    assert [counter.index(b.samples) for b in blocks] == [i * BLOCK for i in range(25)]
    assert [b.new_stream for b in blocks] == [True] + [False] * 24
    assert not any(b.lost for b in blocks)
    assert blocks[0].samples.dtype == np.int16
    times = np.array([b.time_ns for b in blocks])
    assert np.all(np.diff(times) > 0)
    assert (times[-1] - times[0]) / 1e9 == pytest.approx(24 * 0.02, abs=0.04)
    assert 0 <= now - times[-1] < 0.2e9 and blocks[0].time_quality == "host"


@needs_libiio
@pytest.mark.parametrize("fault", ["stall@200ms:400ms", "drop@200ms:15"])
def test_loss_is_told_as_an_estimate(fault: str, counter: Any) -> None:
    with VirtualPluto(counter, faults=[fault]) as server, streaming(server) as device:
        blocks = take(device, 40)
        status = device._receiver.overflowed()
    told = [loss for block in blocks for loss in block.lost]
    assert told and not any(loss.exact for loss in told)
    assert {loss.stage for loss in told} == {"device"}
    lost = sum(loss.samples for loss in told)
    assert lost % BLOCK == 0 and lost >= 10 * BLOCK
    expected = 0
    for block in blocks:  # received and lost tile the stream
        expected += sum(loss.samples for loss in block.lost)
        assert block.sample_index == expected
        expected += BLOCK
    off = blocks[-1].sample_index - counter.index(blocks[-1].samples)
    off = (off + counter.PERIOD // 2) % counter.PERIOD - counter.PERIOD // 2
    assert abs(off) <= 2 * BLOCK  # exact where the machine is idle
    assert not status


@needs_libiio
def test_gain_and_frequency_are_acted_upon(tone: Callable[[float], Any]) -> None:
    def hear(fc: float, gain: float) -> tuple[float, float]:
        tuning = replace(TUNING, center_frequency_hz=fc, gain_db=gain)
        with VirtualPluto(tone(2441e6)) as server, streaming(server, tuning) as device:
            iq = take(device, 1)[0].samples.astype(float) @ [1, 1j]
        spectrum = np.abs(np.fft.fft(iq))
        return float(np.fft.fftfreq(len(iq), 1 / 4e6)[spectrum.argmax()]), float(abs(iq).max())

    assert hear(2.44e9, 40) == pytest.approx((1e6, 500), rel=0.01)
    assert hear(2.4415e9, 34) == pytest.approx((-0.5e6, 500 * 10**-0.3), rel=0.01)


@needs_libiio
def test_a_waiting_read_is_cancelled_from_another_thread(counter: Any) -> None:
    with VirtualPluto(counter) as server:
        device = PlutoDevice(TUNING, server.uri, 4_000_000, 4)  # a second long
        device.start()
        timer = threading.Timer(0.1, device.stop)
        began = time.monotonic()
        timer.start()
        assert device.read() is None
        assert time.monotonic() - began < 0.8
        timer.join()
        assert device.read() is None
        device.stop()
        device.close()
        device.close()


@needs_libiio
def test_a_stream_ends_without_noise(counter: Any, capfd: pytest.CaptureFixture[str]) -> None:
    with VirtualPluto(counter) as server, streaming(server) as device:
        reader = threading.Thread(target=lambda: [None for _ in iter(device.read, None)])
        reader.start()
        time.sleep(0.2)
        device.stop()
        reader.join()
    assert capfd.readouterr().err == ""


@needs_libiio
@pytest.mark.parametrize("how", ["stop", "disconnect"])
def test_a_server_that_goes_is_one_sentence(how: str, counter: Any) -> None:
    with VirtualPluto(counter) as server, streaming(server) as device:
        take(device, 2)
        timer = threading.Timer(0.1, getattr(server, how))
        timer.start()
        with pytest.raises(DeviceError, match=r"connection to the Pluto at ip:.* broke"):
            take(device, 50)
        timer.join()


@needs_libiio
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"center_frequency_hz": 100e6}, "centre frequency 100 MHz .* 325 MHz to 3.8 GHz"),
        ({"center_frequency_hz": 6e9}, "centre frequency 6 GHz"),
        ({"sample_rate_hz": 62e6}, "rate 62 MS/s .* 61.44 MS/s"),
        ({"sample_rate_hz": 400e3}, "rate 400 kS/s .* 521 kS/s"),
        ({"bandwidth_hz": 100e3}, "bandwidth 100 kHz"),
        ({"gain_db": 72.0}, "gain 72 dB .* -3 dB to 71 dB"),
        ({"gain_mode": "loud", "gain_db": None}, "gain mode 'loud' .* manual, fast_attack"),
        ({"gain_mode": "slow_attack"}, "gain 40 dB has no effect"),
        ({"center_frequency_hz": float("nan")}, "centre frequency nan"),
    ],
)
def test_values_out_of_range_name_field_value_and_range(
    change: dict[str, Any], message: str, counter: Any
) -> None:
    with VirtualPluto(counter) as server, pytest.raises(UsageError, match=message):
        PlutoDevice(replace(TUNING, **change), server.uri, 1000, 4)


@needs_libiio
def test_buffers_out_of_range() -> None:
    for samples, kernel_buffers in ((0, 4), (4_200_000, 4), (1000, 0)):
        with pytest.raises(UsageError, match="out of range"):
            PlutoDevice(TUNING, "ip:127.0.0.1:1", samples, kernel_buffers)


@needs_libiio
def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pluto_open, "_PATIENCE", 0.0)
    with pytest.raises(DeviceError, match="no Pluto answers at ip:127.0.0.1:1 "):
        PlutoDevice(TUNING, "127.0.0.1:1", 1000, 4)
    monkeypatch.setattr(pluto_open, "find_plutos", list)
    with pytest.raises(DeviceError, match="plug it in .*--uri ip:.* `radiofm demo`"):
        PlutoDevice(TUNING, None, 1000, 4)


@needs_libiio
def test_found_by_itself(counter: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with VirtualPluto(counter) as server:
        found = [FoundPluto("usb:9.9.9", "gone"), FoundPluto(server.uri, "here")]
        monkeypatch.setattr(pluto_open, "find_plutos", lambda: found)
        device = PlutoDevice(TUNING, None, 1000, 4)
        assert device.uri == server.uri
        device.close()


@needs_libiio
def test_missing_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "adi", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'radiofm\[pluto\]'"):
        pluto_open.load_libraries()

    def importing(error: Exception) -> None:
        def fail(name: str) -> None:
            raise error

        monkeypatch.setattr(importlib, "import_module", fail)

    importing(AttributeError("undefined symbol: iio_get_backends_count"))
    with pytest.raises(MissingDependencyError, match="apt-get install libiio0"):
        pluto_open.load_libraries()
    importing(FileNotFoundError("libiio version 1.x required, found version 0"))
    with pytest.raises(MissingDependencyError, match="pylibiio>=0.25,<1"):
        pluto_open.load_libraries()


def test_addresses() -> None:
    same = {"192.168.2.1", "ip:192.168.2.1", " ip:192.168.2.1 "}
    assert {parse_uri(text) for text in same} == {"ip:192.168.2.1"}
    assert parse_uri("pluto.local") == "ip:pluto.local"
    for text in ("usb:", "usb:1.4.5", "ip:127.0.0.1:30431", "local:"):
        assert parse_uri(text) == text
    for text in ("", "ip:", "usb:1.4", "serial:/dev/tty", "http://pluto", "pluto local", "ü"):
        with pytest.raises(UsageError, match="write it like"):
            parse_uri(text)


def test_usb_and_network_are_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = tmp_path / "1-2"
    files = {
        "idVendor": "0456", "idProduct": "b673", "busnum": "1", "devnum": "14",
        "manufacturer": "Analog Devices Inc.", "product": "PlutoSDR", "serial": "104473",
        "1-2:1.2/interface": "RNDIS", "1-2:1.5/interface": "IIO",
        "1-2:1.5/bInterfaceNumber": "05",
    }  # fmt: skip
    for name, text in files.items():
        (device / name).parent.mkdir(parents=True, exist_ok=True)
        (device / name).write_text(f"{text}\n")
    (tmp_path / "usb1").mkdir()
    monkeypatch.setattr(pluto_find, "_HOSTS", ("127.0.0.1",))
    with socket.create_server(("127.0.0.1", 0)) as free:
        monkeypatch.setattr(pluto_find, "PORT", free.getsockname()[1])
        usb = FoundPluto("usb:1.14.5", "Analog Devices Inc. PlutoSDR 104473")
        assert find_plutos(tmp_path) == [usb]  # a server that says nothing is none


def test_network_answer(counter: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pluto_find, "_HOSTS", ("127.0.0.1",))
    with VirtualPluto(counter) as server:
        monkeypatch.setattr(pluto_find, "PORT", server.port)
        assert find_plutos(tmp_path) == [FoundPluto("ip:127.0.0.1", "IIO server 0.24.radiofm")]


@needs_libiio
def test_through_debians_iiod(counter: Any) -> None:
    iiod = shutil.which("iiod", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if not iiod:
        pytest.skip("iiod is not installed (apt-get install iiod)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with VirtualPluto(counter) as server:
        command = [iiod, "-u", server.uri, "-p", str(port)]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as proxy:
            try:
                device = PlutoDevice(TUNING, f"127.0.0.1:{port}", BLOCK, 4)
                device.start()
                blocks = take(device, 10)
                device.close()
            finally:
                proxy.kill()  # asked to end, it first waits a minute for Avahi
    starts = [counter.index(block.samples) for block in blocks]
    assert starts == [i * BLOCK for i in range(10)]
