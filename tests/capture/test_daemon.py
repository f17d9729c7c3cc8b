"""The daemon's account balances, whatever the device does, and its last word is always said."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofm.bus import Publisher, Subscriber
from radiofm.errors import DeviceError, RecordingError
from radiofm.ledger import SampleLedger
from radiofm.recording import Recording
from radiofm.wire import IqHeader, Loss, StatusHeader
from radiofm_capture.daemon import CaptureDaemon
from radiofm_capture.device import Block, Tuning
from radiofm_capture.disk import DiskThread
from radiofm_capture.recorder import Recorder

TUNING = Tuning(2.44e9, 1e6, 1e6)


class ScriptedDevice:
    """Gives the blocks it was given, then fails, ends or waits to be stopped."""

    def __init__(self, blocks: list[Block], then: str = "end") -> None:
        self._blocks, self._then = list(blocks), then
        self._stopped = threading.Event()
        self.closed = False

    def start(self) -> None: ...

    def read(self) -> Block | None:
        if self._blocks:
            return self._blocks.pop(0)
        if self._then == "fail":
            raise DeviceError("the device is gone: plug it in again")
        if self._then == "wait":
            self._stopped.wait(10)
        return None

    def stop(self) -> None:
        self._stopped.set()

    def close(self) -> None:
        self.closed = True


def blocks_of(lengths: list[tuple[int, int]]) -> list[Block]:
    """Blocks of (lost before, samples)."""
    blocks, at = [], 0
    for n, (lost, count) in enumerate(lengths):
        losses = (Loss(samples=lost, exact=False, stage="device"),) if lost and n else ()
        at += lost if n else 0
        samples = np.full((count, 2), n, np.int16)
        blocks.append(Block(samples, at, time.time_ns(), "host", TUNING, losses, n == 0))
        at += count
    return blocks


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9000), st.integers(1, 40_000)), min_size=1, max_size=8),
    st.floats(0.001, 0.3),
)
def test_the_duration_is_kept_and_the_account_balances(
    lengths: list[tuple[int, int]], duration: float
) -> None:
    device = ScriptedDevice(blocks_of(lengths))
    daemon = CaptureDaemon(device, None, None, duration_s=duration)
    daemon.run()
    account = daemon.ledger.account()
    assert account.received + account.lost == account.span
    everything = sum(lost * bool(n) + count for n, (lost, count) in enumerate(lengths))
    wanted = round(duration * 1e6)
    assert account.received <= wanted
    # A gap across the end may reach beyond it; samples never do.
    assert min(wanted, everything) <= account.span <= max(wanted + 9000, 0)
    assert device.closed


def follow(subscriber: Subscriber) -> tuple[SampleLedger, StatusHeader]:
    ledger = SampleLedger()
    while True:
        message = subscriber.receive(5)
        assert message is not None, "no last word"
        header = message.header
        if isinstance(header, IqHeader):
            assert len(message.payload) == header.sample_count <= 16_000
            ledger.take(header.sample_index, header.sample_count, header.lost)
        elif isinstance(header, StatusHeader) and header.state == "ended":
            ledger.finish(header.sample_index, header.lost)
            return ledger, header


@pytest.mark.parametrize("then", ["end", "fail", "wait"])
def test_a_follower_hears_everything_and_the_last_word(tmp_path: Path, then: str) -> None:
    publisher = Publisher(f"ipc://{tmp_path}/iq", message_bytes=64_000)
    subscriber = Subscriber([publisher.endpoint], ["iq", "status"], message_bytes=64_000)
    assert publisher.wait_for_subscribers("iq", 1, 5)
    blocks = blocks_of([(0, 50_000), (7_000, 30_000), (0, 1_000)])
    daemon = CaptureDaemon(ScriptedDevice(blocks, then), publisher, None)
    if then == "wait":
        threading.Timer(0.2, daemon.stop).start()
    if then == "fail":
        with pytest.raises(DeviceError, match="plug it in"):
            daemon.run()
    else:
        daemon.run()
    publisher.close()
    ledger, last = follow(subscriber)
    subscriber.close()
    assert last.samples == daemon.ledger.account() == ledger.account()
    assert ledger.account().lost_by_stage == {"device": 7_000}
    assert ledger.account().lost_estimated == 7_000


def test_a_slow_disk_costs_the_recording_only(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "slow")
    gate = threading.Event()

    class SlowSink:
        def write(self, block: Block) -> None:
            gate.wait(5)
            recorder.write(block)

        def close(self) -> None:
            recorder.close()

    disk = DiskThread(SlowSink(), wait=False, queue_bytes=400_000)
    blocks = blocks_of([(0, 40_000)] * 10)  # 160 kB each
    for block in blocks[:6]:
        disk.write(block)
    gate.set()
    time.sleep(0.3)
    for block in blocks[6:]:
        disk.write(block)
        time.sleep(0.05)
    disk.close()
    assert disk.error is None
    assert disk.lost == 160_000  # blocks 2 to 5 found the queue full
    recording = Recording.open(tmp_path / "slow.sigmf-meta")
    assert recording.count == 240_000
    second = recording.segments[1]
    assert second.global_index == 240_000
    assert [(x.samples, x.exact, x.stage) for x in second.lost] == [(160_000, True, "disk")]


def test_a_failing_disk_costs_the_recording_only_and_is_told_at_the_end() -> None:
    class FullDisk:
        def write(self, block: Block) -> None:
            raise RecordingError("the disk is full: free some space")

        def close(self) -> None: ...

    disk = DiskThread(FullDisk(), wait=True, queue_bytes=1)
    daemon = CaptureDaemon(ScriptedDevice(blocks_of([(0, 1000)] * 30)), None, disk)
    with pytest.raises(RecordingError, match="full"):
        daemon.run()
    assert daemon.ledger.account().received == 30_000
    status = daemon.status("ended", daemon.ledger.account())
    assert status.note == daemon.recording_error == "the disk is full: free some space"
    assert status.gauges["recording"] == 0
