"""The worker over real ZeroMQ: nothing lost is silent, the slices are the batch slices."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from radiofm.errors import UsageError, WireError
from radiofm.spectrogram import Spectrogram, SpectrogramSpec
from radiofm.wire import Loss, SliceHeader, StatusHeader
from radiofm_services.spectrogram import SpectrogramWorker, WorkerConfig, WorkerSummary

RATE, SIZE = 256e3, 256
SPEC = SpectrogramSpec(duration_s=0.001, window_size=64, hop=64, fft_size=64, height=32, width=32)


@pytest.fixture
def config(tmp_path: Path) -> WorkerConfig:
    return WorkerConfig(
        spec=SPEC,
        iq=f"ipc://{tmp_path}/iq",
        slices=f"ipc://{tmp_path}/slice",
        policy="lossless",
        patience_s=5,
        readers=1,
    )


def check(summary: WorkerSummary) -> None:
    assert summary.samples_received + summary.samples_lost == summary.samples_span
    assert summary.slices_made + summary.slices_untaken == summary.slices


def test_drops_and_reorders_are_accounted_for_and_marked(
    config: WorkerConfig, radio: Any, reader: Any, background: Any
) -> None:
    out = reader(config.slices, "slice")
    result = background(SpectrogramWorker(config).run)
    radio.wait()
    radio.send(0, SIZE)  # 0: whole
    radio.send(SIZE, SIZE + 100)  # 1: in pieces, out of order
    radio.send(SIZE + 200, 2 * SIZE)
    radio.send(SIZE + 100, SIZE + 200)
    radio.send(2 * SIZE + 50, 3 * SIZE)  # 2: 50 samples never came
    radio.send(2 * SIZE + 60, 2 * SIZE + 70)  # again
    # 3 and 4: nothing came, 100 samples were lost in the device
    radio.send(5 * SIZE, 6 * SIZE, lost=(Loss(samples=100, exact=False, stage="device"),))
    radio.send(6 * SIZE, 6 * SIZE + 10)  # 7: the end
    radio.say("running", 6 * SIZE + 10)
    radio.say("ended", 7 * SIZE)
    summary = result()
    check(summary)
    received = 4 * SIZE - 50 + 10
    assert summary.samples_received == received
    assert summary.samples_span == 7 * SIZE
    assert (summary.samples_lost_estimated, summary.samples_duplicated) == (100, 10)
    assert (summary.slices, summary.slices_untaken, summary.slices_incomplete) == (7, 2, 2)

    slices = out.all(SliceHeader)
    assert [s.slice_index for s in slices] == [0, 1, 2, 5, 6]
    assert [s.complete for s in slices] == [True, True, False, True, False]
    assert [s.sequence for s in slices] == list(range(5))
    assert [s.time_ns - 10**18 for s in slices] == [k * 10**6 for k in (0, 1, 2, 5, 6)]
    assert {(s.spec, s.shape) for s in slices} == {(SPEC.hash, (32, 32))}
    told = [(loss.stage, loss.samples, loss.exact) for s in slices for loss in s.lost]
    # Slice 2 ends when the message after the gap comes, and tells of all that is known by then.
    queue = 50 + 2 * SIZE - 100
    assert told == [("queue", queue, True), ("device", 100, False), ("queue", SIZE - 10, True)]

    batch = Spectrogram(SPEC, RATE)
    images = [m.payload for m in out.messages if isinstance(m.header, SliceHeader)]
    for image, header in zip(images, slices, strict=True):
        samples = radio.samples(header.sample_index, header.sample_index + SIZE).copy()
        if header.slice_index == 2:
            samples[:50] = 0
        if header.slice_index == 6:
            samples[10:] = 0
        assert image.tobytes() == batch(samples, 2048).tobytes()

    last = out.all(StatusHeader)[-1]
    assert (last.state, last.sample_index, last.note) == ("ended", 7 * SIZE, "")
    assert last.samples.received == received


def test_a_new_stream_at_another_rate(
    config: WorkerConfig, radio: Any, reader: Any, background: Any
) -> None:
    out = reader(config.slices, "slice")
    result = background(SpectrogramWorker(config).run)
    radio.wait()
    radio.send(0, SIZE + 10)
    radio.say("running", 3 * SIZE)  # the rest of the old stream never comes
    radio.stream = uuid4()
    radio.send(512, 1024, rate=2 * RATE)  # nor does the new one's first slice
    radio.say("ended", 1024)
    summary = result()
    check(summary)
    slices = out.all(SliceHeader)
    assert [(s.slice_index, s.sample_count) for s in slices] == [(0, 256), (1, 256), (1, 512)]
    assert (summary.samples_lost, summary.slices, summary.slices_untaken) == (
        2 * SIZE - 10 + 512,
        5,
        2,
    )
    seams = [(s.stream, s.sample_index) for s in out.all(StatusHeader) if s.sample_rate_hz]
    assert (slices[0].stream, 3 * SIZE) in seams
    assert (slices[-1].stream, 0) in seams


def test_latest_passes_over_what_it_is_late_for(
    config: WorkerConfig, radio: Any, reader: Any, background: Any, monkeypatch: Any
) -> None:
    slow = Spectrogram.__call__

    def sleepy(self: Spectrogram, *args: Any) -> Any:
        time.sleep(0.02)
        return slow(self, *args)

    monkeypatch.setattr(Spectrogram, "__call__", sleepy)
    out = reader(config.slices, "slice")
    config = WorkerConfig(
        spec=SPEC, iq=config.iq, slices=config.slices, policy="latest", depth=2, readers=1
    )
    result = background(SpectrogramWorker(config).run)
    radio.wait()
    for k in range(60):
        radio.send(k * SIZE, (k + 1) * SIZE)
    radio.say("ended", 60 * SIZE)
    summary = result()
    check(summary)
    assert summary.samples_received == 60 * SIZE  # they came, and were passed over
    assert summary.slices == 60
    assert summary.slices_untaken > 20
    assert summary.slices_incomplete == 0
    assert summary.slices_made == len(out.all(SliceHeader))


def test_a_dead_publisher_ends_it_with_a_sentence(
    config: WorkerConfig, radio: Any, reader: Any, background: Any
) -> None:
    out = reader(config.slices, "slice")
    config = WorkerConfig(
        spec=SPEC, iq=config.iq, slices=config.slices, policy="lossless", patience_s=0.3, readers=1
    )
    result = background(SpectrogramWorker(config).run)
    radio.wait()
    radio.send(0, SIZE + 1)
    with pytest.raises(WireError, match="radiofm capture at ipc://.*fell silent"):
        result()
    last = out.all(StatusHeader)[-1]
    assert last.state == "ended"
    assert "fell silent" in last.note
    assert len(out.all(SliceHeader)) == 2  # what had come of the second is told too


def test_nobody_ever_speaks(config: WorkerConfig) -> None:
    silent = WorkerConfig(spec=SPEC, iq=config.iq, slices=config.slices, first_message_s=0.2)
    with pytest.raises(WireError, match="start `radiofm capture`"):
        SpectrogramWorker(silent).run()


def test_stop_ends_in_good_order(
    config: WorkerConfig, radio: Any, reader: Any, background: Any
) -> None:
    out = reader(config.slices, "slice")
    worker = SpectrogramWorker(
        WorkerConfig(
            spec=SPEC, iq=config.iq, slices=config.slices, policy="lossless", readers=1, grace_s=0.2
        )
    )
    result = background(worker.run)
    radio.wait()
    radio.send(0, 2 * SIZE)
    while out.messages[-1:] == [] or not isinstance(out.messages[-1].header, SliceHeader):
        time.sleep(0.01)
    worker.stop()
    summary = result()
    check(summary)
    assert summary.slices_made == 2
    assert out.all(StatusHeader)[-1].state == "ended"


def test_stop_while_no_reader_has_come(config: WorkerConfig) -> None:
    worker = SpectrogramWorker(config)
    worker.stop()
    assert worker.run().slices == 0


def test_a_rate_too_low_for_the_window_is_said_on_the_wire_too(
    config: WorkerConfig, radio: Any, reader: Any, background: Any
) -> None:
    out = reader(config.slices, "slice")
    result = background(SpectrogramWorker(config).run)
    radio.wait()
    radio.send(0, 10, rate=32e3)
    with pytest.raises(UsageError, match="raise the rate"):
        result()
    assert "raise the rate" in out.all(StatusHeader)[-1].note


def test_malformed_messages_are_counted(
    config: WorkerConfig, radio: Any, reader: Any, background: Any
) -> None:
    out = reader(config.slices, "slice")
    result = background(SpectrogramWorker(config).run)
    radio.wait()
    radio.publisher._socket.send_multipart([b"iq", b"{", b""])
    radio.send(0, SIZE)
    radio.say("ended", SIZE)
    assert result().slices_made == 1
    assert out.all(StatusHeader)[-1].gauges["malformed"] == 1
