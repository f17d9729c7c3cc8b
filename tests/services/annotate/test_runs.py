"""Marks of consecutive slices become runs: none is lost, none is said twice."""

from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from radiofm_services.annotate.runs import Mark, Run, Runs

LABELS = st.sampled_from(["a", "b", None])


def runs_of(slices: list[list[Mark]]) -> list[Run]:
    runs = Runs()
    ended = [run for number, marks in enumerate(slices) for run in runs.take(number, marks)]
    return ended + runs.finish()


@given(st.lists(st.tuples(LABELS, st.floats(0, 1)), max_size=30))
@example([])
@example([("a", 0.5)])
@example([("a", 0.2), ("a", 0.4), (None, 0.0), ("a", 0.6), ("b", 0.1)])
def test_the_same_label_in_a_row_is_one_run(said: list[tuple[str | None, float]]) -> None:
    slices = [[Mark("head", label, score=score)] if label else [] for label, score in said]
    expected = []
    for label, group in groupby(enumerate(said), key=lambda one: one[1][0]):
        if label:
            rows = list(group)
            scores = [score for _, (_, score) in rows]
            expected.append((label, rows[0][0], len(rows), sum(scores) / len(scores)))
    found = [(run.last.label, run.first, run.count, run.score) for run in runs_of(slices)]
    assert [one[:3] for one in found] == [one[:3] for one in expected]
    assert [one[3] for one in found] == pytest.approx([one[3] for one in expected])


BAND = st.tuples(st.integers(0, 19), st.integers(1, 12)).map(
    lambda band: (band[0] / 20, min(sum(band), 20) / 20)
)


@st.composite
def located(draw: st.DrawFn) -> list[list[Mark]]:
    """Slices whose marks of one label do not overlap, as bands of a mask do not."""
    slices = []
    for bands in draw(st.lists(st.lists(BAND, max_size=4), max_size=12)):
        apart: list[tuple[float, float]] = []
        for low, high in sorted(bands):
            if not apart or low >= apart[-1][1]:
                apart.append((low, high))
        slices.append([Mark("mask", "busy", low, high, located=True) for low, high in apart])
    return slices


@given(located())
@example([[Mark("mask", "busy", 0.0, 0.5, located=True)]] * 2)
@example([[Mark("mask", "busy", 0.0, 0.2, located=True)],
          [Mark("mask", "busy", 0.8, 1.0, located=True)]])  # fmt: skip
def test_bands_go_on_where_they_overlap(slices: list[list[Mark]]) -> None:
    found = runs_of(slices)
    assert sum(run.count for run in found) == sum(map(len, slices))
    for number, marks in enumerate(slices):
        here = [run for run in found if run.first <= number < run.first + run.count]
        assert len(here) == len(marks)
        for mark in marks:
            assert any(run.low <= mark.low and mark.high <= run.high for run in here)
    for run in found:
        marks = [mark for one in slices[run.first : run.first + run.count] for mark in one]
        assert run.low in [m.low for m in marks] and run.high in [m.high for m in marks]


def test_two_carriers_are_two_runs_and_one_that_leaps_begins_anew() -> None:
    def busy(*bands: tuple[float, float]) -> list[Mark]:
        return [Mark("mask", "busy", *band, located=True) for band in bands]

    found = runs_of(
        [busy((0.1, 0.2), (0.6, 0.8)), busy((0.11, 0.2), (0.6, 0.85)), busy((0.3, 0.4))]
    )
    assert [(run.first, run.count, run.low, run.high) for run in found] == [
        (0, 2, 0.1, 0.2), (0, 2, 0.6, 0.85), (2, 1, 0.3, 0.4),
    ]  # fmt: skip


def test_heads_and_labels_are_apart_and_the_highest_novelty_stays() -> None:
    first = [Mark("one", "a", score=0.5), Mark("other", "a", score=0.5)]
    novel = [Mark("three", "unknown", novelty=value) for value in (1.1, 1.4, 1.2)]
    found = runs_of([[*first, novel[0]], [first[0], novel[1]], [novel[2]]])
    assert {(run.last.head, run.first, run.count, run.novelty) for run in found} == {
        ("one", 0, 2, None), ("other", 0, 1, None), ("three", 0, 3, 1.4),
    }  # fmt: skip
