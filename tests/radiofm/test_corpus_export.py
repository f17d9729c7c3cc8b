"""Shards: the same bytes from the same corpus, read by tarfile and numpy alone."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from radiofm.corpus import Corpus
from radiofm.corpus.build import build
from radiofm.corpus.export import export
from radiofm.corpus.split import SPLITS, split
from radiofm.errors import RecordingError, UsageError
from radiofm.spectrogram import SpectrogramSpec

Noise = Callable[..., npt.NDArray[np.int16]]
Record = Callable[..., Path]


@pytest.fixture
def corpus(tmp_path: Path, record: Record, noise: Noise) -> Path:
    folder = tmp_path / "corpus"
    for number in range(6):
        record(folder / f"r{number}", noise(number, 2.5), center=2.4e9 + number * 1e7)
    record(folder / "float", noise(7, 2).astype(np.float32) / 2048)
    build(folder)
    split(folder, fractions=(0.5, 0.25, 0.25))
    return folder


def samples_of(shards: list[Path]) -> list[tuple[str, npt.NDArray[Any], dict[str, Any]]]:
    """As WebDataset does: files of one key, one after the other, are one sample."""
    found = []
    for shard in shards:
        with tarfile.open(shard) as tar:
            members = tar.getmembers()
            for array, what in zip(members[::2], members[1::2], strict=True):
                key = array.name.split(".", 1)[0]
                assert (array.name, what.name) == (f"{key}.npy", f"{key}.json")
                files = [tar.extractfile(member) for member in (array, what)]
                data, text = (file.read() for file in files if file)
                loaded = np.load(io.BytesIO(data), allow_pickle=False)
                found.append((key, loaded, json.loads(text)))
    return found


def test_shards_hold_the_slices_of_the_split(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    manifest = export(corpus, out, "train", shard_bytes=200_000)
    shards = sorted(out.glob("train-*.tar"))
    opened = Corpus.open(corpus)
    places = {(opened.recordings[p.recording].path, p.number): p for p in opened.slices("train")}
    found = samples_of(shards)
    assert len(found) == len(places) == manifest["slices"] > 2
    for _, array, what in found:
        place = places.pop((what["path"], what["number"]))
        expected = opened.read(place)
        assert np.array_equal(array, expected.samples) and array.dtype == expected.samples.dtype
        assert what["full_scale"] == expected.full_scale and what["split"] == "train"
        assert what["center_frequency_hz"] == expected.center_frequency_hz
        assert (what["start"], what["sample_count"]) == (place.start, len(array))
    assert len({key for key, _, _ in found}) == len(found)
    assert [entry["name"] for entry in manifest["shards"]] == [path.name for path in shards]
    assert len(shards) > 1 and not list(out.glob("*.part"))
    for path, entry in zip(shards, manifest["shards"], strict=True):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]
        assert path.stat().st_size == entry["bytes"]
    assert sum(entry["slices"] for entry in manifest["shards"]) == manifest["slices"]
    written = json.loads((out / "train.json").read_text())
    assert SpectrogramSpec.model_validate(written["spec"]) == opened.spec
    assert written == json.loads(json.dumps(manifest))


def test_images_are_the_corpus_own(corpus: Path, tmp_path: Path) -> None:
    export(corpus, tmp_path / "out", content="decibels")
    opened = Corpus.open(corpus)
    images = {(opened.recordings[p.recording].path, p.number): p for p in opened.slices()}
    found = samples_of([tmp_path / "out" / "all-000000.tar"])
    assert len(found) == len(images)
    for _, array, what in found:
        assert np.array_equal(array, opened.decibels(images[what["path"], what["number"]]))


def test_the_same_corpus_gives_the_same_bytes_and_another_seed_another_order(
    corpus: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(corpus, moved)  # times change, and what the index had read before
    for file in (moved / "corpus.sqlite", moved / "spec.json"):
        file.unlink()
    build(moved)
    rule = Corpus.open(corpus).rule
    assert rule is not None
    split(moved, seed=rule.seed, fractions=rule.fractions)
    for name, folder, seed in (("a", corpus, 0), ("b", moved, 0), ("c", corpus, 1)):
        export(folder, tmp_path / name, seed=seed)
    a, b, c = ((tmp_path / name / "all-000000.tar").read_bytes() for name in "abc")
    assert a == b and (tmp_path / "a/all.json").read_text() == (tmp_path / "b/all.json").read_text()
    assert a != c
    keys = [
        [key for key, _, _ in samples_of([tmp_path / name / "all-000000.tar"])] for name in "ac"
    ]
    assert keys[0] != keys[1] and Counter(keys[0]) == Counter(keys[1])


def test_what_is_there_is_not_overwritten(corpus: Path, tmp_path: Path) -> None:
    for name in SPLITS:  # may share a folder
        export(corpus, tmp_path / "out", name)
    with pytest.raises(UsageError, match="holds an export of test"):
        export(corpus, tmp_path / "out", "test")
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordingError, match="export to .* failed"):
        export(corpus, tmp_path / "file")
