"""The simulated device: paced, with losses that are exact, and stopped from any thread."""

from __future__ import annotations

import threading
import time

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofm.errors import UsageError
from radiofm_capture.device import Block, Bursts, Tuning
from radiofm_capture.scenes import Scene, ScenePlayer
from radiofm_capture.sim import SimDevice


class Ramp:
    """Each sample tells its own index."""

    def read(
        self, start: int, count: int, center_frequency_hz: float, sample_rate_hz: float
    ) -> npt.NDArray[np.int16]:
        index = np.arange(start, start + count)
        return np.stack([index % 2048, index // 2048 % 2048], 1).astype(np.int16)

    def prepare(
        self, center_frequency_hz: float, sample_rate_hz: float, stop: threading.Event
    ) -> None: ...


def tuning(rate: float) -> Tuning:
    return Tuning(100e6, rate, rate)


def play(device: SimDevice) -> list[Block]:
    device.start()
    blocks = []
    while block := device.read():
        blocks.append(block)
    device.close()
    return blocks


def check(blocks: list[Block]) -> int:
    """Blocks and losses tile the stream; returns where it ends."""
    at = 0
    for number, block in enumerate(blocks):
        at += sum(loss.samples for loss in block.lost)
        assert block.sample_index == at
        assert all(loss.exact and loss.stage == "device" for loss in block.lost)
        assert block.new_stream == (number == 0)
        assert block.time_quality == "host"
        expected = Ramp().read(at, len(block.samples), 0, 0)
        np.testing.assert_array_equal(block.samples, expected)
        at += len(block.samples)
    return at


@settings(max_examples=40)
@given(
    st.floats(0.001, 0.05),
    st.lists(st.tuples(st.floats(0.0001, 0.06), st.integers(1, 20_000)), max_size=4),
)
def test_blocks_and_drops_tile_the_stream(duration: float, drops: list[tuple[float, int]]) -> None:
    faults = [f"drop@{at:.6f}s:{samples}" for at, samples in drops]
    device = SimDevice(Ramp(), tuning(1e6), speed=None, duration_s=duration, faults=faults)
    assert check(play(device)) == round(duration * 1e6)


def test_a_drop_comes_when_it_was_asked_for() -> None:
    device = SimDevice(Ramp(), tuning(1e6), speed=None, duration_s=0.1, faults=["drop@50ms:1234"])
    blocks = play(device)
    (dropped,) = [b for b in blocks if b.lost]
    assert dropped.sample_index == 51_234 and dropped.lost[0].samples == 1234
    assert all(len(b.samples) <= 4000 for b in blocks)


def test_it_plays_a_scene_at_its_pace() -> None:
    player = ScenePlayer(Scene(slices=4))
    device = SimDevice(player, tuning(1e6), duration_s=0.2)
    device.start()
    began, host_ns = time.monotonic(), time.time_ns()
    blocks = []
    while block := device.read():
        blocks.append(block)
        # Not before its last sample was on the air.
        air = (block.sample_index + len(block.samples)) / 1e6
        assert time.monotonic() - began >= air - 0.005
    assert time.monotonic() - began < 1.5
    assert abs(blocks[-1].time_ns - blocks[-1].sample_index * 1000 - host_ns) < 50e6
    got = np.concatenate([b.samples for b in blocks])
    if not any(b.lost for b in blocks):  # a busy machine may read late
        np.testing.assert_array_equal(got, player.read(0, 200_000, 100e6, 1e6))
    assert blocks[0].tuning.hardware == "simulated receiver"


def test_speed_is_a_factor() -> None:
    began = time.monotonic()
    device = SimDevice(Ramp(), tuning(1e6), speed=4.0, duration_s=0.8)
    assert check(play(device)) == 800_000
    assert 0.19 < time.monotonic() - began < 1.0


def test_a_late_reader_loses_what_the_buffer_cannot_hold() -> None:
    device = SimDevice(Ramp(), tuning(1e6), duration_s=2.0)
    device.start()
    first = device.read()
    time.sleep(0.4)
    second = device.read()
    assert first and second
    (loss,) = second.lost
    assert 140_000 < loss.samples < 1_000_000
    assert check([first, second]) > 140_000
    assert not (third := device.read()) or not third.lost or third.lost[0].samples < 50_000
    device.close()


def test_stop_wakes_a_waiting_read() -> None:
    device = SimDevice(Ramp(), tuning(1e6), speed=0.0001)  # the first block is due in 40 s
    device.start()
    timer = threading.Timer(0.05, device.stop)
    timer.start()
    began = time.monotonic()
    assert device.read() is None
    assert time.monotonic() - began < 5
    timer.join()
    assert device.read() is None
    device.stop()
    device.close()


@pytest.mark.parametrize("speed", [None, 2.0])
def test_bursts_are_contiguous_and_begin_with_a_slice(speed: float | None) -> None:
    device = SimDevice(Ramp(), tuning(1e6), speed=speed, bursts=Bursts(3, 4))
    device.start()
    blocks = list(iter(device.read, None))
    end = 0
    for number, block in enumerate(blocks):
        assert block and len(block.samples) == 48_000 and block.sample_index % 16_000 == 0
        gap = block.sample_index - end
        losses = [(x.samples, x.exact, x.untaken) for x in block.lost]
        assert losses == ([(gap, True, True)] if number else []) and (gap >= 16_000) == (number > 0)
        expected = Ramp().read(block.sample_index, 48_000, 0, 0)
        np.testing.assert_array_equal(block.samples, expected)
        end = block.sample_index + 48_000
    assert len(blocks) == 4 and (speed or end == 4 * 48_000 + 3 * 16_000)


def test_a_retune_is_a_new_stream_of_air_that_went_on() -> None:
    device = SimDevice(Ramp(), tuning(1e6), speed=None, faults=["drop@1ms:500"])
    device.start()
    first, second = device.read(), device.read()
    assert first and second and second.lost
    device.retune(tuning(2e6), Bursts(1))
    device.start()
    third = device.read()
    assert third and third.new_stream and third.sample_index == 0 and not third.lost
    assert third.tuning.sample_rate_hz == 2e6 and len(third.samples) == 32_000
    heard = 2 * (second.sample_index + len(second.samples))  # of the source, at the new rate
    np.testing.assert_array_equal(third.samples, Ramp().read(heard, 32_000, 0, 0))


def test_faults_have_no_place_in_bursts() -> None:
    with pytest.raises(UsageError, match="no place in bursts"):
        SimDevice(Ramp(), tuning(1e6), faults=["drop@2s"], bursts=Bursts(1))


@pytest.mark.parametrize("fault", ["drop", "drop@2s:x", "drop@2s:0", "melt@2s", "drop@soon"])
def test_an_unknown_fault_is_refused(fault: str) -> None:
    with pytest.raises(UsageError, match="fault"):
        SimDevice(Ramp(), tuning(1e6), faults=[fault])
