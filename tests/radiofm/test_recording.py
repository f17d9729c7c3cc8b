"""Recordings: every format to the bit, and one sentence for each thing that can be wrong."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofm.errors import RecordingError
from radiofm.raw_source import SUFFIXES
from radiofm.recording import Recording
from radiofm.sigmf_meta import format_time, parse_time
from radiofm.wire import Loss

ALL_BYTES = bytes(range(256))


def sigmf_pair(base: Path, data: bytes, captures: Any = None, **info: Any) -> Path:
    base.with_suffix(".sigmf-data").write_bytes(data)
    meta = {
        "global": {"core:datatype": "ci8", "core:version": "1.2.0", "core:sample_rate": 1e6}
        | {f"core:{key}": value for key, value in info.items()},
        "captures": [{"core:sample_start": 0}] if captures is None else captures,
        "annotations": [],
    }
    path = base.with_suffix(".sigmf-meta")
    path.write_text(json.dumps(meta))
    return path


@pytest.mark.parametrize(
    ("suffix", "data", "expected", "full_scale"),
    [
        (".cu8", bytes([0, 255, 127, 128]), [[-255, 255], [-1, 1]], 255.0),
        (".cs8", bytes([0, 127, 128, 255]), [[0, 127], [-128, -1]], 128.0),
        (".cs16", b"\x00\x80\xff\x7f\x01\x00\xff\xff", [[-32768, 32767], [1, -1]], 32768.0),
        (".cf32", b"\x00\x00\x80\x3f\x00\x00\x00\xbf", [[1.0, -0.5]], 1.0),
        (".cfile", b"\x00\x00\x80\x3f\x00\x00\x00\xbf", [[1.0, -0.5]], 1.0),
        (".complex64", b"\x00\x00\x80\x3f\x00\x00\x00\xbf", [[1.0, -0.5]], 1.0),
        (".FC32", b"\x00\x00\x80\x3f\x00\x00\x00\xbf", [[1.0, -0.5]], 1.0),
    ],
)
def test_raw_files(
    tmp_path: Path, suffix: str, data: bytes, expected: list[list[float]], full_scale: float
) -> None:
    path = tmp_path / f"cap{suffix}"
    path.write_bytes(data)
    recording = Recording.open(path, sample_rate_hz=2e6, center_frequency_hz=433.92e6)
    samples = recording.read(0, recording.count)
    assert samples.tolist() == expected
    assert samples.dtype == (np.float32 if recording.wire_datatype == "cf32_le" else np.int16)
    assert recording.full_scale == full_scale
    assert recording.datatype == SUFFIXES[suffix.lower()]
    assert recording.sample_rate_hz == 2e6
    (segment,) = recording.segments
    assert (segment.start, segment.count, segment.global_index) == (0, len(expected), 0)
    assert segment.center_frequency_hz == 433.92e6
    assert segment.new_stream and segment.lost == ()


@pytest.mark.parametrize("datatype", ["cs16", "ci16", "ci16_le"])
def test_an_ambiguous_suffix_takes_the_datatype_given(tmp_path: Path, datatype: str) -> None:
    path = tmp_path / "cap.iq"
    path.write_bytes(b"\x01\x00\x02\x00")
    recording = Recording.open(path, datatype=datatype, sample_rate_hz=1e6)
    assert recording.read(0, 1).tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("datatype", "data", "expected"),
    [
        ("cu8", ALL_BYTES, [[2 * i - 255, 2 * i - 253] for i in range(0, 256, 2)]),
        ("ci16_be", b"\x01\x02\xff\xfe", [[258, -2]]),
        ("cf32_be", b"\x3f\x80\x00\x00\xbf\x00\x00\x00", [[1.0, -0.5]]),
    ],
)
def test_sigmf_datatypes(
    tmp_path: Path, datatype: str, data: bytes, expected: list[list[float]]
) -> None:
    recording = Recording.open(sigmf_pair(tmp_path / "cap", data, datatype=datatype))
    assert recording.read(0, recording.count).tolist() == expected


def test_any_of_the_three_names_opens_a_pair(tmp_path: Path) -> None:
    sigmf_pair(tmp_path / "cap", ALL_BYTES)
    for name in ("cap", "cap.sigmf-meta", "cap.sigmf-data"):
        recording = Recording.open(tmp_path / name)
        assert recording.count == 128
        assert recording.path == tmp_path / "cap.sigmf-data"


def test_full_scale_is_the_recordings_own(tmp_path: Path) -> None:
    path = sigmf_pair(tmp_path / "cap", ALL_BYTES, datatype="ci16_le")
    assert Recording.open(path).full_scale == 32768.0
    path.write_text(
        path.read_text().replace('"global": {', '"global": {"radiofm:full_scale": 2048,')
    )
    assert Recording.open(path).full_scale == 2048.0


def test_what_the_metadata_lacks_is_filled_in_and_what_it_says_stands(tmp_path: Path) -> None:
    captures = [{"core:sample_start": 0}, {"core:sample_start": 5, "core:frequency": 1e9}]
    path = sigmf_pair(tmp_path / "cap", ALL_BYTES, captures)
    recording = Recording.open(path, sample_rate_hz=5e6, center_frequency_hz=2e9)
    assert recording.sample_rate_hz == 1e6
    assert [s.center_frequency_hz for s in recording.segments] == [2e9, 1e9]


def test_segments_tile_the_file_and_tell_gaps_and_streams(tmp_path: Path) -> None:
    captures = [
        {"core:sample_start": 3, "core:frequency": 1e9, "core:global_index": 100},
        {"core:sample_start": 10, "core:frequency": 1e9, "core:global_index": 150},
        {"core:sample_start": 20, "core:frequency": 1e9, "core:global_index": 150},
        {"core:sample_start": 20, "core:frequency": 1e9, "core:global_index": 160},
        {"core:sample_start": 30, "core:frequency": 2e9, "core:global_index": 170},
        {"core:sample_start": 40, "core:frequency": 2e9, "core:global_index": 5},
        {"core:sample_start": 128, "core:frequency": 2e9},
    ]
    recording = Recording.open(sigmf_pair(tmp_path / "cap", ALL_BYTES, captures))
    found = [(s.start, s.count, s.global_index, s.new_stream) for s in recording.segments]
    assert found == [
        (0, 3, 0, True),  # no capture speaks of it
        (3, 7, 100, True),
        (10, 10, 150, False),
        (20, 10, 160, False),
        (30, 10, 170, True),
        (40, 88, 5, True),  # the count went back: a restart
    ]
    lost = [sum(loss.samples for loss in s.lost) for s in recording.segments]
    assert lost == [0, 97, 43, 0, 0, 0]
    assert recording.segments[2].lost == (Loss(samples=43, exact=True, stage="device"),)


@pytest.mark.parametrize(
    "change",
    [
        {"core:frequency": 2e9},
        {"radiofm:bandwidth_hz": 5e5},
        {"radiofm:gain_db": 30.0},
        {"radiofm:gain_mode": "slow_attack"},
        {"radiofm:stream": 1},
    ],
)
def test_any_change_of_tuning_is_a_new_stream(tmp_path: Path, change: dict[str, Any]) -> None:
    before = {"core:sample_start": 0, "core:frequency": 1e9, "radiofm:gain_db": 20.0}
    captures = [
        before,
        before | {"core:sample_start": 9},
        before | {"core:sample_start": 20} | change,
    ]
    recording = Recording.open(sigmf_pair(tmp_path / "cap", ALL_BYTES, captures))
    assert [s.new_stream for s in recording.segments] == [True, False, True]


def test_a_declared_loss_that_contradicts_the_index_is_not_believed(tmp_path: Path) -> None:
    for declared, exact in ((50, False), (20, True)):
        entry = {"samples": declared, "exact": False, "stage": "link"}
        captures = [
            {"core:sample_start": 0},
            {"core:sample_start": 10, "core:global_index": 60, "radiofm:lost": [entry]},
        ]
        (loss,) = Recording.open(sigmf_pair(tmp_path / "c", ALL_BYTES, captures)).segments[1].lost
        assert (loss.samples, loss.exact) == (50, exact)


def test_a_split_recording_counts_from_its_offset(tmp_path: Path) -> None:
    captures = [{"core:sample_start": 1000}, {"core:sample_start": 1010}]
    path = sigmf_pair(tmp_path / "cap", ALL_BYTES, captures, offset=1000)
    found = [(s.start, s.count, s.global_index) for s in Recording.open(path).segments]
    assert found == [(0, 10, 1000), (10, 118, 1010)]


def test_no_captures_and_no_samples(tmp_path: Path) -> None:
    (segment,) = Recording.open(sigmf_pair(tmp_path / "cap", ALL_BYTES, [])).segments
    assert segment.count == 128
    empty = Recording.open(sigmf_pair(tmp_path / "empty", b""))
    assert empty.count == 0 and empty.segments == () and empty.read(0, 0).shape == (0, 2)


def test_the_data_is_not_read_into_memory_and_cannot_be_changed(tmp_path: Path) -> None:
    recording = Recording.open(sigmf_pair(tmp_path / "cap", ALL_BYTES, datatype="ci16_le"))
    base = recording.data
    while isinstance(base.base, np.ndarray):
        base = base.base
    assert isinstance(base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        recording.read(0, 2)[0, 0] = 1


@given(st.integers(0, 2**63 // 10**9 * 10**9))
def test_times_are_exact_to_the_nanosecond(time_ns: int) -> None:
    assert parse_time(format_time(time_ns)) == time_ns


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000_000),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1970-01-01t00:00:00.5z", 500_000_000),
        ("1970-01-01T00:00:00.1234567899Z", 123_456_789),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01 00:00:00", 0),
    ],
)
def test_times_of_others(text: str, time_ns: int) -> None:
    assert parse_time(text) == time_ns


def test_a_mislabelled_recording_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = hashlib.sha512(ALL_BYTES).hexdigest()
    assert Recording.open(sigmf_pair(tmp_path / "a", ALL_BYTES, sha512=good)).count == 128
    path = sigmf_pair(tmp_path / "b", ALL_BYTES[::-1], sha512=good)
    with pytest.raises(RecordingError, match="is not the data that its metadata describes"):
        Recording.open(path)
    assert Recording.open(path, verify=False).count == 128
    monkeypatch.setattr("radiofm.recording.CHECKED_BYTES", 255)
    assert Recording.open(path).count == 128
    with pytest.raises(RecordingError, match="SHA-512"):
        Recording.open(path, verify=True)


def fails(sentence: str, path: Path, **options: Any) -> None:
    with pytest.raises(RecordingError) as caught:
        Recording.open(path, **options)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files(tmp_path: Path) -> None:
    fails("no recording", tmp_path / "none")
    fails("no such file", tmp_path / "none.cu8", sample_rate_hz=1e6)
    fails("is a folder", tmp_path)
    (tmp_path / "a.sigmf").write_bytes(b"")
    fails("cannot be read as a SigMF archive", tmp_path / "a.sigmf")
    sigmf_pair(tmp_path / "cap", ALL_BYTES)
    (tmp_path / "cap.sigmf-data").rename(tmp_path / "alone.sigmf-data")
    fails(f"has no data: bring back {tmp_path}/cap.sigmf-data", tmp_path / "cap")
    fails("has no metadata: bring back", tmp_path / "alone.sigmf-data")


def test_raw_files_that_do_not_say_enough(tmp_path: Path) -> None:
    path = tmp_path / "cap.iq"
    path.write_bytes(ALL_BYTES)
    fails("the suffix '.iq' does not say the datatype", path, sample_rate_hz=1e6)
    fails("a raw file does not say its sample rate", path, datatype="cu8")
    fails("no usable sample rate (-1.0)", path, datatype="cu8", sample_rate_hz=-1.0)
    fails("datatype 'cs12' is not read", path, datatype="cs12", sample_rate_hz=1e6)


@pytest.mark.parametrize(
    ("sentence", "info"),
    [
        ("datatype 'rf32_le' is not read", {"datatype": "rf32_le"}),
        ("datatype 'ri16_le' is not read", {"datatype": "ri16_le"}),
        ("core:num_channels is 2", {"num_channels": 2}),
        ("no usable sample rate (None)", {"sample_rate": None}),
        ("core:sample_rate: Input should be greater than 0 (it is '0')", {"sample_rate": 0}),
        ("core:sample_rate: Input should be a valid number", {"sample_rate": "fast"}),
        ("is a non-conforming data set", {"dataset": "cap.wav"}),
        ("is a non-conforming data set", {"trailing_bytes": 4}),
    ],
)
def test_globals_that_cannot_be_used(tmp_path: Path, sentence: str, info: dict[str, Any]) -> None:
    fails(sentence, sigmf_pair(tmp_path / "cap", ALL_BYTES, **info))


@pytest.mark.parametrize(
    ("sentence", "captures"),
    [
        (
            "capture 1 begins at sample 3, before 9",
            [{"core:sample_start": 9}, {"core:sample_start": 3}],
        ),
        (
            "capture 1 begins at sample 129 but the data ends at 128",
            [{"core:sample_start": 0}, {"core:sample_start": 129}],
        ),
        ("captures.0.core:sample_start: Field required", [{}]),
        ("captures.0.core:sample_start", [{"core:sample_start": -1}]),
        ("must be a time such as", [{"core:sample_start": 0, "core:datetime": "yesterday"}]),
        ("core:datetime", [{"core:sample_start": 0, "core:datetime": "2026-02-30T00:00:00Z"}]),
        ("core:datetime", [{"core:sample_start": 0, "core:datetime": "1955-11-05T14:00:00Z"}]),
        ("is a non-conforming", [{"core:sample_start": 0, "core:header_bytes": 8}]),
    ],
)
def test_captures_that_cannot_be_used(tmp_path: Path, sentence: str, captures: Any) -> None:
    fails(sentence, sigmf_pair(tmp_path / "cap", ALL_BYTES, captures))


def test_broken_metadata(tmp_path: Path) -> None:
    path = sigmf_pair(tmp_path / "cap", ALL_BYTES)
    path.write_text('{"global": {')
    fails("cap.sigmf-meta is not valid JSON", path)
    path.write_text("[]")
    fails("cap.sigmf-meta", path)
    path.write_text("{}")
    fails("global: Field required", path)
    path.write_bytes(b"\xff\xfe{")
    fails("cap.sigmf-meta", path)


def test_a_truncated_file_names_the_bytes_too_many(tmp_path: Path) -> None:
    path = sigmf_pair(tmp_path / "cap", ALL_BYTES[:11], datatype="ci16_le")
    fails("3 bytes too many for whole ci16_le samples of 4 bytes", path)


def test_reading_past_the_end(tmp_path: Path) -> None:
    recording = Recording.open(sigmf_pair(tmp_path / "cap", ALL_BYTES))
    for start, count in ((-1, 2), (127, 2), (5, -1)):
        with pytest.raises(RecordingError, match="are not in it: 128 are"):
            recording.read(start, count)
