"""Array sets: what is written is read back, in any order, and what was changed is noticed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofm.array_set import ArrayInfo, Arrays, ArraySet
from radiofm.array_set_writer import write_array_set
from radiofm.errors import RecordingError, UsageError
from radiofm.spectrogram import SpectrogramSpec


@dataclass(frozen=True)
class Numbered:
    """Sample i is i, and noise."""

    width: int = 3
    spec: SpectrogramSpec = SpectrogramSpec()  # a pydantic model among the parameters

    name: ClassVar[str] = "numbered"
    about: ClassVar[str] = "numbers"
    not_for: ClassVar[str] = "anything"
    group: ClassVar[str | None] = "i"
    shard: ClassVar[int] = 4
    needs: ClassVar[tuple[str, ...]] = ("numpy",)

    def arrays(self) -> dict[str, ArrayInfo]:
        return {
            "i": ArrayInfo(dtype="int64", shape=(), about="number"),
            "x": ArrayInfo(dtype="float32", shape=(self.width,), about="noise"),
        }

    def make(self, rows: range, rng: np.random.Generator) -> Arrays:
        return {"i": np.asarray(rows), "x": rng.normal(size=(len(rows), self.width))}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> ArraySet:
    folder = tmp_path_factory.mktemp("arrays")
    constants = {"origin": np.arange(2.0)}
    write_array_set(folder, Numbered(), 10, 5, "radiofm simulate numbered", 1, constants)
    return ArraySet.open(folder)


@given(rows=st.lists(st.integers(0, 9), max_size=20))
def test_rows_in_any_order(written: ArraySet, rows: list[int]) -> None:
    wanted = np.array(rows, np.int64)
    np.testing.assert_array_equal(written.read("i", wanted), wanted)
    np.testing.assert_array_equal(written.read("x", wanted), written.read("x")[wanted])


def test_what_is_told_of_it(written: ArraySet) -> None:
    assert len(written) == 10 and written.read("x").shape == (10, 3)
    assert written.info.parameters["width"] == 3 and written.info.provenance["seed"] == 5
    assert set(written.info.sha256) == {
        "origin.npy", *(f"{n}-0000{k}.npy" for n in "ix" for k in range(3))
    }  # fmt: skip
    np.testing.assert_array_equal(written.constant("origin"), [0, 1])
    card = (written.path / "card.md").read_text("utf-8")
    for said in ("10 simulated samples", "**Not** anything", "`x` | float32 | 3 | noise", "| 5 |"):
        assert said in card
    written.verify()


def test_a_longer_set_has_other_shards_only_at_its_end(written: ArraySet, tmp_path: Path) -> None:
    told: list[int] = []
    write_array_set(tmp_path, Numbered(), 9, 5, "", progress=told.append)
    np.testing.assert_array_equal(ArraySet.open(tmp_path).read("x")[:8], written.read("x")[:8])
    assert told == [4, 8, 9]


def test_a_set_is_not_written_over(written: ArraySet) -> None:
    with pytest.raises(UsageError, match="holds a set already"):
        write_array_set(written.path, Numbered(), 1, 0, "")


@dataclass(frozen=True)
class Failing(Numbered):
    """Numbered, until sample 6."""

    def make(self, rows: range, rng: np.random.Generator) -> Arrays:
        if 6 in rows:
            raise KeyboardInterrupt
        return super().make(rows, rng)


def test_a_set_goes_on_where_it_stopped(written: ArraySet, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_array_set(tmp_path, Failing(), 10, 5, "")
    first = (tmp_path / "x-00000.npy").stat().st_mtime_ns
    for other in ((Numbered(), 10, 6), (Numbered(), 9, 5), (Numbered(4), 10, 5)):
        with pytest.raises(UsageError, match="holds another set, begun"):
            write_array_set(tmp_path, *other, "")
    write_array_set(tmp_path, Numbered(), 10, 5, "")
    opened = ArraySet.open(tmp_path)
    opened.verify()
    np.testing.assert_array_equal(opened.read("x"), written.read("x"))
    assert (tmp_path / "x-00000.npy").stat().st_mtime_ns == first
    assert not [*tmp_path.glob("*.part"), *tmp_path.glob("begun*")]


def test_what_was_changed_is_named(tmp_path: Path) -> None:
    write_array_set(tmp_path, Numbered(), 10, 5, "")
    opened = ArraySet.open(tmp_path)
    np.save(tmp_path / "x-00001.npy", np.zeros((4, 3), np.float32))
    with pytest.raises(RecordingError, match=r"x-00001\.npy was changed"):
        opened.verify()
    np.save(tmp_path / "x-00001.npy", np.zeros((4, 2), np.float32))
    with pytest.raises(RecordingError, match=r"x-00001\.npy is float32 \(4, 2\)"):
        opened.read("x")
    (tmp_path / "x-00001.npy").unlink()
    with pytest.raises(RecordingError, match=r"x-00001\.npy is not there"):
        ArraySet.open(tmp_path)
    (tmp_path / "set.json").write_text(json.dumps({"version": 2}), "utf-8")
    with pytest.raises(RecordingError, match="make it anew"):
        ArraySet.open(tmp_path)
