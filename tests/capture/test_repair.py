"""A recording that is cut off at any byte becomes valid: an exact prefix, every gap, no more."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sigmf.sigmffile import fromfile

from radiofm.errors import RecordingError
from radiofm.recording import Recording
from radiofm.settings import CaptureSettings
from radiofm.sigmf_meta import Meta, read_meta
from radiofm.wire import Loss
from radiofm_capture.device import Block, Tuning
from radiofm_capture.prepare import prepare_recording
from radiofm_capture.recorder import Recorder
from radiofm_capture.repair import Repair, repair

TUNING = Tuning(2.44e9, 1e6, 0.8e6, gain_db=40.5, hardware="a radio")
FRAME = 4  # bytes a sample
SUFFIXES = (".sigmf-data", ".sigmf-journal", ".sigmf-meta.part")

Step = tuple[int, int, bool]  # samples, lost before, new stream


def blocks_of(steps: list[Step]) -> list[Block]:
    blocks: list[Block] = []
    index = 0
    for number, (count, lost, fresh) in enumerate(steps):
        fresh = fresh or number == 0
        index = 0 if fresh else index + lost
        losses = (Loss(samples=lost, exact=number % 2 == 0, stage="device"),) if lost else ()
        samples = np.random.default_rng(number).integers(-2048, 2048, (count, 2)).astype("<i2")
        time_ns = number * 10**9 + 1
        tuning = dataclasses.replace(TUNING, gain_db=float(number)) if fresh else blocks[-1].tuning
        losses = () if fresh else losses
        blocks.append(Block(samples, index, time_ns, "host", tuning, losses, fresh))
        index += count
    return blocks


def cut_off(blocks: list[Block], folder: Path) -> Path:
    """The files of a recording as they are before it is finished."""
    with Recorder(folder / "whole" / "cap") as recorder:
        for block in blocks:
            recorder.write(block)
        shutil.copytree(folder / "whole", folder / "cut")
    return folder / "cut" / "cap"


def expected(blocks: list[Block], folder: Path) -> Meta:
    """The metadata of a recording of these blocks that nothing cut off."""
    with Recorder(folder / "cap") as recorder:
        for block in blocks:
            recorder.write(block)
    return read_meta(recorder.paths[0])


STEPS = st.lists(
    st.tuples(
        st.integers(1, 50), st.sampled_from([0, 0, 7]), st.sampled_from([False, False, True])
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(STEPS, st.data())
def test_cut_at_any_byte_an_exact_prefix_is_left(steps: list[Step], data: st.DataObject) -> None:
    blocks = blocks_of(steps)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        base = cut_off(blocks, folder)
        data_path, journal_path, _ = (Path(f"{base}{suffix}") for suffix in SUFFIXES)
        lines = journal_path.read_bytes().splitlines(keepends=True)
        journal_end = data.draw(st.integers(0, sum(map(len, lines))), "journal")
        data_end = data.draw(st.integers(0, data_path.stat().st_size), "data")
        for path, end in ((journal_path, journal_end), (data_path, data_end)):
            with path.open("r+b") as file:
                file.truncate(end)
        line_ends = np.cumsum([len(line) for line in lines])
        block_ends = np.cumsum([len(block.samples) * FRAME for block in blocks])
        told = max(0, int((line_ends <= journal_end).sum()) - 1)
        kept = blocks[: min(told, int((block_ends <= data_end).sum()))]

        (done,) = repair(base.parent)

        if journal_end < line_ends[0] and data_end:  # nothing says what the data are
            assert done.action == "failed" and data_path.stat().st_size == data_end
            return
        assert repair(base.parent) == []
        if not kept:
            assert done.action == "removed" and list(base.parent.iterdir()) == []
            return
        samples = np.concatenate([block.samples for block in kept])
        recording = Recording.open(base, verify=True)
        assert np.array_equal(recording.read(0, recording.count), samples)
        assert read_meta(base.with_suffix(".sigmf-meta")) == expected(kept, folder / "again")
        assert done == Repair(
            base.with_suffix(".sigmf-meta"), "restored", len(samples),
            len(recording.segments), data_end - len(samples) * FRAME,
        )  # fmt: skip
        assert sorted(path.suffix for path in base.parent.iterdir()) == [
            ".sigmf-data",
            ".sigmf-meta",
        ]


def test_a_restored_recording_is_valid_sigmf(tmp_path: Path) -> None:
    base = cut_off(blocks_of([(100, 0, True), (50, 30, False), (20, 0, True)]), tmp_path)
    with pytest.raises(RecordingError, match="open or was cut off: `radiofm corpus repair"):
        Recording.open(base)
    assert str(repair(base)[0]).endswith("cap.sigmf-meta: restored with 170 samples in 3 segments")
    fromfile(base).validate()


def test_damage_costs_what_follows_and_is_told(tmp_path: Path) -> None:
    blocks = blocks_of([(10, 0, True), (10, 5, False), (10, 0, False)])
    base = cut_off(blocks, tmp_path)
    data = bytearray(base.with_suffix(".sigmf-data").read_bytes())
    data[15 * FRAME] ^= 1
    base.with_suffix(".sigmf-data").write_bytes(data)
    (done,) = repair(base)
    assert (done.samples, done.captures, done.cut_bytes) == (10, 1, 20 * FRAME)
    assert Recording.open(base, verify=True).count == 10


def test_data_that_the_journal_does_not_know_are_not_touched(tmp_path: Path) -> None:
    base = cut_off(blocks_of([(10, 0, True)]), tmp_path)
    base.with_suffix(".sigmf-data").write_bytes(b"another recording's bytes" * 2)
    before = sorted((path, path.read_bytes()) for path in base.parent.iterdir())
    (done,) = repair(base)
    assert done.action == "failed" and "they are untouched" in str(done)
    assert sorted((path, path.read_bytes()) for path in base.parent.iterdir()) == before


def test_data_that_are_gone_are_asked_for(tmp_path: Path) -> None:
    base = cut_off(blocks_of([(10, 0, True)]), tmp_path)
    base.with_suffix(".sigmf-data").unlink()
    (done,) = repair(base)
    assert done.action == "failed" and "bring back" in done.reason
    assert base.with_suffix(".sigmf-journal").exists()


STEP_BY_STEP = """
import os, shutil, sys
from pathlib import Path
from radiofm_capture import repair as module
from radiofm_capture.repair import repair

folder, died = Path(sys.argv[1]), 0

def failing(call, name):
    def counted(*arguments, **keywords):
        global left
        left -= 1
        if left < 0:
            os._exit(9)
        return call(*arguments, **keywords)
    return counted

for step in range(100):
    shutil.copytree(folder / "cut", folder / "try")
    child = os.fork()
    if child == 0:
        left = step
        for name in ("fsync", "open", "unlink", "fdopen"):
            setattr(os, name, failing(getattr(os, name), name))
        for name in ("replace", "unlink", "exists", "open"):
            setattr(Path, name, failing(getattr(Path, name), name))
        repair(folder / "try")
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9)
    repair(folder / "try")
    files = {path.name: path.read_bytes() for path in (folder / "try").iterdir()}
    whole = files if step == 0 else whole
    assert files == whole, (step, sorted(files))
    shutil.rmtree(folder / "try")
    if code == 0:
        break
    died += 1
print(died)
"""


def test_repair_may_be_killed_at_every_step(tmp_path: Path) -> None:
    cut_off(blocks_of([(100, 0, True), (50, 30, False)]), tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", STEP_BY_STEP, tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10


def test_the_next_recording_in_the_folder_repairs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    base = cut_off(blocks_of([(100, 0, True)]), tmp_path)
    wanted = CaptureSettings(device="sim", record=base.parent, disk_floor=1)
    assert prepare_recording(wanted)
    assert "restored with 100 samples" in caplog.text and caplog.records[0].levelname == "WARNING"
    assert Recording.open(base).count == 100


def test_the_command_repairs_below_and_says_what_it_did(tmp_path: Path) -> None:
    cut_off(blocks_of([(100, 0, True), (50, 30, False)]), tmp_path)
    command = [sys.executable, "-m", "radiofm", "corpus", "repair", str(tmp_path)]
    first = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    report = json.loads(first.stdout)
    (done,) = report["repairs"]
    assert report["failed"] == 0
    assert done["action"] == "restored" and done["samples"] == 150 and done["captures"] == 2
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert again.stdout == f"{tmp_path}: nothing to repair\n"


def test_what_is_being_recorded_is_left_alone(tmp_path: Path) -> None:
    with Recorder(tmp_path / "cap") as recorder:
        recorder.write(blocks_of([(10, 0, True)])[0])
        (done,) = repair(tmp_path)
        assert done.action == "in use" and "is being recorded, left alone" in str(done)
    assert Recording.open(tmp_path / "cap").count == 10


def test_kills(kill: Callable[[int], int]) -> None:
    assert sum(kill(seed) for seed in range(5)) > 0
