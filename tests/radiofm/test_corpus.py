"""Building and reading a corpus: one pass, nothing twice, nothing left out in silence."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from radiofm.corpus import Corpus
from radiofm.corpus import build as build_module
from radiofm.corpus.build import build
from radiofm.corpus.index import FILE, open_index
from radiofm.corpus.statistics import Statistics
from radiofm.errors import RecordingError, UsageError
from radiofm.spectrogram import Spectrogram, SpectrogramSpec

RATE = 1e6
SLICE = 16000
Noise = Callable[..., npt.NDArray[np.int16]]
Record = Callable[..., Path]


def test_slices_lie_within_segments_and_their_images_are_the_one_spectrograms(
    tmp_path: Path, record: Record, noise: Noise
) -> None:
    loud = noise(1, 2.5)
    loud[100] = (2047, 0)
    record(tmp_path / "day" / "gap", noise(0, 1.9), loud, lost=700)
    record(tmp_path / "float", noise(2, 1).astype(np.float32) / 2048, center=1e9)
    report = build(tmp_path)
    assert (report.recordings, report.read, report.unread) == (2, 2, {})
    corpus = Corpus.open(tmp_path)
    places = corpus.slices()
    names = [corpus.recordings[p.recording].path for p in places]
    assert names == ["day/gap.sigmf-data"] * 3 + ["float.sigmf-data"]
    # 1.9 slices, a gap, 2.5 slices: one whole slice, then two from the second segment's start.
    assert [p.start for p in places] == [0, len(noise(0, 1.9)), len(noise(0, 1.9)) + SLICE, 0]
    after = len(noise(0, 1.9)) + 700  # samples of air
    times = [0, after, after + SLICE, 0]
    assert [p.time_ns for p in places] == [1_769_904_000 * 10**9 + 1000 * at for at in times]
    assert [p.clipped for p in places] == [0, 1, 0, 0]
    assert places[0].level_dbfs == pytest.approx(20 * np.log10(100 / 2048) + 3, abs=0.1)
    expected = [noise(0, 1), loud[:SLICE], loud[SLICE : 2 * SLICE]]
    compute = Spectrogram(corpus.spec, RATE)
    images = [compute.decibels(samples, 2048) for samples in expected]
    for place, samples, image in zip(places, expected, images, strict=False):
        assert np.array_equal(corpus.read(place).samples, samples)
        assert np.array_equal(corpus.decibels(place), image)
        assert (place.min_db, place.max_db) == (image.min(), image.max())
    last = corpus.read(places[-1])
    assert last.samples.dtype == np.float32 and last.full_scale == 1.0
    assert last.center_frequency_hz == 1e9 and last.sample_rate_hz == RATE
    images.append(compute.decibels(last.samples, 1.0))
    low, high = np.percentile(images, [0.1, 99.9])
    assert corpus.spec == report.spec
    assert corpus.spec.range_db == pytest.approx((low, high), abs=0.03)
    ready = corpus.spec.standardise(np.stack(images))
    assert abs(ready.mean()) < 1e-3 and abs(ready.std() - 1) < 1e-3


def test_the_index_tells_gaps_and_tuning(tmp_path: Path, record: Record, noise: Noise) -> None:
    path = record(tmp_path / "a", noise(0, 1), noise(1, 1), lost=700, gain_mode="slow_attack")
    build(tmp_path)
    with open_index(tmp_path) as index:
        (recording,) = index.execute("SELECT * FROM recordings").fetchall()
        segments = index.execute("SELECT * FROM segments ORDER BY number").fetchall()
    assert recording["sha512"] == hashlib.sha512(path.read_bytes()).hexdigest()
    assert (recording["samples"], recording["hardware"]) == (2 * SLICE, "radio")
    assert recording["band"] == "2439.5-2440.5 MHz" and recording["device"] == "radio"
    assert [(s["start"], s["length"], s["lost"], s["untaken"]) for s in segments] == [
        (0, SLICE, 0, 0),
        (SLICE, SLICE, 700, 0),
    ]
    assert segments[0]["gain_mode"] == "slow_attack"


def test_only_what_is_new_or_changed_is_read(tmp_path: Path, record: Record, noise: Noise) -> None:
    for number in range(3):
        record(tmp_path / f"r{number}", noise(number))
    first = build(tmp_path)
    assert (first.read, first.unchanged, first.slices) == (3, 0, 9)
    again = build(tmp_path)
    assert (again.read, again.unchanged, again.bytes_read) == (0, 3, 0)
    assert again.spec == first.spec
    os.utime(tmp_path / "r0.sigmf-meta", ns=(1, 1))  # a changed centre or time may be in it
    for file in tmp_path.glob("r1.*"):
        file.unlink()
    record(tmp_path / "r3", noise(3))
    third = build(tmp_path)
    assert (third.read, third.unchanged, third.forgotten, third.slices) == (2, 1, 1, 9)
    other = build(tmp_path, SpectrogramSpec(height=64, width=64))
    assert (other.read, other.unchanged) == (3, 0)
    kept = build(tmp_path)
    assert (kept.read, kept.spec.height) == (0, 64)


def test_what_was_read_before_a_stop_is_kept(tmp_path: Path, record: Record, noise: Noise) -> None:
    for number in range(3):
        record(tmp_path / f"r{number}", noise(number))

    def stop(read: int, of: int) -> None:
        if read > 2 * of // 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(tmp_path, progress=stop)
    assert (build(tmp_path).unchanged, build(tmp_path).unchanged) == (2, 3)


def test_processes_make_the_same_index(
    tmp_path: Path, record: Record, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        record(tmp_path / f"r{number}", noise(number))
    (tmp_path / "bad.sigmf-meta").write_text("{")
    (tmp_path / "bad.sigmf-data").write_bytes(b"")
    dumps = []
    for workers in (1, 2):
        monkeypatch.setattr(build_module, "SPAWN_BYTES", 0)
        report = build(tmp_path, workers=workers)
        assert list(report.unread) == ["bad.sigmf-data"]
        with open_index(tmp_path) as index:
            dumps.append(list(index.iterdump()))
        (tmp_path / FILE).unlink()
    assert dumps[0] == dumps[1]


def rewrite(path: Path, **keys: Any) -> None:
    meta = json.loads(path.read_text())
    meta["global"] |= {f"core:{name}": value for name, value in keys.items()}
    path.write_text(json.dumps(meta))


def test_what_cannot_be_read_is_named_and_the_rest_is_read(
    tmp_path: Path, record: Record, noise: Noise
) -> None:
    record(tmp_path / "good", noise(0))
    record(tmp_path / "altered", noise(1)).write_bytes(b"\0" * 64000)
    record(tmp_path / "torn", noise(2)).write_bytes(b"\0" * 63999)
    record(tmp_path / "slow", noise(3), rate=10_000.0)
    floats = noise(4).astype(np.float32) / 2048
    floats[5] = np.nan
    record(tmp_path / "nan", floats)
    record(tmp_path / "type", noise(5))
    rewrite(tmp_path / "type.sigmf-meta", datatype="ci32_le")
    record(tmp_path / "orphan", noise(6)).with_suffix(".sigmf-meta").unlink()
    (tmp_path / "raw.cs16").write_bytes(b"\0" * 64000)
    (tmp_path / "archive.sigmf").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("not a recording")
    report = build(tmp_path)
    assert report.recordings == 1 and report.slices == 3
    says = {
        "altered.sigmf-data": "SHA-512",
        "torn.sigmf-data": "cut short",
        "slow.sigmf-data": "raise the rate",
        "nan.sigmf-data": "NaN",
        "type.sigmf-data": "ci32_le",
        "orphan.sigmf-data": "metadata",
        "raw.cs16": "rate",
        "archive.sigmf": "archive",
    }
    assert report.unread.keys() == says.keys()
    for name, reason in report.unread.items():
        assert says[name] in reason and "\n" not in reason
    with open_index(tmp_path) as index:
        assert dict(index.execute("SELECT * FROM unread").fetchall()) == report.unread


@pytest.mark.parametrize(
    ("datatype", "dtype"), [("cu8", "u1"), ("ci8", "i1"), ("ci16_be", ">i2"), ("cf32_be", ">f4")]
)
def test_every_datatype(tmp_path: Path, datatype: str, dtype: str) -> None:
    rng = np.random.default_rng(0)
    data = rng.integers(0, 127, (SLICE, 2)).astype(dtype).tobytes()
    (tmp_path / "a.sigmf-data").write_bytes(data)
    keys = {"datatype": datatype, "sample_rate": RATE, "version": "1.2.6"}
    keys["sha512"] = hashlib.sha512(data).hexdigest()
    meta = {"global": {f"core:{name}": value for name, value in keys.items()}}
    (tmp_path / "a.sigmf-meta").write_text(json.dumps(meta | {"captures": [], "annotations": []}))
    assert build(tmp_path).unread == {}
    corpus = Corpus.open(tmp_path)
    (place,) = corpus.slices()
    assert corpus.decibels(place).max() == place.max_db
    assert (place.center_frequency_hz, place.time_ns) == (None, None)


def test_other_recordings_are_read_where_they_lie(
    tmp_path: Path, record: Record, noise: Noise
) -> None:
    counts = noise(0, 1).clip(-128, 127).astype(np.int8)
    (tmp_path / "g001_433.92M_1000k.cs8").write_bytes(counts.tobytes())
    path = record(tmp_path / "inner", noise(1, 1))
    with tarfile.open(tmp_path / "one.sigmf", "w") as tar:
        for file in (path, path.with_suffix(".sigmf-meta")):
            tar.add(file, file.name)
            file.unlink()
    report = build(tmp_path)
    assert report.unread == {} and build(tmp_path).unchanged == 2
    corpus = Corpus.open(tmp_path)
    raw, packed = corpus.slices()
    assert np.array_equal(corpus.read(raw).samples, counts)
    assert raw.center_frequency_hz == 433.92e6
    assert np.array_equal(corpus.read(packed).samples, noise(1, 1))


def test_a_recording_that_changed_is_not_read(tmp_path: Path, record: Record, noise: Noise) -> None:
    path = record(tmp_path / "a", noise(0))
    build(tmp_path)
    corpus = Corpus.open(tmp_path)
    path.write_bytes(path.read_bytes()[:64000])
    with pytest.raises(RecordingError, match="changed since it was indexed: run `radiofm corpus"):
        corpus.read(corpus.slices()[0])


def test_more_recordings_than_are_held_open(
    tmp_path: Path, record: Record, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("radiofm.corpus.reading.OPEN_FILES", 2)
    for number in range(4):
        record(tmp_path / f"r{number}", noise(number, 1))
    build(tmp_path)
    corpus = Corpus.open(tmp_path)
    for place in corpus.slices() * 2:
        number = int(corpus.recordings[place.recording].path[1])
        assert np.array_equal(corpus.read(place).samples, noise(number, 1))


def test_mistakes_are_sentences(tmp_path: Path, record: Record, noise: Noise) -> None:
    with pytest.raises(RecordingError, match="is no corpus: run `radiofm corpus build"):
        Corpus.open(tmp_path)
    with pytest.raises(RecordingError, match="no folder"):
        build(tmp_path / "nowhere")
    with pytest.raises(RecordingError, match="holds no slice of 16 ms"):
        build(tmp_path)
    record(tmp_path / "silence", noise(0) * 0)
    with pytest.raises(RecordingError, match="give no statistics"):
        build(tmp_path)
    record(tmp_path / "a", noise(0))
    build(tmp_path)
    with pytest.raises(UsageError, match="'holdout' is unknown"):
        Corpus.open(tmp_path).slices("holdout")
    with pytest.raises(UsageError, match="is not split: run `radiofm corpus split"):
        Corpus.open(tmp_path).slices("train")
    (tmp_path / "spec.json").unlink()
    with pytest.raises(RecordingError, match=r"spec\.json: .*run `radiofm corpus build"):
        Corpus.open(tmp_path)
    with sqlite3.connect(tmp_path / FILE) as index:
        index.execute("PRAGMA user_version = 99")
    index.close()
    with pytest.raises(RecordingError, match="schema 99"):
        build(tmp_path)
    (tmp_path / FILE).write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(RecordingError, match="cannot be used"):
        build(tmp_path)


def test_statistics_of_parts_add_up() -> None:
    rng = np.random.default_rng(0)
    parts = rng.normal(-70, 9, (4, 64, 64)).astype(np.float32)
    whole, sum_ = Statistics(), Statistics()
    whole.add(parts)
    for part in parts:
        one = Statistics()
        one.add(part)
        sum_.merge(Statistics.from_bytes(one.to_bytes()))
    spec = whole.apply(SpectrogramSpec())
    assert sum_.apply(SpectrogramSpec()) == spec
    assert spec.range_db == pytest.approx(
        np.percentile(parts, [0.1, 99.9], method="inverted_cdf"), abs=0.03
    )
    assert whole.percentile(0.5) == pytest.approx(np.median(parts), abs=0.02)


def test_the_real_recordings(tmp_path: Path, shared_iq: Path) -> None:
    for name in ("lte-fdd20-1815.3M-hackrf-a", "receiver-noise-rtlsdr-1.92M", "adsb-1090M-rtlsdr"):
        for suffix in (".sigmf-meta", ".sigmf-data"):
            (tmp_path / (name + suffix)).symlink_to(shared_iq / (name + suffix))
    report = build(tmp_path)
    assert (report.recordings, report.slices, report.unread) == (3, 5 + 62 + 11, {})
    corpus = Corpus.open(tmp_path)
    occupied: dict[str, list[float]] = {r.path: [] for r in corpus.recordings.values()}
    for place in corpus.slices():
        occupied[corpus.recordings[place.recording].path].append(place.occupancy)
    adsb, lte, quiet = (float(np.mean(values)) for _, values in sorted(occupied.items()))
    assert quiet < 0.02 < 0.05 < min(adsb, lte)
