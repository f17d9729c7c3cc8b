import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import numpy as np
import pytest

from radiofm.bus import ControlServer, Publisher, Subscriber, control_request
from radiofm.errors import UsageError, WireError
from radiofm.wire import IqHeader, Message, StatusHeader


def iq(sequence: int, samples: int = 100) -> IqHeader:
    return IqHeader(
        stream=uuid.UUID(int=1), sequence=sequence, sample_index=sequence * samples,
        sample_count=samples, time_ns=time.time_ns(), time_quality="host",
        center_frequency_hz=2.44e9, sample_rate_hz=4e6, datatype="ci16_le", full_scale=2048,
        bandwidth_hz=4e6, host_time_ns=time.time_ns(),
    )  # fmt: skip


def last_word() -> StatusHeader:
    return StatusHeader(
        stream=uuid.UUID(int=1), sequence=0, sample_index=2**60, sample_count=0, time_ns=0,
        time_quality="host", center_frequency_hz=0, sample_rate_hz=0, daemon="capture",
        state="ended",
    )  # fmt: skip


def test_messages_arrive_whole_and_in_order(tmp_path: Path) -> None:
    publisher = Publisher(f"ipc://{tmp_path}/iq", message_bytes=400)
    subscriber = Subscriber([publisher.endpoint], ["iq"], message_bytes=400)
    assert publisher.wait_for_subscribers("iq", 1, 5)
    payload = np.arange(200, dtype="<i2").reshape(100, 2)
    for _ in range(5):
        publisher.send(iq(publisher.next_sequence("iq")), payload)
    for n in range(5):
        message = subscriber.receive(5)
        assert isinstance(message, Message)
        assert message.header.sequence == n
        np.testing.assert_array_equal(message.payload, payload)
    subscriber.close()
    deadline = time.monotonic() + 5
    while publisher.subscribers("iq") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert publisher.subscribers("iq") == 0
    publisher.close()


def test_a_lossless_publisher_waits_for_a_slow_reader(tmp_path: Path) -> None:
    publisher = Publisher(
        f"ipc://{tmp_path}/iq", message_bytes=1 << 20, queue_bytes=2 << 20, lossless=True
    )
    subscriber = Subscriber(
        [publisher.endpoint], ["iq"], message_bytes=1 << 20, queue_bytes=2 << 20
    )
    assert publisher.wait_for_subscribers("iq", 1, 5)
    payload = np.zeros((1 << 18, 2), "<i2")
    sent = 0
    while sent < 100 and publisher.send(iq(sent, 1 << 18), payload, timeout_s=0.05):
        sent += 1
    assert 0 < sent < 100  # it would have waited
    received = 0
    while subscriber.receive(0.3):
        received += 1
    assert received == sent  # and nothing was dropped
    subscriber.close()
    publisher.close()


def test_a_busy_endpoint_is_one_sentence(tmp_path: Path) -> None:
    for endpoint in (f"ipc://{tmp_path}/iq", "tcp://127.0.0.1:0"):
        publisher = Publisher(endpoint, message_bytes=400)
        with pytest.raises(UsageError, match="busy"):
            Publisher(publisher.endpoint, message_bytes=400)
        publisher.close()
        Publisher(publisher.endpoint, message_bytes=400).close()  # free again


@pytest.mark.parametrize("endpoint", ["tcp://0.0.0.0:5555", "tcp://*:5555", "tcp://[::]:5555"])
def test_nothing_is_served_beyond_this_machine(endpoint: str) -> None:
    with pytest.raises(UsageError, match=r"without keys|no endpoint"):
        Publisher(endpoint, message_bytes=400)


@pytest.mark.parametrize("endpoint", ["", "5555", "http://127.0.0.1:1", "tcp://127.0.0.1", "ipc"])
def test_what_is_no_endpoint_is_named(endpoint: str) -> None:
    with pytest.raises(UsageError, match="endpoint"):
        Subscriber([endpoint], ["iq"], message_bytes=400)


def test_garbage_is_passed_over_and_counted(tmp_path: Path) -> None:
    publisher = Publisher(f"ipc://{tmp_path}/iq", message_bytes=400)
    subscriber = Subscriber([publisher.endpoint], ["iq", "status"], message_bytes=400)
    assert publisher.wait_for_subscribers("iq", 1, 5)
    socket = publisher._socket
    socket.send_multipart([b"iq", b"{}", b""])
    socket.send_multipart([b"iq"])
    socket.send_multipart([b"iq", b"\xff" * 100_000, b""])
    socket.send_multipart([b"status", b"[]", b"", b""])
    publisher.send(iq(0), np.zeros((100, 2), "<i2"))
    message = subscriber.receive(5)
    assert message is not None and message.header.topic == "iq"
    assert subscriber.malformed == 4
    subscriber.close()
    publisher.close()


def test_the_last_word_arrives_after_close(tmp_path: Path) -> None:
    publisher = Publisher(f"ipc://{tmp_path}/iq", message_bytes=400)
    subscriber = Subscriber([publisher.endpoint], ["status"], message_bytes=400)
    assert publisher.wait_for_subscribers("status", 1, 5)
    last = last_word()
    publisher.send_last(last)
    publisher.close()
    message = subscriber.receive(5)
    assert message is not None and message.header == last
    subscriber.close()


SENDER = """
import sys
sys.path.insert(0, {tests!r})
from test_bus import iq, last_word
import numpy as np
from radiofm.bus import Publisher
publisher = Publisher({endpoint!r}, message_bytes=1, queue_bytes=1, lossless=True)
assert publisher.wait_for_subscribers("iq", 1, 20)
for k in range(30):
    publisher.send(iq(k, 50_000), np.zeros((50_000, 2), "<i2"))
publisher.send_last(last_word())
publisher.close()
"""


def test_a_lossless_publisher_waits_for_a_slow_reader_until_its_process_ends(
    tmp_path: Path,
) -> None:
    endpoint = f"ipc://{tmp_path}/iq"
    # Two messages may wait on either side, far fewer than are sent.
    subscriber = Subscriber([endpoint], ["iq", "status"], message_bytes=1, queue_bytes=1)
    code = SENDER.format(tests=str(Path(__file__).parent), endpoint=endpoint)
    sender = subprocess.Popen([sys.executable, "-c", code])
    time.sleep(4)  # longer than any heartbeat would bear
    headers = []
    while message := subscriber.receive(10):
        headers.append(message.header)
        if isinstance(message.header, StatusHeader):
            break
    assert [h.sample_index for h in headers[:-1]] == [50_000 * k for k in range(30)]
    assert isinstance(headers[-1], StatusHeader)
    assert sender.wait(5) == 0
    subscriber.close()


def test_control_answers_and_silence_is_one_sentence(tmp_path: Path) -> None:
    server = ControlServer(f"ipc://{tmp_path}/control")
    import threading

    def serve() -> None:
        request = server.receive(5)
        assert request == b"list"
        server.reply(b"none")

    thread = threading.Thread(target=serve)
    thread.start()
    assert control_request(server.endpoint, b"list", 5) == b"none"
    thread.join()
    server.close()
    with pytest.raises(WireError, match="radiofm infer"):
        control_request(server.endpoint, b"list", 0.1)


def test_sockets_are_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from radiofm.topics import RUNTIME_VARIABLE, endpoint_for, runtime_dir

    monkeypatch.setenv(RUNTIME_VARIABLE, str(tmp_path / "run"))
    assert os.stat(runtime_dir()).st_mode & 0o777 == 0o700
    assert endpoint_for("iq") == f"ipc://{tmp_path}/run/capture-iq"
