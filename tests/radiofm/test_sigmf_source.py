"""SigMF archives, read where they lie, and collections, in their order."""

import hashlib
import io
import json
import mmap
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sigmf

from radiofm.errors import RecordingError
from radiofm.recording import Recording, open_recordings


def write_pair(folder: Path, name: str, first: int, **info: Any) -> Path:
    """100 samples, (first, first), (first + 1, first + 1)..."""
    samples = np.repeat(np.arange(first, first + 100, dtype="<i2"), 2)
    samples.tofile(folder / f"{name}.sigmf-data")
    meta = {
        "global": {"core:datatype": "ci16_le", "core:version": "1.2.0", "core:sample_rate": 1e6}
        | {f"core:{key}": value for key, value in info.items()},
        "captures": [{"core:sample_start": 0, "core:frequency": 1e9 + first}],
        "annotations": [],
    }
    path = folder / f"{name}.sigmf-meta"
    path.write_text(json.dumps(meta))
    return path


def collect(folder: Path, name: str, streams: list[Any]) -> Path:
    path = folder / f"{name}.sigmf-collection"
    path.write_text(json.dumps({"collection": {"core:version": "1.2.0", "core:streams": streams}}))
    return path


def stream(meta: Path) -> dict[str, str]:
    sha512 = hashlib.sha512(meta.read_bytes()).hexdigest()
    return {"name": meta.name.removesuffix(".sigmf-meta"), "hash": sha512}


def firsts(recordings: list[Recording]) -> list[int]:
    return [int(recording.read(0, 1)[0, 0]) for recording in recordings]


def test_a_real_archive_is_equal_to_the_pair(shared_iq: Path, tmp_path: Path) -> None:
    pair = shared_iq / "nr-n78-3502.8M-x300.sigmf-meta"
    sigmf.fromfile(pair).archive(tmp_path / "nr.sigmf")
    one, other = Recording.open(pair), Recording.open(tmp_path / "nr.sigmf", verify=True)
    assert np.array_equal(one.read(0, one.count), other.read(0, other.count))
    assert one.segments == other.segments
    assert one.sample_rate_hz == other.sample_rate_hz
    assert other.path == tmp_path / "nr.sigmf"
    base = other.data
    while isinstance(base.base, np.ndarray):
        base = base.base
    assert isinstance(base, np.memmap) and isinstance(base.base, mmap.mmap)
    with pytest.raises(ValueError, match="read-only"):
        other.read(0, 2)[0, 0] = 1


def test_an_archive_of_several_is_a_sequence(tmp_path: Path) -> None:
    a, b = write_pair(tmp_path, "a.1", 0), write_pair(tmp_path, "b", 1000)
    path = tmp_path / "both.sigmf"
    with tarfile.open(path, "w") as tar:
        for file in (b, a.with_suffix(".sigmf-data"), a, b.with_suffix(".sigmf-data")):
            tar.add(file, f"both/{file.name}")
    assert firsts(open_recordings(path)) == [1000, 0]
    with pytest.raises(RecordingError, match="holds 2 recordings.*radiofm corpus import"):
        Recording.open(path)
    with tarfile.open(path, "a") as tar:
        collection = collect(tmp_path, "both", [stream(a), stream(b)])
        tar.add(collection, f"both/{collection.name}")
    assert firsts(open_recordings(path)) == [0, 1000]


def test_a_changed_archive_is_found(tmp_path: Path) -> None:
    a = write_pair(tmp_path, "a", 0, sha512=hashlib.sha512(b"").hexdigest())
    with tarfile.open(tmp_path / "a.sigmf", "w") as tar:
        tar.add(a, "a/a.sigmf-meta")
        tar.add(a.with_suffix(".sigmf-data"), "a/a.sigmf-data")
    with pytest.raises(RecordingError, match="is not the data that its metadata describes"):
        Recording.open(tmp_path / "a.sigmf")


def test_what_is_no_archive_is_one_sentence(tmp_path: Path) -> None:
    a = write_pair(tmp_path, "a", 0)
    data = a.with_suffix(".sigmf-data")
    path = tmp_path / "x.sigmf"

    def fails(sentence: str) -> None:
        with pytest.raises(RecordingError) as caught:
            Recording.open(path)
        assert sentence in str(caught.value) and "\n" not in str(caught.value)

    with tarfile.open(path, "w:gz") as tar:
        tar.add(a, "x/a.sigmf-meta")
    fails("it must be a whole tar, not compressed")
    with tarfile.open(path, "w") as tar:
        tar.add(data, "x/a.sigmf-data")
    fails("holds no recording")
    with tarfile.open(path, "w") as tar:
        tar.add(a, "x/a.sigmf-meta")
        tar.add(data, "y/a.sigmf-data")
    fails("without its data")
    with tarfile.open(path, "w") as tar:
        tar.add(a, "x/a.sigmf-meta")
        tar.add(data, "x/a.sigmf-data")
        end = tar.getmember("x/a.sigmf-data").offset_data + 300
    whole = path.read_bytes()
    for length in (end, end + 100, 512, 300):
        path.write_bytes(whole[:length])
        fails("it must be a whole tar")
    broken = tarfile.TarInfo("x/a.sigmf-meta")
    with tarfile.open(path, "w") as tar:
        tar.addfile(broken, io.BytesIO())
        tar.add(data, "x/a.sigmf-data")
    fails("x.sigmf/x/a.sigmf-meta is not valid JSON")


def test_a_collection_is_played_in_its_order(tmp_path: Path) -> None:
    a, b = write_pair(tmp_path, "a", 0), write_pair(tmp_path, "b.x", 1000)
    tuple_form = list(stream(a).values())  # of SigMF 1.0
    path = collect(tmp_path, "all", [stream(b), tuple_form])
    assert firsts(open_recordings(path)) == [1000, 0]
    one = collect(tmp_path, "one", [stream(b)])
    assert Recording.open(one).segments[0].center_frequency_hz == 1e9 + 1000


def test_a_collection_that_cannot_be_trusted(tmp_path: Path) -> None:
    a, b = write_pair(tmp_path, "a", 0), write_pair(tmp_path, "b", 1000)
    good = [stream(a), stream(b)]
    b.write_text(b.read_text() + "\n")
    with pytest.raises(RecordingError, match="b.sigmf-meta is missing or not the one"):
        open_recordings(collect(tmp_path, "all", good))
    b.unlink()
    with pytest.raises(RecordingError, match="b.sigmf-meta: No such file"):
        open_recordings(collect(tmp_path, "all", good))
    with pytest.raises(RecordingError, match="lists no recordings"):
        open_recordings(collect(tmp_path, "none", []))
    outside = good[0] | {"name": "../a"}
    with pytest.raises(RecordingError, match=r"core:streams.0.name: String should match"):
        open_recordings(collect(tmp_path, "outside", [outside]))
