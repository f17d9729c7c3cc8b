"""Splits: nothing is lost, no group divided, official parts kept, the same again from the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofm.errors import RecordingError, UsageError
from radiofm_models.datasets.dataset import Array, Dataset
from radiofm_models.datasets.ntu_fi import NtuFiHar
from radiofm_models.datasets.positioning import Positioning
from radiofm_models.splits import StoredSplit, make_split
from tests.models.datasets import written


class Known(Dataset):
    """Items of which only this is known."""

    name, axes, target = "known", "none", "none"

    def __init__(self, count: int) -> None:
        self.path, self.files, self._count = Path("known"), [], count

    def __len__(self) -> int:
        return self._count

    def item(self, index: int) -> tuple[Array, None]:
        raise AssertionError("a split reads no items")


def parts_of(split: StoredSplit) -> list[set[int]]:
    return [set(split.train), set(split.validation), set(split.test)]


@st.composite
def known(draw: st.DrawFn) -> Known:
    count = draw(st.integers(30, 120))
    data = Known(count)
    numbers = st.lists(st.integers(0, 30), min_size=count, max_size=count)
    few = st.lists(st.integers(0, 3), min_size=count, max_size=count)
    if draw(st.booleans()):
        data.groups = np.array(draw(numbers.filter(lambda g: len(set(g)) >= 6)))
    if draw(st.booleans()):
        data.classes = np.array(draw(few))
        data.labels = ("a", "b", "c", "d")
    if draw(st.booleans()):
        data.parts = np.where(np.arange(count) < count // 2, "train", "test")
    return data


@settings(max_examples=60, deadline=None)
@given(data=known(), seed=st.integers(0, 1000))
def test_every_split_is_whole_and_divides_no_group(data: Known, seed: int) -> None:
    try:
        split = make_split(data, seed)
    except UsageError:  # so few groups of one class that a part is empty
        assert data.groups is not None
        return
    parts = parts_of(split)
    assert sum(len(part) for part in parts) == len(data) == len(set.union(*parts))
    if data.parts is not None:
        assert parts[2] == set(np.flatnonzero(data.parts == "test"))
        parts = parts[:2]
    if data.groups is not None:
        groups = [{int(data.groups[row]) for row in part} for part in parts]
        assert sum(len(some) for some in groups) == len(set.union(*groups))
    assert make_split(data, seed) == split


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.integers(3, 60), min_size=1, max_size=6),
    fractions=st.sampled_from([(0.8, 0.1, 0.1), (0.5, 0.25, 0.25), (0.2, 0.4, 0.4)]),
)
def test_items_are_shared_out_by_class(
    sizes: list[int], fractions: tuple[float, float, float]
) -> None:
    data = Known(sum(sizes))
    data.classes = np.repeat(np.arange(len(sizes)), sizes)
    data.labels = tuple(str(number) for number in range(len(sizes)))
    split = make_split(data, 0, fractions)
    for number, size in enumerate(sizes):
        for part, fraction in zip(parts_of(split), fractions, strict=True):
            count = int((data.classes[list(part)] == number).sum())
            assert count >= 1 and abs(count - fraction * size) <= 2


def test_snr_steps_are_shared_out_too_but_not_a_range_of_them() -> None:
    data = Known(400)
    data.classes, data.labels = np.repeat([0, 1], 200), ("a", "b")
    data.snr_db = np.tile(np.array([-20, 0, 10, 18], np.float32), 100)
    split = make_split(data)
    assert sorted(data.snr_db[list(split.test)].tolist()) == [-20] * 10 + [0] * 10 + [10] * 10 + (
        [18] * 10
    )
    data.snr_db = np.linspace(-10, 20, 400, dtype=np.float32)
    assert len(make_split(data).test) == 40


def test_another_seed_is_another_split() -> None:
    assert make_split(Known(100), 0).test != make_split(Known(100), 1).test


def test_official_parts_with_validation_from_train(tmp_path: Path) -> None:
    data = NtuFiHar(written.ntu_fi(tmp_path))
    split = make_split(data, fractions=(0.6, 0.3, 0.1))
    assert split.official and split.units == "item"
    assert [len(part) for part in parts_of(split)] == [4, 2, 4]
    classes = data.classes
    assert classes is not None and sorted(classes[list(split.validation)]) == [0, 1]
    merged = make_split(data, fractions=(0.6, 0.2, 0.2), official=False)
    assert not merged.official and [len(part) for part in parts_of(merged)] == [6, 2, 2]


def test_groups_that_the_authors_divide_are_counted() -> None:
    data = Known(20)
    data.groups = np.arange(20) // 2 % 8
    data.parts = np.where(np.arange(20) < 16, "train", "test")
    assert make_split(data).shared_groups == 2


def test_few_items_of_a_range_of_snrs_are_not_steps() -> None:
    data = Known(20)
    data.snr_db = np.linspace(-10, 20, 20, dtype=np.float32)
    assert len(make_split(data).validation) == 2


def test_places_are_not_divided_between_snrs(tmp_path: Path) -> None:
    data = Positioning(written.positioning(tmp_path))
    split = make_split(data, fractions=(0.6, 0.2, 0.2))
    assert split.units == "group"
    for part in parts_of(split):
        assert {row + 5 for row in part if row < 5} == {row for row in part if row >= 5}


def test_stored_and_read_back(tmp_path: Path) -> None:
    data = NtuFiHar(written.ntu_fi(tmp_path / "set"))
    split = make_split(data, seed=7)
    split.save(tmp_path / "split.json")
    again = StoredSplit.load(tmp_path / "split.json")
    assert again == split and again.seed == 7
    assert again.rows(data).test.tolist() == list(split.test)
    (tmp_path / "set/train_amp/box/box1.mat").unlink()
    with pytest.raises(
        RecordingError, match="its items are not those that the split of ntu-fi-har"
    ):
        again.rows(NtuFiHar(tmp_path / "set"))
    (tmp_path / "split.json").write_text('{"version": 1}')
    with pytest.raises(RecordingError, match=r"split.json: it is no split .*: make it anew"):
        StoredSplit.load(tmp_path / "split.json")


def test_what_cannot_be_split_is_said() -> None:
    with pytest.raises(UsageError, match="give three that add up to 1"):
        make_split(Known(10), fractions=(0.5, 0.1, 0.1))
    data = Known(10)
    data.groups = np.zeros(10, np.int64)
    with pytest.raises(UsageError, match="known of 1 groups leaves validation empty"):
        make_split(data)
