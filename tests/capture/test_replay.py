"""Replay: what was recorded comes back, to the sample, the index, the loss and the time."""

import hashlib
import json
import os
import tempfile
import threading
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sigmf
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofm.errors import RecordingError, UsageError
from radiofm.recording import Recording
from radiofm.settings import CaptureSettings
from radiofm.wire import Loss
from radiofm_capture.device import Block, Tuning
from radiofm_capture.recorder import Recorder
from radiofm_capture.recording_source import RecordingSource
from radiofm_capture.replay import ReplayDevice
from radiofm_capture.session import open_device

REPO = Path(__file__).parents[2]
IQ = Path(os.environ.get("RADIOFM_SHARED", REPO.parent / "shared")) / "iq"

TUNINGS = st.builds(
    Tuning,
    center_frequency_hz=st.sampled_from([88.5e6, 2.44e9]),
    sample_rate_hz=st.sampled_from([1e6, 1e6, 1e6, 1.92e6]),
    bandwidth_hz=st.sampled_from([0.7e6, 1e6]),
    gain_db=st.sampled_from([None, 0.0, 71.25]),
    gain_mode=st.sampled_from(["manual", "slow_attack"]),
    datatype=st.sampled_from(["ci16_le", "ci16_le", "cf32_le"]),
    full_scale=st.sampled_from([2048.0, 1.0]),
    hardware=st.sampled_from(["", "a radio"]),
)
LOSSES = st.builds(
    Loss,
    samples=st.integers(1, 10**12),
    exact=st.booleans(),
    stage=st.sampled_from(["device", "link", "queue"]),
)


@st.composite
def block_runs(draw: st.DrawFn) -> list[Block]:
    """What a device may give: streams of one tuning each, with gaps in them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    blocks: list[Block] = []
    for tuning in draw(st.lists(TUNINGS, min_size=1, max_size=4)):
        index, began_ns = 0, draw(st.integers(0, 2**62))
        for number in range(draw(st.integers(1, 4))):
            lost = tuple(draw(st.lists(LOSSES, max_size=2)))
            index += sum(loss.samples for loss in lost)
            samples: Any = rng.integers(-2048, 2048, (draw(st.integers(1, 40)), 2), np.int16)
            if tuning.datatype == "cf32_le":
                samples = (samples / 2048).astype(np.float32)
            if lost or not number:
                first_index, first_ns = index, began_ns + index
            after = round((index - first_index) * 1e9 / tuning.sample_rate_hz)
            time_ns = first_ns + after
            blocks.append(Block(samples, index, time_ns, "host", tuning, lost, number == 0))
            index += len(samples)
    return blocks


def joined(blocks: list[Block]) -> list[Block]:
    """The same with every run of gap-free blocks as one, losses one a kind, times as recorded."""
    runs: list[Block] = []
    for block in blocks:
        if runs and not block.lost and not block.new_stream:
            samples = np.concatenate([runs[-1].samples, block.samples])
            runs[-1] = replace(runs[-1], samples=samples)
        else:
            runs.append(replace(block, time_quality="recorded", lost=merged(block.lost)))
    return runs


def merged(lost: tuple[Loss, ...]) -> tuple[Loss, ...]:
    if len(lost) == 2 and (lost[0].exact, lost[0].stage) == (lost[1].exact, lost[1].stage):
        return (lost[0].model_copy(update={"samples": lost[0].samples + lost[1].samples}),)
    return lost


def same(one: Block, other: Block) -> bool:
    data = one.samples.dtype == other.samples.dtype and np.array_equal(one.samples, other.samples)
    nothing = np.empty(0)
    return data and replace(one, samples=nothing) == replace(other, samples=nothing)


def play(*recordings: Recording, loops: int = 1) -> list[Block]:
    device = ReplayDevice(*recordings, speed=None, loops=loops)
    device.start()
    blocks = list(iter(device.read, None))
    device.close()
    return blocks


@settings(max_examples=60, deadline=None)
@given(block_runs())
def test_replay_of_a_recording_is_what_was_recorded(blocks: list[Block]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with Recorder(Path(folder) / "cap") as recorder:
            for block in blocks:
                recorder.write(block)
        assert recorder.samples == sum(len(block.samples) for block in blocks)
        sigmf.sigmffile.fromfile(recorder.paths[0]).validate()  # as `sigmf_validate`, hash too
        for path in recorder.paths:
            check_strictly(path)
        played = joined(play(*(Recording.open(path) for path in recorder.paths)))
    expected = joined(blocks)
    assert len(played) == len(expected)
    for one, other in zip(played, expected, strict=True):
        assert same(one, other), (one, other)


def check_strictly(path: Path) -> None:
    """Beyond `sigmf_validate`, which passes a wrong version and indices that go back."""
    found = json.loads(path.read_text())
    assert found["global"]["core:version"] == sigmf.__specification__
    for one, other in pairwise(found["captures"]):
        samples = other["core:sample_start"] - one["core:sample_start"]
        jump = other["core:global_index"] - one["core:global_index"]
        assert samples > 0
        assert jump - samples == sum(loss["samples"] for loss in other["radiofm:lost"])
        assert other["core:frequency"] > 0 and other["core:datetime"].endswith("Z")


def ramp(path: Path, count: int, rate: float = 1e6, **fields: Any) -> Recording:
    """A recording of `count` samples, sample i is (i, -i), without times."""
    values = np.arange(count, dtype="<i2")
    np.stack([values, -values], axis=1).tofile(path.with_suffix(".sigmf-data"))
    captures = fields.get("captures", [{"core:sample_start": 0}])
    meta = {
        "global": {"core:datatype": "ci16_le", "core:sample_rate": rate},
        "captures": captures,
        "annotations": [],
    }
    path.with_suffix(".sigmf-meta").write_text(json.dumps(meta))
    return Recording.open(path)


def test_blocks_are_short_and_do_not_cross_segments(tmp_path: Path) -> None:
    captures = [
        {"core:sample_start": 0, "core:frequency": 1e9},
        {"core:sample_start": 9000, "core:global_index": 10000, "core:frequency": 1e9},
        {"core:sample_start": 20000, "core:frequency": 2e9, "core:global_index": 21000},
    ]
    blocks = play(ramp(tmp_path / "cap", 30000, captures=captures))
    found = [(b.sample_index, len(b.samples), b.new_stream) for b in blocks]
    assert found == [
        (0, 8000, True),
        (8000, 1000, False),
        (10000, 8000, False),
        (18000, 3000, False),
        (0, 8000, True),
        (8000, 2000, False),
    ]
    gap = Loss(samples=1000, exact=True, stage="device")
    assert [b.lost for b in blocks] == [(), (), (gap,), (), (), ()]
    assert np.array_equal(np.concatenate([b.samples for b in blocks])[:, 0], np.arange(30000))


def test_without_recorded_time_it_is_the_hosts(tmp_path: Path) -> None:
    before = time.time_ns()
    first, second = play(ramp(tmp_path / "cap", 16000))
    assert before <= first.time_ns <= time.time_ns()
    assert first.time_quality == second.time_quality == "host"
    assert second.time_ns - first.time_ns == 8_000_000
    assert first.tuning == Tuning(0.0, 1e6, 1e6, None, "unknown", "ci16_le", 32768.0, "")


def test_each_loop_is_a_new_stream(tmp_path: Path) -> None:
    blocks = play(ramp(tmp_path / "cap", 10000), loops=3)
    assert [b.sample_index for b in blocks] == [0, 8000] * 3
    assert [b.new_stream for b in blocks] == [True, False] * 3


def test_a_collection_is_played_stream_after_stream(tmp_path: Path) -> None:
    streams = []
    for name, count in (("b", 9000), ("a", 100)):
        ramp(tmp_path / name, count)
        sha512 = hashlib.sha512((tmp_path / f"{name}.sigmf-meta").read_bytes()).hexdigest()
        streams.append({"name": name, "hash": sha512})
    path = tmp_path / "all.sigmf-collection"
    path.write_text(json.dumps({"collection": {"core:streams": streams}}))
    device = open_device(CaptureSettings(device="replay", path=path, speed=0.0))
    device.start()
    blocks = list(iter(device.read, None))
    device.close()
    found = [(b.sample_index, len(b.samples), b.new_stream) for b in blocks]
    assert found == [(0, 8000, True), (8000, 1000, False), (0, 100, True)]


def test_it_keeps_pace_and_gaps_take_their_time(tmp_path: Path) -> None:
    captures = [
        {"core:sample_start": 0},
        {"core:sample_start": 40_000, "core:global_index": 140_000},
    ]
    recording = ramp(tmp_path / "cap", 100_000, captures=captures)  # 0.2 s of air
    for speed in (1.0, 4.0):
        device = ReplayDevice(recording, speed=speed)
        device.start()
        start, spent = time.monotonic(), time.process_time()
        blocks = list(iter(device.read, None))
        taken, spent = time.monotonic() - start, time.process_time() - spent
        assert sum(len(b.samples) for b in blocks) == 100_000
        assert 0.2 / speed <= taken < 0.2 / speed + 0.5
        assert spent < 0.05  # it sleeps


def test_stop_wakes_a_waiting_read(tmp_path: Path) -> None:
    captures = [
        {"core:sample_start": 0},
        {"core:sample_start": 10, "core:global_index": 10**12},
    ]
    device = ReplayDevice(ramp(tmp_path / "cap", 20, captures=captures), loops=0)
    device.start()
    assert device.read() is not None
    timer = threading.Timer(0.05, device.stop)
    timer.start()
    start = time.monotonic()
    assert device.read() is None
    assert 0.04 < time.monotonic() - start < 5
    timer.join()
    assert device.read() is None
    device.stop()
    device.close()


def test_endless_loops_end_when_stopped(tmp_path: Path) -> None:
    device = ReplayDevice(ramp(tmp_path / "cap", 10), speed=None, loops=0)
    device.start()
    assert all(device.read() for _ in range(100))
    device.stop()
    assert device.read() is None


def test_what_cannot_be_played_is_refused(tmp_path: Path) -> None:
    recording = ramp(tmp_path / "cap", 10)
    with pytest.raises(UsageError, match="replay speed 0 is not above 0"):
        ReplayDevice(recording, speed=0)
    with pytest.raises(UsageError, match="replay loops -1 is below 0"):
        ReplayDevice(recording, loops=-1)
    for player in (ReplayDevice, RecordingSource):
        with pytest.raises(RecordingError, match="holds no samples"):
            player(ramp(tmp_path / "empty", 0))


@pytest.mark.skipif(not IQ.is_dir(), reason="no shared/iq beside the checkout: RADIOFM_SHARED")
@pytest.mark.parametrize("path", sorted(IQ.glob("*.sigmf-meta")), ids=lambda p: p.stem)
def test_every_sample_of_a_real_recording_is_delivered_once(path: Path) -> None:
    recording = Recording.open(path)
    blocks = play(recording)
    assert [b.sample_index for b in blocks] == list(
        np.cumsum([0] + [len(b.samples) for b in blocks[:-1]])
    )
    played = np.concatenate([b.samples for b in blocks])
    assert np.array_equal(played, recording.read(0, recording.count))
    assert 0 < np.abs(played).max() <= recording.full_scale


def test_source_loops_the_longest_segment_in_twelve_bits(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    captures = [
        {"core:sample_start": 0, "core:frequency": 1e9},
        {"core:sample_start": 16, "core:frequency": 2e9},
        {"core:sample_start": 64, "core:frequency": 3e9},
    ]
    source = RecordingSource(ramp(tmp_path / "cap", 70, captures=captures))
    heard = source.read(40, 100, 2e9, 1e6)
    assert heard.dtype == np.int16
    assert np.array_equal(heard[:, 0], np.rint((16 + np.arange(40, 140) % 48) / 16))
    assert not caplog.records
    source.read(0, 1, 2.4e9, 4e6)
    source.read(1, 1, 2.4e9, 4e6)
    assert [record.getMessage() for record in caplog.records] == [
        "cap.sigmf-data was recorded at 1 MS/s and is played at 4 MS/s: all bandwidths scale by 4",
        "cap.sigmf-data was recorded at 2000 MHz and is played as if at 2400 MHz",
    ]
