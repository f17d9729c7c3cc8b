"""The floor of free space: recording stops before the disk is full, and the stream goes on."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sigmf.sigmffile import fromfile

from radiofm.bus import Publisher, Subscriber
from radiofm.errors import RecordingError
from radiofm.record_options import Split
from radiofm.recording import Recording
from radiofm.settings import CaptureSettings
from radiofm.wire import IqHeader, StatusHeader
from radiofm_capture.daemon import CaptureDaemon
from radiofm_capture.device import Block, Tuning
from radiofm_capture.disk import DiskThread
from radiofm_capture.forecast import forecast
from radiofm_capture.recorder import Recorder
from radiofm_capture.repair import repair
from radiofm_capture.space import DiskSpace, delete_oldest

TUNING = Tuning(2.44e9, 1e6, 1e6)
MB = 10**6


class Counting:
    """A device that gives blocks of 50,000 samples, sample i is (i, -i), as fast as they go."""

    def __init__(self, blocks: int, pause_s: float = 0.0) -> None:
        self._left, self._index, self._pause_s = blocks, 0, pause_s

    def start(self) -> None: ...

    def read(self) -> Block | None:
        if not self._left:
            return None
        time.sleep(self._pause_s)
        self._left -= 1
        ramp = np.arange(self._index, self._index + 50_000).astype(np.int16)
        block = Block(
            np.stack([ramp, -ramp], axis=1), self._index, time.time_ns(), "host", TUNING,
            new_stream=self._index == 0,
        )  # fmt: skip
        self._index += 50_000
        return block

    def stop(self) -> None: ...

    def close(self) -> None: ...


def write(recorder: Recorder, blocks: int) -> None:
    device = Counting(blocks)
    while block := device.read():
        recorder.write(block)


def finished(folder: Path, name: str, **more: Any) -> Path:
    """A recording of 0.4 MB."""
    with Recorder(folder / name, **more) as recorder:
        write(recorder, 2)
    return recorder.paths[0]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a disk of 24 MB needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_recording_stops_at_the_floor_and_the_stream_goes_on(
    small_disk: Path, tmp_path: Path
) -> None:
    publisher = Publisher(f"ipc://{tmp_path}/iq", message_bytes=64_000, lossless=True)
    subscriber = Subscriber([publisher.endpoint], ["iq", "status"], message_bytes=64_000)
    assert publisher.wait_for_subscribers("iq", 1, 5)
    recorder = Recorder(small_disk / "cap", space=DiskSpace(small_disk, 4 * MB))
    daemon = CaptureDaemon(Counting(200, 0.01), publisher, DiskThread(recorder, wait=True))
    heard, said = 0, []
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(daemon.run)
        while message := subscriber.receive(5):
            header = message.header
            if isinstance(header, IqHeader):
                heard += header.sample_count
            elif isinstance(header, StatusHeader):
                said.append((header.state, header.gauges["recording"], header.note))
                if header.state == "ended":
                    break
        with pytest.raises(RecordingError, match="the floor is 4 MB: make room") as stopped:
            run.result()
    publisher.close()
    subscriber.close()
    assert heard == 200 * 50_000  # 40 MB, on a disk of 24
    sentence = str(stopped.value)
    assert ("running", 1.0, "") in said and ("running", 0.0, sentence) in said
    assert said[-1] == ("ended", 0.0, sentence)
    assert shutil.disk_usage(small_disk).free >= 4 * MB
    assert 18 * MB < recorder.bytes_written < 21 * MB
    check_counts(small_disk / "cap", recorder.samples)


def check_counts(base: Path, count: int) -> None:
    fromfile(base).validate()
    recording = Recording.open(base, verify=True)
    ramp = np.arange(count).astype(np.int16)
    assert np.array_equal(recording.read(0, recording.count), np.stack([ramp, -ramp], axis=1))


def test_a_disk_that_is_full_anyhow_leaves_a_valid_file(small_disk: Path) -> None:
    filler = small_disk / "filler"

    class Racing(DiskSpace):
        def claim(self, size: int) -> None:
            """Another program takes the room between the look and the write."""
            super().claim(size)
            if recorder.samples == 1_000_000:
                filler.write_bytes(bytes(self.free() - 100_000))

    recorder = Recorder(small_disk / "cap", space=Racing(small_disk))
    with pytest.raises(RecordingError, match="No space left on device: make room"):
        write(recorder, 200)
    assert 1_000_000 <= recorder.samples < 1_050_000
    check_counts(small_disk / "cap", recorder.samples)


def test_the_command_says_that_the_recording_stopped(small_disk: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "radiofm", "capture", "--device", "sim", "--scene", "quiet",
         "--speed", "max", "--rate", "2M", "--duration", "3s", "--publish", "none",
         "--record", str(small_disk), "--disk-floor", "4MB", "--disk-full", "delete-oldest",
         "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "nothing is left that may be deleted" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    report = json.loads(done.stdout)
    assert report["samples_received"] == 6_000_000 > report["samples_recorded"] > 4_000_000
    assert report["recording_stopped"] in done.stderr
    assert report["recording_bytes_per_hour"] == 2e6 * 4 * 3600
    assert report["recording_disk_lasts_s"] == pytest.approx((24 * 2**20 - 4e6) / 8e6, abs=0.1)
    Recording.open(*map(Path, report["recordings"]), verify=True)


def test_a_write_that_fails_leaves_the_rest_to_repair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(tmp_path / "cap")

    def broken(file: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fdatasync", broken)
    monkeypatch.setattr("radiofm_capture.sigmf_writer.SYNC_BYTES", 1)
    with pytest.raises(RecordingError, match=r"Input/output error.*radiofm corpus repair"):
        write(recorder, 4)
    assert [done.action for done in repair(tmp_path)] == ["restored"]
    check_counts(tmp_path / "cap", 100_000)


class Small(DiskSpace):
    """A disk of 2 MB, of which the recordings' data are all."""

    def __init__(self, folder: Path, **more: Any) -> None:
        super().__init__(folder, **more)
        self._place = folder

    def free(self) -> int:
        return 2 * MB - sum(path.stat().st_size for path in self._place.glob("*.sigmf-data"))


def test_the_oldest_go_first_with_their_entries(tmp_path: Path) -> None:
    space = Small(tmp_path, floor_bytes=MB, when_full="delete-oldest")
    recorder = Recorder(tmp_path / "cap", split=Split("bytes", 400_000), space=space)
    with recorder:
        write(recorder, 10)  # 2 MB
    assert recorder.samples == 500_000
    assert [path.stem for path in recorder.paths] == ["cap-4", "cap-5"]
    assert space.free() >= MB
    assert not list(tmp_path.glob("cap.sigmf-data")) + list(tmp_path.glob("cap-3.*"))
    streams = json.loads((tmp_path / "cap.sigmf-collection").read_text())["collection"]
    assert [stream["name"] for stream in streams["core:streams"]] == ["cap-4", "cap-5"]
    assert delete_oldest(tmp_path) > 400_000
    streams = json.loads((tmp_path / "cap.sigmf-collection").read_text())["collection"]
    assert [stream["name"] for stream in streams["core:streams"]] == ["cap-5"]
    assert delete_oldest(tmp_path) > 400_000
    assert list(tmp_path.iterdir()) == []
    assert delete_oldest(tmp_path) == 0


def test_what_is_kept_foreign_or_open_is_never_deleted(tmp_path: Path) -> None:
    finished(tmp_path, "kept")
    (tmp_path / "kept.keep").touch()
    foreign = finished(tmp_path, "foreign")
    foreign.write_text(foreign.read_text().replace("radiofm 0", "another 0"))
    (tmp_path / "junk.sigmf-meta").write_text("{")
    with Recorder(tmp_path / "open") as recorder:
        write(recorder, 1)
        before = sorted(tmp_path.iterdir())
        assert delete_oldest(tmp_path) == 0
        assert sorted(tmp_path.iterdir()) == before


def test_space_that_is_freed_late_costs_one_recording(tmp_path: Path) -> None:
    for number in range(4):
        os.utime(finished(tmp_path, f"cap{number}"), (number, number))

    class Late(DiskSpace):
        def free(self) -> int:
            return MB

    space = Late(tmp_path, floor_bytes=MB, when_full="delete-oldest")
    for _ in range(100):
        space.claim(4_000)  # 0.4 MB in all
    assert sorted(path.stem for path in tmp_path.glob("*.sigmf-data")) == ["cap1", "cap2", "cap3"]


def test_a_recording_that_will_not_fit_is_refused_before_it_begins(tmp_path: Path) -> None:
    wanted = CaptureSettings(device="sim", record=tmp_path, rate=1e6, duration=1.0, disk_floor=MB)
    space = Small(tmp_path, floor_bytes=MB)
    ahead = forecast(wanted, space)
    assert (ahead.bytes_per_hour, ahead.lasts_s, ahead.duration_s) == (14.4e9, 0.25, 1.0)
    with pytest.raises(RecordingError, match="will not fit: recording takes 14.4 GB an hour, 4 MB"):
        ahead.check()
    dataclasses.replace(ahead, deletes=True).check()
    dataclasses.replace(ahead, duration_s=0.25).check()
    assert "0.2 s, down to its floor of 1 MB" in str(ahead)


def test_the_forecast_of_a_replay_is_that_of_its_recording(tmp_path: Path) -> None:
    path = finished(tmp_path, "cap")
    wanted = CaptureSettings(device="replay", path=path, record=tmp_path, loops=3, duration=9.0)
    ahead = forecast(wanted, DiskSpace(tmp_path))
    assert ahead.bytes_per_hour == 14.4e9
    assert ahead.duration_s == pytest.approx(0.3)
