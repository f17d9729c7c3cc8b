"""Files of one recording: split anywhere, nothing is lost at a seam, and all of them are found."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sigmf import SigMFCollection
from sigmf.sigmffile import fromfile

from radiofm.errors import UsageError
from radiofm.record_options import Split, check_name, parse_split
from radiofm.recording import Recording, open_recordings
from radiofm.segment import Segment
from radiofm.sigmf_meta import read_meta
from radiofm.wire import Loss
from radiofm_capture.device import Block, Tuning
from radiofm_capture.names import TemplateName
from radiofm_capture.recorder import Recorder

TUNING = Tuning(2.44e9, 1000.0, 1000.0, gain_mode="slow_attack")
DAY = 1_769_904_000 * 10**9  # 2026-02-01T00:00:00Z

Step = tuple[int, int, bool]  # samples, lost before, new stream


def blocks_of(steps: list[Step]) -> list[Block]:
    blocks: list[Block] = []
    index, tuning = 0, TUNING
    for number, (count, lost, fresh) in enumerate(steps):
        fresh = fresh or number == 0
        if fresh:
            index, lost = 0, 0
            tuning = replace(TUNING, center_frequency_hz=2.4e9 + 1e6 * number)
        losses = (Loss(samples=lost, exact=True, stage="link"),) if lost else ()
        index += lost
        samples = np.random.default_rng(number).integers(-2048, 2048, (count, 2)).astype("<i2")
        time_ns = DAY + index * 10**6
        blocks.append(Block(samples, index, time_ns, "host", tuning, losses, fresh))
        index += count
    return blocks


def record(folder: Path, blocks: list[Block], split: Split | None) -> list[Recording]:
    with Recorder(folder / "cap", split=split) as recorder:
        for block in blocks:
            recorder.write(block)
    assert recorder.samples == sum(len(block.samples) for block in blocks)
    assert recorder.bytes_written == 4 * recorder.samples
    return [Recording.open(path, verify=True) for path in recorder.paths]


def joined(files: list[Recording]) -> list[Segment]:
    """The segments as if nothing had been split."""
    found: list[Segment] = []
    for file in files:
        for segment in file.segments:
            segment = replace(segment, start=segment.start + file.info.core_offset)
            last = found[-1] if found else None
            if last and segment == _follower(last, segment.count, segment.new_stream):
                found[-1] = replace(last, count=last.count + segment.count)
            else:
                found.append(segment)
    return [replace(segment, new_stream=True) for segment in found]


def _follower(last: Segment, count: int, new_stream: bool) -> Segment:
    """What goes on without a gap after a segment."""
    assert last.time_ns is not None
    return replace(
        last,
        start=last.start + last.count,
        global_index=last.global_index + last.count,
        time_ns=last.time_ns + last.count * 10**6,
        count=count,
        lost=(),
        new_stream=new_stream,
    )


STEPS = st.lists(
    st.tuples(
        st.integers(1, 60), st.sampled_from([0, 0, 9]), st.sampled_from([False] * 3 + [True])
    ),
    min_size=1,
    max_size=8,
)
SPLITS = st.one_of(
    st.integers(1, 90).map(lambda amount: Split("bytes", 9 * amount)),
    st.integers(9, 100).map(lambda amount: Split("seconds", amount / 1000)),
)


@settings(max_examples=25, deadline=None)
@given(STEPS, SPLITS)
def test_nothing_is_lost_at_a_seam(steps: list[Step], split: Split) -> None:
    blocks = blocks_of(steps)
    with tempfile.TemporaryDirectory() as name:
        (whole,) = record(Path(name) / "whole", blocks, None)
        files = record(Path(name) / "split", blocks, split)
        parts = [file.read(0, file.count) for file in files]
        assert np.array_equal(np.concatenate(parts), whole.read(0, whole.count))
        assert joined(files) == joined([whole])
        if split.unit == "bytes":
            sizes = [max(4, int(split.amount) // 4 * 4)] * (len(files) - 1)
            assert [4 * file.count for file in files[:-1]] == sizes
        else:
            spans = [f.segments[-1].global_index + f.segments[-1].count for f in files]
            begins = [f.segments[0].global_index for f in files]
            longest = max(end - begin for begin, end in zip(begins, spans, strict=True))
            assert longest <= round(split.amount * 1000)


def test_the_files_of_a_recording_are_a_collection(tmp_path: Path) -> None:
    files = record(tmp_path, blocks_of([(100, 0, True)]), Split("bytes", 160))
    metas = [read_meta(file.path.with_suffix(".sigmf-meta")) for file in files]
    assert [meta.info.core_offset for meta in metas] == [0, 40, 80]
    assert [meta.captures[0].core_sample_start for meta in metas] == [0, 40, 80]
    assert [meta.captures[0].core_global_index for meta in metas] == [0, 40, 80]
    assert {meta.info.core_collection for meta in metas} == {"cap"}
    keys = json.loads((tmp_path / "cap.sigmf-collection").read_text())
    collection = SigMFCollection(metadata=keys, base_path=tmp_path)  # it checks the hashes
    assert collection.get_stream_names() == ["cap", "cap-2", "cap-3"]
    opened = open_recordings(tmp_path / "cap.sigmf-collection")
    assert [file.path for file in opened] == [file.path for file in files]
    for file in files:
        fromfile(file.path).validate()
    assert len(list(tmp_path.iterdir())) == 7


def test_a_label_across_a_seam_is_in_both_files(tmp_path: Path) -> None:
    with Recorder(tmp_path / "cap", split=Split("bytes", 200)) as recorder:
        recorder.annotate(40, 20, "across")
        recorder.write(blocks_of([(100, 0, True)])[0])
    found = [
        [(a.core_sample_start, a.core_sample_count) for a in Recording.open(path).annotations]
        for path in recorder.paths
    ]
    assert found == [[(40, 10)], [(50, 10)]]


def test_each_stream_is_a_recording_named_by_its_tuning(tmp_path: Path) -> None:
    name = TemplateName(tmp_path, "{utc}_{device}_{fc}_{rate}_{gain}_{n:02d}", "sim")
    steps = [(10, 0, True), (10, 5, False), (20, 0, True), (30, 0, True)]
    with Recorder(name, split=Split("stream")) as recorder:
        for block in blocks_of(steps):
            recorder.write(block)
    assert [path.stem for path in recorder.paths] == [
        "20260201T000000Z_sim_2400MHz_0.001MSps_slow_attack_01",
        "20260201T000000Z_sim_2402MHz_0.001MSps_slow_attack_02",
        "20260201T000000Z_sim_2403MHz_0.001MSps_slow_attack_03",
    ]
    files = [Recording.open(path) for path in recorder.paths]
    assert [file.count for file in files] == [20, 20, 30]
    assert all(file.info.core_offset == 0 for file in files)
    assert [file.segments[0].global_index for file in files] == [0, 0, 0]


def test_a_name_that_is_taken_gets_a_number(tmp_path: Path) -> None:
    for _ in range(3):
        with Recorder(TemplateName(tmp_path, "{fc}", "sim")) as recorder:
            recorder.write(blocks_of([(5, 0, True)])[0])
    found = sorted(path.stem for path in tmp_path.glob("*.sigmf-meta"))
    assert found == ["2400MHz", "2400MHz_2", "2400MHz_3"]


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("10m", Split("seconds", 600)),
        ("1:00:00", Split("seconds", 3600)),
        ("1GB", Split("bytes", 1e9)),
        ("500 kB", Split("bytes", 500e3)),
        ("stream", Split("stream")),
    ],
)
def test_a_split_is_a_time_a_size_or_a_stream(text: str, split: Split) -> None:
    assert parse_split(text) == split


@pytest.mark.parametrize("text", ["10M", "1G", "often", "-1s", "0B", ""])
def test_other_splits_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=f"split '{text}'"):
        parse_split(text)


def test_templates_are_checked() -> None:
    assert check_name("{utc}_{n:03d}") == "{utc}_{n:03d}"
    with pytest.raises(UsageError, match=r"name has no field \{place\}: there are \{utc\}, "):
        check_name("{utc}_{place}")
    for wrong in ("{utc", "{fc:d}", "../{utc}", "", "{}", ".{utc}"):
        with pytest.raises(UsageError, match="name "):
            check_name(wrong)
