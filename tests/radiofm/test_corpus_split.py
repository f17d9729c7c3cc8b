"""Splits: no group is ever divided, the seed decides, and what is added moves nothing."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofm.corpus import Corpus
from radiofm.corpus.build import build
from radiofm.corpus.groups import By, groups, label_groups
from radiofm.corpus.index import SCHEMA
from radiofm.corpus.split import SPLITS, SplitRule, split
from radiofm.errors import RecordingError, UsageError

Noise = Callable[..., npt.NDArray[np.int16]]
Record = Callable[..., Path]
HOUR = 3600 * 10**9
T0 = 1_769_904_000 * 10**9
BYS: tuple[By, ...] = get_args(By)


def an_index(rows: Iterable[dict[str, Any]]) -> sqlite3.Connection:
    """An index of recordings of one slice each, without the recordings."""
    index = sqlite3.connect(":memory:")
    index.row_factory = sqlite3.Row
    index.executescript(SCHEMA)
    for id, row in enumerate(rows, 1):
        full = {
            "id": id, "path": f"{id}.sigmf-data", "sha": f"{id}", "rate": 1e6, "samples": 100,
            "offset": 0, "hw": "radio", "center": 1e9, "time": T0, "mark": id,
        } | row  # fmt: skip
        index.execute(
            "INSERT INTO recordings VALUES (:id, :path, 0, 0, 0, 0, :sha, 'ci8', :rate, 1,"
            " :samples, :offset, :hw, '', NULL, NULL, NULL, NULL)",
            full,
        )
        centers = full["center"] if isinstance(full["center"], list) else [full["center"]]
        for number, center in enumerate(centers):
            index.execute(
                "INSERT INTO segments VALUES (?, ?, 0, ?, 0, ?, ?, NULL, NULL, 0, 0)",
                (id, number, full["samples"], center, full["time"]),
            )
        index.execute(
            "INSERT INTO slices VALUES (?, 0, 0, 0, 0, 0, 0, 0, 0, 0, ?)", (id, full["mark"])
        )
    label_groups(index)
    return index


def grouped(rows: Iterable[dict[str, Any]], by: By) -> list[list[int]]:
    """The groups as lists of row numbers."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    with an_index(rows) as index:
        for id, name in groups(index, by).items():
            found[name].append(id - 1)
    index.close()
    return sorted(found.values())


RECORDING = st.fixed_dictionaries(
    {
        "sha": st.integers(0, 20).map(str),
        "hw": st.sampled_from([None, "pluto", "usrp"]),
        "center": st.one_of(
            st.none(),
            st.integers(1000, 1012).map(lambda mhz: mhz * 1e6),
            st.lists(st.integers(1000, 1012).map(lambda mhz: mhz * 1e6), min_size=1, max_size=3),
        ),
        "time": st.one_of(st.none(), st.integers(0, 20).map(lambda h: T0 + h * HOUR // 2)),
        "mark": st.one_of(st.none(), st.integers(0, 20)),
        "offset": st.sampled_from([0, 100]),
    }
)


@settings(deadline=None)
@given(st.lists(RECORDING, min_size=1, max_size=12), st.sampled_from(BYS), st.integers(0, 99))
def test_no_group_is_divided(rows: list[dict[str, Any]], by: By, seed: int) -> None:
    """Whatever two recordings have in common by the rule, they are in one split."""
    with an_index(rows) as index:
        of = groups(index, by)
        labels = {row["id"]: row for row in index.execute("SELECT * FROM recordings")}
    index.close()
    rule = SplitRule(by=by, seed=seed)
    splits = {id: rule.split_of(name) for id, name in of.items()}
    assert len(splits) == len(rows) and set(splits.values()) <= set(SPLITS)
    for a, row_a in enumerate(rows, 1):
        for b, row_b in enumerate(rows, 1):
            same = row_a["sha"] == row_b["sha"] or row_a["mark"] == row_b["mark"] != None  # noqa: E711
            if by == "device":
                same |= row_a["hw"] == row_b["hw"]
            elif by == "session":
                same |= labels[a]["session"] == labels[b]["session"]
            elif by == "band":
                same |= overlap(row_a["center"], row_b["center"])
            if same:
                assert splits[a] == splits[b]


def overlap(one: Any, other: Any) -> bool:
    """Whether bands of 1 MHz about these centres overlap, or neither is known."""
    if one is None or other is None:
        return one is other
    ones = one if isinstance(one, list) else [one]
    others = other if isinstance(other, list) else [other]
    return any(abs(a - b) <= 1e6 for a in ones for b in others)


def test_bands_are_what_overlaps() -> None:
    apart: list[dict[str, Any]] = [
        {"center": 100e6},
        {"center": 100.9e6},
        {"center": 102.5e6},
        {"center": None},
    ]
    assert grouped(apart, "band") == [[0, 1], [2], [3]]
    # A sweep that was at both joins them; a band that touches is the same.
    assert grouped([*apart, {"center": [100e6, 102.5e6]}], "band") == [[0, 1, 2, 4], [3]]
    assert grouped([{"center": 1e9}, {"center": 1.001e9}], "band") == [[0, 1]]


def test_sessions_are_a_device_at_a_place_without_a_long_pause() -> None:
    rows: list[dict[str, Any]] = [
        {"time": T0},
        {"time": T0 + HOUR // 2},
        {"time": T0 + 3 * HOUR // 2 - 10**9},  # less than an hour after the second
        {"time": T0 + 3 * HOUR},
        {"time": T0, "hw": "other"},
        {"time": T0, "path": "roof/x.sigmf-data"},
        {"time": None},
        {"time": None},
    ]
    assert grouped(rows, "session") == [[0, 1, 2], [3], [4], [5], [6, 7]]


def test_the_parts_of_one_recording_are_one() -> None:
    second = 10**9
    rows: list[dict[str, Any]] = [
        {"samples": 10**6, "time": T0},
        {"samples": 10**6, "time": T0 + second, "offset": 10**6},
        {"samples": 5, "time": T0 + 2 * second, "offset": 2 * 10**6},
        {"samples": 10**6, "time": T0 + HOUR},  # as long, but another
        {"samples": 5, "time": T0 + HOUR + second, "offset": 10**6},
    ]
    assert grouped(rows, "recording") == [[0, 1, 2], [3, 4]]


def test_copies_and_excerpts_go_together() -> None:
    rows: list[dict[str, Any]] = [{"sha": "a"}, {"sha": "b"}, {"sha": "a"}, {"mark": 2}, {}]
    assert grouped(rows, "recording") == [[0, 2], [1, 3], [4]]


def test_fractions_are_expectations_and_seeds_differ() -> None:
    names = [f"recording {n}" for n in range(5000)]
    rule = SplitRule(seed=3, fractions=(0.7, 0.2, 0.1))
    counts = Counter(map(rule.split_of, names))
    for name, fraction in zip(SPLITS, rule.fractions, strict=True):
        assert counts[name] / len(names) == pytest.approx(fraction, abs=0.02)
    other = SplitRule(seed=4, fractions=rule.fractions)
    assert sum(rule.split_of(n) != other.split_of(n) for n in names) > 1000
    everything = SplitRule(fractions=(1, 0, 0))
    assert {everything.split_of(name) for name in names} == {"train"}


def test_a_corpus_is_split_and_what_is_added_moves_nothing(
    tmp_path: Path, record: Record, noise: Noise
) -> None:
    for number in range(12):
        record(tmp_path / f"r{number}", noise(number, 1, sigma=20 * (number + 1)))
    record(tmp_path / "excerpt", noise(5, 1, sigma=120)[:-100], noise(99, 1))
    build(tmp_path)
    report = split(tmp_path, fractions=(0.6, 0.2, 0.2))
    assert all(part["groups"] > 0 for part in report.parts.values())
    assert sum(part["recordings"] for part in report.parts.values()) == 13
    assert sum(part["groups"] for part in report.parts.values()) == 12
    corpus = Corpus.open(tmp_path)
    before = {r.path: r.split for r in corpus.recordings.values()}
    assert before["excerpt.sigmf-data"] == before["r5.sigmf-data"]
    together = [place for name in SPLITS for place in corpus.slices(name)]
    assert Counter(together) == Counter(corpus.slices()) and len(together) == 13
    # The statistics are of train alone.
    train = np.stack([corpus.decibels(place) for place in corpus.slices("train")])
    assert corpus.spec.range_db == pytest.approx(np.percentile(train, [0.1, 99.9]), abs=0.05)
    for number in range(12, 20):
        record(tmp_path / f"r{number}", noise(number, 1))
    build(tmp_path)
    after = {r.path: r.split for r in Corpus.open(tmp_path).recordings.values()}
    assert len(after) == 21 and None not in after.values()
    assert {path: after[path] for path in before} == before
    again = split(tmp_path, fractions=(0.6, 0.2, 0.2))
    assert (again.rule, again.moved) == (report.rule, 0)
    other = split(tmp_path, seed=report.rule.seed + 1, fractions=(0.5, 0.25, 0.25))
    now = {r.path: r.split for r in Corpus.open(tmp_path).recordings.values()}
    assert other.moved == sum(now[path] != after[path] for path in now) > 0


def test_splits_that_cannot_be_are_sentences(tmp_path: Path, record: Record, noise: Noise) -> None:
    with pytest.raises(RecordingError, match="is no corpus"):
        split(tmp_path)
    for number in range(4):
        record(tmp_path / f"r{number}", noise(number, 1))
    build(tmp_path)
    for fractions in ((0.5, 0.5, 0.5), (0, 0.5, 0.5), (1.5, -0.5, 0)):
        with pytest.raises(UsageError, match="add up to 1"):
            split(tmp_path, fractions=fractions)
    with pytest.raises(UsageError, match="no seed fills 3 splits from 1 groups by device"):
        split(tmp_path, "device")
    good = split(tmp_path).rule.seed
    assert good > 0, "with seed 0 these recordings fill all: choose others"
    with pytest.raises(UsageError, match=rf"seed 0 leaves \w+.* without .*: take --seed {good}"):
        split(tmp_path, seed=0)
    parts = Counter(r.split for r in Corpus.open(tmp_path).recordings.values())
    assert set(parts) == set(SPLITS)  # what failed has changed nothing


def test_a_group_without_a_slice_fills_no_split(
    tmp_path: Path, record: Record, noise: Noise
) -> None:
    for number in range(3):
        record(tmp_path / f"r{number}", noise(number, 1), hardware=f"radio {number}")
        record(tmp_path / f"short{number}", noise(number, 0.5), hardware=f"other {number}")
    build(tmp_path)
    parts = split(tmp_path, "device").parts
    assert [part["slices"] for part in parts.values()] == [1, 1, 1]
    assert sum(part["groups"] for part in parts.values()) == 6


def test_the_order_of_adding_does_not_matter() -> None:
    rows: list[dict[str, Any]] = [
        {"path": f"{n}", "sha": f"{n}", "hw": f"{n % 7}", "mark": n // 2, "center": n * 4e6}
        for n in range(40)
    ]
    shuffled = random.Random(0).sample(rows, len(rows))
    for by in BYS:
        found = []
        for order in (rows, shuffled):
            with an_index(order) as index:
                of = groups(index, by)
                paths = dict(index.execute("SELECT id, path FROM recordings").fetchall())
            index.close()
            found.append({paths[id]: name for id, name in of.items()})
        assert found[0] == found[1]
