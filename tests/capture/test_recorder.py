"""The recorder: what it writes is valid SigMF, tells every loss, and survives a full disk."""

import hashlib
import json
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from radiofm import __version__
from radiofm.errors import RecordingError
from radiofm.recording import Recording
from radiofm.wire import Loss
from radiofm_capture.device import Block, Tuning
from radiofm_capture.recorder import Recorder

TUNING = Tuning(2.44e9, 1e6, 0.8e6, gain_db=40.5, hardware="a radio")
T0 = 1_769_904_000_123_456_789  # 2026-02-01T00:00:00.123456789Z


def counts(first: int, count: int) -> npt.NDArray[np.int16]:
    """Sample i is (i, -i)."""
    ramp = np.arange(first, first + count).astype(np.int16)
    return np.stack([ramp, -ramp], axis=1)


def block(index: int, count: int, tuning: Tuning = TUNING, **fields: Any) -> Block:
    return Block(counts(index, count), index, T0 + 1000 * index, "host", tuning, **fields)


def keys(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def sigmf_validate(*paths: Path) -> None:
    script = Path(sys.executable).with_name("sigmf_validate")
    done = subprocess.run([script, *paths], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # it passes over undeclared extensions with a warning


def test_metadata_says_all_that_is_known(tmp_path: Path) -> None:
    lost = Loss(samples=50, exact=False, stage="device")
    with Recorder(tmp_path / "new" / "cap_2.44", "a test") as recorder:
        recorder.write(block(0, 100, new_stream=True))
        recorder.write(block(100, 100))
        recorder.write(block(250, 100, lost=(lost,)))
        recorder.write(block(0, 100, replace(TUNING, gain_db=30.0), new_stream=True))
    meta = tmp_path / "new" / "cap_2.44.sigmf-meta"
    assert recorder.paths == [meta]
    assert recorder.samples == 400 and recorder.bytes_written == 1600
    sigmf_validate(meta)
    found = keys(meta)
    data = meta.with_suffix(".sigmf-data").read_bytes()
    assert found["global"] == {
        "core:datatype": "ci16_le",
        "core:version": "1.2.6",  # of the specification, not of the library
        "core:sample_rate": 1e6,
        "core:num_channels": 1,
        "core:offset": 0,
        "core:hw": "a radio",
        "core:recorder": f"radiofm {__version__}",
        "core:description": "a test",
        "core:sha512": hashlib.sha512(data).hexdigest(),
        "core:extensions": [{"name": "radiofm", "version": __version__, "optional": True}],
        "radiofm:full_scale": 2048.0,
    }
    first, gap, gain = found["captures"]
    assert first == {
        "core:sample_start": 0,
        "core:global_index": 0,
        "core:frequency": 2.44e9,
        "core:datetime": "2026-02-01T00:00:00.123456789Z",
        "radiofm:bandwidth_hz": 0.8e6,
        "radiofm:gain_db": 40.5,
        "radiofm:gain_mode": "manual",
        "radiofm:time_quality": "host",
        "radiofm:stream": 0,
        "radiofm:lost": [],
    }
    assert (gap["core:sample_start"], gap["core:global_index"]) == (200, 250)
    assert gap["core:datetime"] == "2026-02-01T00:00:00.123706789Z"
    assert gap["radiofm:lost"] == [
        {"samples": 50, "exact": False, "stage": "device", "untaken": False}
    ]
    assert (gain["core:sample_start"], gain["core:global_index"]) == (300, 350)
    assert (gain["radiofm:gain_db"], gain["radiofm:stream"]) == (30.0, 1)
    assert not list(meta.parent.glob("*.part"))


def test_a_hole_that_no_block_declares_was_lost_at_the_disk(tmp_path: Path) -> None:
    with Recorder(tmp_path / "cap") as recorder:
        recorder.write(block(0, 100))
        recorder.write(block(175, 10, lost=(Loss(samples=25, exact=True, stage="link"),)))
    lost = keys(recorder.paths[0])["captures"][1]["radiofm:lost"]
    assert lost == [
        {"samples": 25, "exact": True, "stage": "link", "untaken": False},
        {"samples": 50, "exact": True, "stage": "disk", "untaken": False},
    ]


def test_many_losses_in_one_gap_are_one_a_kind(tmp_path: Path) -> None:
    estimate = Loss(samples=7, exact=False, stage="device")
    missed = Loss(samples=10, exact=True, stage="disk")
    with Recorder(tmp_path / "cap") as recorder:
        recorder.write(block(0, 100))
        recorder.write(block(1207, 10, lost=(estimate, *[missed] * 110)))
    assert Recording.open(recorder.paths[0]).segments[1].lost == (
        estimate,
        Loss(samples=1100, exact=True, stage="disk"),
    )


def test_a_recording_begun_in_the_middle_of_a_stream_has_lost_nothing(tmp_path: Path) -> None:
    with Recorder(tmp_path / "cap") as recorder:
        recorder.write(block(7000, 10))
        recorder.write(block(7010, 10))
    (capture,) = keys(recorder.paths[0])["captures"]
    assert capture["core:global_index"] == 7000 and capture["radiofm:lost"] == []


def test_what_is_said_once_a_file_begins_a_new_file(tmp_path: Path) -> None:
    floats = replace(TUNING, sample_rate_hz=2e6, datatype="cf32_le", full_scale=1.0)
    with Recorder(tmp_path / "cap") as recorder:
        recorder.write(block(0, 10))
        recorder.write(block(0, 10, replace(TUNING, sample_rate_hz=2e6), new_stream=True))
        recorder.write(Block(np.full((5, 2), 0.5, np.float32), 0, T0, "host", floats))
    assert [path.stem for path in recorder.paths] == ["cap", "cap-2", "cap-3"]
    sigmf_validate(*recorder.paths)
    opened = [Recording.open(path) for path in recorder.paths]
    assert [r.sample_rate_hz for r in opened] == [1e6, 2e6, 2e6]
    assert [r.full_scale for r in opened] == [2048.0, 2048.0, 1.0]
    assert [r.count for r in opened] == [10, 10, 5]
    assert opened[2].read(0, 5).dtype == np.float32
    assert recorder.samples == 25 and recorder.bytes_written == 120


def test_annotations_are_sorted_placed_in_the_file_and_cut_at_gaps(tmp_path: Path) -> None:
    with Recorder(tmp_path / "cap") as recorder:
        recorder.annotate(10, 20, "early", band_hz=(2.4398e9, 2.4401e9), comment="before")
        recorder.write(block(0, 100, new_stream=True))
        recorder.write(block(150, 100, lost=(Loss(samples=50, exact=True, stage="device"),)))
        recorder.annotate(90, 100, "across")
        recorder.annotate(110, 20, "lost")
        recorder.write(block(0, 100, new_stream=True))
        recorder.annotate(50, 1000, "to the end")
        recorder.annotate(0, 10, "retuned")
    sigmf_validate(recorder.paths[0])
    found = [
        (a["core:label"], a["core:sample_start"], a["core:sample_count"])
        for a in keys(recorder.paths[0])["annotations"]
    ]
    assert found == [("early", 10, 20), ("across", 90, 50), ("retuned", 200, 10)] + [
        ("to the end", 250, 50)
    ]
    early = Recording.open(recorder.paths[0]).annotations[0]
    assert early.core_freq_lower_edge == 2.4398e9 and early.core_freq_upper_edge == 2.4401e9
    assert early.core_comment == "before" and early.core_generator == f"radiofm {__version__}"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "cap.sigmf-data").write_bytes(b"kept")
    with pytest.raises(RecordingError, match=r"cap\.sigmf-data exists: choose another name"):
        Recorder(tmp_path / "cap.sigmf-meta")
    assert (tmp_path / "cap.sigmf-data").read_bytes() == b"kept"


def test_nothing_written_leaves_no_file(tmp_path: Path) -> None:
    with Recorder(tmp_path / "cap") as recorder:
        recorder.write(block(0, 0))
    assert recorder.paths == [] and recorder.samples == 0
    assert list(tmp_path.iterdir()) == []


def test_an_ended_recording_takes_no_more(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "cap")
    recorder.write(block(0, 10))
    recorder.close()
    recorder.close()
    with pytest.raises(RecordingError, match="has ended"):
        recorder.write(block(10, 10))
    assert Recording.open(recorder.paths[0]).count == 10


def test_going_back_in_a_stream_is_refused_and_what_came_before_is_kept(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "cap")
    recorder.write(block(0, 100))
    with pytest.raises(RecordingError, match="a block at sample 90 was already counted"):
        recorder.write(block(90, 10))
    assert Recording.open(tmp_path / "cap").count == 100


def test_a_full_disk_ends_the_recording_with_whole_samples(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "cap")
    size = 300_001  # bytes a file may have: not a whole number of samples
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        with pytest.raises(RecordingError, match="ended after 75000 samples: File too large"):
            for at in range(0, 100_000, 1000):
                recorder.write(block(at, 1000) if at else block(0, 1000, new_stream=True))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    sigmf_validate(recorder.paths[0])
    kept = Recording.open(recorder.paths[0])
    assert kept.count == recorder.samples == 75_000
    assert np.array_equal(kept.read(0, 75_000), counts(0, 75_000))


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    recorder = Recorder(tmp_path / "file" / "cap")
    with pytest.raises(RecordingError, match="ended after 0 samples"):
        recorder.write(block(0, 10))
    assert recorder.paths == []


def test_free_bytes_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert Recorder(tmp_path / "a" / "b" / "cap").free_bytes() > 0
