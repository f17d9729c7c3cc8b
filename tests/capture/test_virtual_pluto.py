"""The virtual Pluto against what real libiio programs send, and against what they never would."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from radiofm.errors import UsageError
from radiofm_capture.virtual_pluto import VirtualPluto
from radiofm_capture.virtual_pluto.context import Context
from radiofm_capture.virtual_pluto.faults import Fault, parse_fault

pytestmark = pytest.mark.usefixtures("no_thread_left")


@pytest.fixture
def server(counter: Any) -> Iterator[VirtualPluto]:
    with VirtualPluto(counter) as running:
        yield running


class Client:
    """Speaks the protocol by hand."""

    def __init__(self, server: VirtualPluto) -> None:
        self._socket = socket.create_connection(("127.0.0.1", server.port), timeout=5)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def ask(self, line: str) -> int:
        self.send(f"{line}\r\n".encode())
        return int(self._file.readline())

    def read(self, line: str) -> str:
        length = self.ask(line)
        assert length >= 0, line
        return self._file.read(length + 1)[:-1].rstrip(b"\0").decode()

    def write(self, place: str, value: str) -> int:
        data = value.encode() + b"\0"
        self.send(f"WRITE {place} {len(data)}\r\n".encode() + data)
        return int(self._file.readline())

    def block(self, count: int, mask: str = "00000003") -> np.ndarray[Any, np.dtype[np.int16]]:
        columns = bin(int(mask, 16)).count("1")
        self.send(f"READBUF iio:device3 {count * 2 * columns}\r\n".encode())
        samples = self.chunk(mask, columns)
        assert len(samples) == count
        return samples

    def chunk(self, mask: str = "", columns: int = 2) -> np.ndarray[Any, np.dtype[np.int16]]:
        """A part of what READBUF answers; the first tells the mask."""
        size = int(self._file.readline())
        assert size > 0
        assert not mask or self._file.readline().decode().strip() == mask
        return np.frombuffer(self._file.read(size), "<i2").reshape(-1, columns)


PHY_RX = "iio:device0 INPUT voltage0"


def test_context_is_that_of_a_real_board() -> None:
    resources = pytest.importorskip("pytest_libiio", reason="pytest-libiio is not installed")
    path = Path(resources.__file__).parent / "resources/devices/pluto.xml"
    mine = ElementTree.fromstring(Context().xml())
    real = ElementTree.parse(path).getroot()

    def interface(root: ElementTree.Element) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for device in root.iter("device"):
            name = device.get("name")
            for kind in ("attribute", "buffer-attribute"):
                found[f"{name} {kind}"] = {a.get("name") for a in device.findall(kind)}
            for channel in device.iter("channel"):
                scan = channel.find("scan-element")
                key = f"{device.get('id')} {name} {channel.get('type')} {channel.get('id')}"
                found[key] = (
                    channel.get("name"),
                    dict(scan.attrib) if scan is not None else None,
                    {a.get("name"): a.get("filename") for a in channel.iter("attribute")},
                )
        return found

    assert interface(mine) == interface(real)
    debug = {a.get("name") for a in real.iter("debug-attribute")}
    assert {a.get("name") for a in mine.iter("debug-attribute")} <= debug
    assert "not hardware" in Context().xml()


def test_attributes_are_shared_checked_and_coupled(server: VirtualPluto) -> None:
    with Client(server) as one, Client(server) as two:
        assert one.ask("VERSION_") == -22
        assert one.write(f"{PHY_RX} sampling_frequency", "4000000") == 8
        for place in (
            f"{PHY_RX} s",
            "iio:device3 INPUT voltage1 s",
            "iio:device2 OUTPUT voltage0 s",
        ):
            assert two.read(f"READ {place}ampling_frequency") == "4000000"
        assert two.read("READ iio:device3 INPUT voltage0 sampling_frequency_available") == (
            "4000000 500000 "
        )
        assert "RXSAMP:4000000" in two.read("READ iio:device0 rx_path_rates")
        refused = {
            f"{PHY_RX} sampling_frequency": ("61440001", "-1", "fast", "nan", "2000000"),
            f"{PHY_RX} gain_control_mode": ("automatic", ""),
            f"{PHY_RX} rf_bandwidth": ("1", "57000000"),
            f"{PHY_RX} quadrature_tracking_en": ("2",),
            f"{PHY_RX} filter_fir_en": ("1",),  # none is loaded
            "iio:device0 filter_fir_config": ("nonsense",),
            "iio:device0 OUTPUT RX_LO frequency": ("2.44e9", "100000000"),
        }
        for place, values in refused.items():
            for value in values:
                assert one.write(place, value) == -22, (place, value)
        assert one.write(f"{PHY_RX} hardwaregain", "30") == -95  # not in manual mode
        assert one.write(f"{PHY_RX} gain_control_mode", "manual") == 7
        assert one.write(f"{PHY_RX} hardwaregain", "72") == -22
        assert one.write(f"{PHY_RX} hardwaregain", "30") == 3
        assert two.read(f"READ {PHY_RX} hardwaregain") == "30.000000 dB"
        assert one.write(f"{PHY_RX} rssi", "1") == -13
        assert one.read("READ xadc INPUT vccint raw") == "1387"
        assert [one.ask(f"READ {p}") for p in ("iio:device9 x", "iio:device0 INPUT v x")] == [
            -19,
            -6,
        ]
        assert one.ask("READ iio:device0 nothing") == -2


def test_buffers_by_hand(server: VirtualPluto, counter: Any) -> None:
    with Client(server) as client:
        client.write(f"{PHY_RX} sampling_frequency", "4000000")
        assert client.ask("READBUF iio:device3 4") == -9
        assert client.ask("CLOSE iio:device3") == -6
        for wrong in ("iio:device3 0 00000003", "iio:device3 9 0000000f", "iio:device0 9 00000003"):
            assert client.ask(f"OPEN {wrong}") == -22
        assert client.ask("SET iio:device3 BUFFERS_COUNT 64") == 0  # a busy machine is late
        assert client.ask("OPEN iio:device3 99999999 00000003") == -12
        assert client.ask("OPEN iio:device3 4096 00000003") == 0
        assert client.ask("OPEN iio:device3 4096 00000003") == -16
        at = [counter.index(client.block(4096)) for _ in range(5)]
        assert at == [0, 4096, 8192, 12288, 16384]
        assert client.ask("CLOSE iio:device3") == 0
        assert client.ask("OPEN iio:device3 4096 00000002") == 0  # Q alone
        high = client.block(4096, "00000002")[:, 0]  # counts up after each 2048 samples
        assert len(set(high.tolist())) == 3 and set(np.diff(high) % 2048) == {0, 1}


def test_the_air_goes_on_while_nobody_listens(server: VirtualPluto, counter: Any) -> None:
    with Client(server) as client:
        client.write(f"{PHY_RX} sampling_frequency", "4000000")
        for earliest in (0, 200_000):
            assert client.ask("OPEN iio:device3 4096 00000003") == 0
            assert counter.index(client.block(4096)) >= earliest
            assert client.ask("CLOSE iio:device3") == 0
            time.sleep(0.05)


def test_a_long_buffer_is_shortened_as_the_kernel_does(server: VirtualPluto, counter: Any) -> None:
    """Then the rest of it is other air: what bursts of more than 16 MiB must not run into."""
    with Client(server) as client:
        client.write(f"{PHY_RX} sampling_frequency", "61440000")
        assert client.ask("SET iio:device3 BUFFERS_COUNT 1") == 0
        assert client.ask("OPEN iio:device3 5898240 00000003") == 0
        time.sleep(0.2)  # what is not fetched is not filled again
        client.send(b"READBUF iio:device3 23592960\r\n")
        first, rest = client.chunk("00000003"), client.chunk()
    assert (len(first), len(rest)) == (4_194_304, 5_898_240 - 4_194_304)
    assert counter.index(first) == 0
    assert counter.index(rest) != len(first) % counter.PERIOD


def test_two_clients_stream_at_once(server: VirtualPluto, counter: Any) -> None:
    with Client(server) as one, Client(server) as two:
        for client in (one, two):
            client.write(f"{PHY_RX} sampling_frequency", "4000000")
            assert client.ask("SET iio:device3 BUFFERS_COUNT 64") == 0
            assert client.ask("OPEN iio:device3 40000 00000003") == 0
        first = counter.index(two.block(40_000))  # opened later
        assert first > 0 and counter.index(one.block(40_000)) == 0
        for number in range(1, 5):
            assert counter.index(one.block(40_000)) == number * 40_000
            assert counter.index(two.block(40_000)) == first + number * 40_000


def test_blocks_come_in_real_time_and_late_clients_lose_whole_ones(
    server: VirtualPluto, counter: Any
) -> None:
    status = "iio:device3 DEBUG direct_reg_access"
    with Client(server) as client, Client(server) as control:
        client.write(f"{PHY_RX} sampling_frequency", "4000000")
        assert client.ask("OPEN iio:device3 40000 00000003") == 0  # 10 ms
        began = time.monotonic()
        assert [counter.index(client.block(40_000)) for _ in range(10)][-1] == 360_000
        assert 0.095 < time.monotonic() - began < 0.3
        time.sleep(0.2)
        control.write(status, str(0x80000088))
        assert control.read(f"READ {status}") == "0x4"
        stale = [counter.index(client.block(40_000)) for _ in range(4)]
        assert stale == [400_000, 440_000, 480_000, 520_000]  # what the four buffers held
        fresh = [counter.index(client.block(40_000)) for _ in range(2)]
        assert fresh[0] % 40_000 == 0 and fresh[0] > 920_000
        assert fresh[1] == fresh[0] + 40_000
        control.write(status, f"{0x80000088:#x} 0x4")
        assert control.read(f"READ {status}") == "0x0"


def test_as_many_blocks_wait_as_were_asked_for(server: VirtualPluto, counter: Any) -> None:
    with Client(server) as client, Client(server) as control:
        client.write(f"{PHY_RX} sampling_frequency", "4000000")
        assert control.ask("SET iio:device3 BUFFERS_COUNT 0") == -22
        assert control.ask("SET iio:device3 BUFFERS_COUNT 32") == 0  # libiio: not where it opens
        assert client.ask("OPEN iio:device3 40000 00000003") == 0
        time.sleep(0.2)
        assert [counter.index(client.block(40_000)) for _ in range(25)][-1] == 960_000


def test_gain_and_tuning_reach_the_source(tone: Callable[[float], Any]) -> None:
    def peak(client: Client) -> tuple[float, float]:
        for _ in range(5):  # four may still be from before
            samples = client.block(10_000)
        iq = samples.astype(float) @ [1, 1j]
        spectrum = np.abs(np.fft.fft(iq))
        offset = np.fft.fftfreq(len(iq), 1 / 4e6)[spectrum.argmax()]
        return float(offset), float(np.abs(iq).max())

    with VirtualPluto(tone(2441e6)) as server, Client(server) as client, Client(server) as control:
        control.write(f"{PHY_RX} sampling_frequency", "4000000")
        control.write("iio:device0 OUTPUT altvoltage0 frequency", "2440000000")
        client.ask("OPEN iio:device3 10000 00000003")
        assert peak(client) == pytest.approx((1e6, 500), rel=0.01)
        control.write("iio:device0 OUTPUT altvoltage0 frequency", "2441500000")
        assert peak(client) == pytest.approx((-0.5e6, 500), rel=0.01)
        control.write(f"{PHY_RX} gain_control_mode", "manual")
        control.write(f"{PHY_RX} hardwaregain", "46")
        assert peak(client)[1] == pytest.approx(500 * 10**0.3, rel=0.01)
        control.write(f"{PHY_RX} hardwaregain", "71")
        assert 2048 <= peak(client)[1] <= 2048 * 2**0.5  # clipped to 12 bits


@pytest.mark.parametrize("fault", ["stall@50ms:200ms", "drop@50ms:5"])
def test_faults_lose_blocks_and_say_so(fault: str, counter: Any) -> None:
    with VirtualPluto(counter, faults=[fault]) as server, Client(server) as client:
        client.write(f"{PHY_RX} sampling_frequency", "4000000")
        client.ask("OPEN iio:device3 40000 00000003")
        starts = [counter.index(client.block(40_000)) for _ in range(20)]
        steps = set(np.diff(starts).tolist())
        assert len(steps) == 2 and max(steps) >= 5 * 40_000
        status = "iio:device3 DEBUG direct_reg_access"
        client.write(status, str(0x80000088))
        assert client.read(f"READ {status}") == "0x4"


def test_disconnect_closes_all_connections_once(counter: Any) -> None:
    with VirtualPluto(counter, faults=["disconnect@50ms"]) as server:
        with Client(server) as client, Client(server) as other:
            client.write(f"{PHY_RX} sampling_frequency", "4000000")
            client.ask("OPEN iio:device3 40000 00000003")
            with pytest.raises((ValueError, AssertionError, ConnectionError)):
                for _ in range(20):
                    client.block(40_000)
            with pytest.raises((ValueError, ConnectionError)):
                for _ in range(1000):
                    other.ask("TIMEOUT 1000")
        with Client(server) as again:
            again.ask("OPEN iio:device3 400000 00000003")
            for _ in range(10):
                again.block(400_000)


def test_fault_words() -> None:
    assert parse_fault("stall@2s:300ms") == Fault("stall", 2.0, seconds=0.3)
    assert parse_fault("drop@3s:7") == Fault("drop", 3.0, blocks=7)
    assert parse_fault("disconnect@4") == Fault("disconnect", 4.0)
    assert parse_fault("stall").at < 5
    for wrong in ("", "burn", "drop@1s:0", "drop@1s:x", "stall@x", "disconnect@1s:2", "stall@1s:"):
        with pytest.raises(UsageError):
            parse_fault(wrong)


def test_only_this_machine_and_only_a_free_port(server: VirtualPluto, counter: Any) -> None:
    for host in ("0.0.0.0", "192.168.2.1", "example.org"):
        with pytest.raises(UsageError, match="not this machine"):
            VirtualPluto(counter, host=host)
    for port in (server.port, -1, 70000):
        with pytest.raises(UsageError, match="cannot be used"):
            VirtualPluto(counter, port=port)


VOCABULARY = (
    "READ WRITE OPEN CLOSE READBUF WRITEBUF SET PRINT TIMEOUT GETTRIG HELP BINARY iio:device0"
    " iio:device2 iio:device3 INPUT OUTPUT DEBUG BUFFER voltage0 out frequency BUFFERS_COUNT"
    " direct_reg_access 00000003 0 1 7 4096 -1 99999999999 é \0 0x80000088"
)
WORDS = st.sampled_from(VOCABULARY.split())
LINES = st.lists(
    st.one_of(st.lists(WORDS, max_size=7).map(" ".join).map(str.encode), st.binary(max_size=200)),
    max_size=12,
)


@given(LINES)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_malformed_lines_do_no_harm(fuzzed: VirtualPluto, lines: list[bytes]) -> None:
    with socket.create_connection(("127.0.0.1", fuzzed.port), timeout=5) as connection:
        connection.sendall(b"\r\n".join(lines) + b"\r\nEXIT\r\n")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 16):
            pass
    with Client(fuzzed) as client:
        assert client.read("READ iio:device0 ensm_mode")


@pytest.fixture
def fuzzed(counter: Any) -> Iterator[VirtualPluto]:
    with VirtualPluto(counter) as running:
        yield running


def test_stop_frees_a_client_that_waits(counter: Any) -> None:
    with VirtualPluto(counter) as server, Client(server) as client, Client(server):
        client.write(f"{PHY_RX} sampling_frequency", "2083333")
        client.ask("OPEN iio:device3 8000000 00000003")  # 4 s
        client.send(b"READBUF iio:device3 32000000\r\n")
        began = time.monotonic()
        timer = threading.Timer(0.1, server.stop)
        timer.start()
        timer.join()
        assert time.monotonic() - began < 1


def run(*command: str) -> subprocess.CompletedProcess[bytes]:
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed (apt-get install libiio-utils)")
    return subprocess.run(command, capture_output=True, timeout=20, check=True)


def test_iio_attr_reads_and_writes(server: VirtualPluto) -> None:
    def attr(*words: str) -> bytes:
        return run("iio_attr", "-u", server.uri, *words).stdout.strip()

    assert b"not hardware" in attr("-C", "hw_model")
    assert attr("-c", "ad9361-phy", "RX_LO", "frequency") == b"2400000000"
    attr("-c", "ad9361-phy", "RX_LO", "frequency", "2441000000")
    assert attr("-c", "ad9361-phy", "RX_LO", "frequency") == b"2441000000"


def test_iio_readdev_is_contiguous(server: VirtualPluto, counter: Any) -> None:
    with Client(server) as client:
        client.write(f"{PHY_RX} sampling_frequency", "4000000")
    done = run("iio_readdev", "-u", server.uri, "-b", "65536", "-s", "655360", "cf-ad9361-lpc")
    samples = np.frombuffer(done.stdout, "<i2").reshape(-1, 2)
    assert len(samples) == 655_360
    assert counter.index(samples) == 0


class Slow:
    """A source that has to be rendered first."""

    def __init__(self, counter: Any) -> None:
        self.read, self.ready = counter.read, False

    def prepare(
        self, center_frequency_hz: float, sample_rate_hz: float, stop: threading.Event
    ) -> None:
        stop.wait(0.4)
        self.ready = True


def test_the_clock_runs_once_the_scene_is_rendered(counter: Any) -> None:
    slow = Slow(counter)
    with VirtualPluto(slow) as server, Client(server) as client:
        client.write(f"{PHY_RX} sampling_frequency", "4000000")
        assert client.ask("OPEN iio:device3 40000 00000003") == 0
        assert slow.ready
        assert [counter.index(client.block(40_000)) for _ in range(10)][-1] == 360_000
