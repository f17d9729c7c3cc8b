"""What an answer says of a slice, and where in the band."""

from __future__ import annotations

from typing import Any

import numpy as np

from radiofm.bundle import HeadRecord
from radiofm.wire import HeadResult, LabelScore
from radiofm_services.annotate.marks import bands, can_annotate, marks_of
from radiofm_services.annotate.runs import Mark
from radiofm_services.heads import Answer


def record(name: str, task: Any, *labels: str, error_p99: float | None = None) -> HeadRecord:
    return HeadRecord(
        name=name, version="1", task=task, tap="tokens", encoder="0" * 16, file="a.onnx",
        labels=labels, error_p99=error_p99,
    )  # fmt: skip


def answer(of: HeadRecord, *scores: tuple[str, float], present: int | None = None,
           **more: Any) -> Answer:  # fmt: skip
    labels = tuple(LabelScore(label=label, score=score) for label, score in scores)
    result = HeadResult(name=of.name, version="1", task=of.task, labels=labels, present=present)
    return Answer(result, **more)


SIGNALS = record("signals", "classification", "noise", "fm", "lte")
THERE = record("there", "presence", "fm", "lte", "noise")
BUSY = record("busy", "segmentation", "empty", "occupied")
KINDS = record("kinds", "segmentation", "noise", "lte")
ODD = record("odd", "reconstruction", error_p99=0.5)


def mask(*rows: slice, label: int = 1, columns: slice = slice(None)) -> np.ndarray[Any, Any]:
    made = np.zeros((32, 64), np.uint8)
    for row in rows:
        made[row, columns] = label
    return made


def test_a_label_is_placed_by_the_mask_and_else_in_the_whole_band() -> None:
    fm = answer(SIGNALS, ("fm", 0.9), ("noise", 0.1))
    assert marks_of([SIGNALS], [fm]) == [Mark("signals", "fm", 0.0, 1.0, 0.9)]
    busy = answer(BUSY, mask=mask(slice(4, 8), slice(16, 24)))
    assert marks_of([SIGNALS, BUSY], [fm, busy]) == [
        Mark("signals", "fm", 4 / 32, 24 / 32, 0.9),
        Mark("busy", "occupied", 4 / 32, 8 / 32, located=True),
        Mark("busy", "occupied", 16 / 32, 24 / 32, located=True),
    ]
    assert marks_of([SIGNALS, BUSY], [fm, answer(BUSY, mask=mask())]) == [
        Mark("signals", "fm", 0.0, 1.0, 0.9)
    ]


def test_a_mask_that_knows_the_label_comes_first() -> None:
    said = answer(THERE, ("fm", 0.8), ("lte", 0.7), ("noise", 0.2), present=2)
    kinds = answer(KINDS, mask=mask(slice(0, 8)))
    busy = answer(BUSY, mask=mask(slice(0, 8), slice(20, 24)))
    assert marks_of([THERE, KINDS, BUSY], [said, kinds, busy])[:2] == [
        Mark("there", "fm", 0.0, 24 / 32, 0.8),
        Mark("there", "lte", 0.0, 8 / 32, 0.7),
    ]


def test_what_says_nothing_gives_no_mark() -> None:
    quiet = answer(SIGNALS, ("noise", 0.9), ("fm", 0.1))
    absent = answer(THERE, ("fm", 0.4), ("lte", 0.1), ("noise", 0.1), present=0)
    empty = answer(BUSY, mask=mask())
    familiar = answer(ODD, novelty=0.9)
    failed = answer(SIGNALS)  # not a number
    records = [SIGNALS, THERE, BUSY, ODD, SIGNALS]
    assert marks_of(records, [quiet, absent, empty, familiar, failed]) == []
    unsure = answer(SIGNALS, ("fm", 0.4), ("noise", 0.3))
    assert marks_of([SIGNALS], [unsure], least=0.5) == []


def test_the_novel_is_unknown() -> None:
    assert marks_of([ODD], [answer(ODD, novelty=1.5)]) == [Mark("odd", "unknown", novelty=1.5)]


def test_a_row_counts_that_is_occupied_for_long_enough_and_small_holes_are_closed() -> None:
    short = answer(BUSY, mask=mask(slice(4, 8), columns=slice(0, 0)))
    assert marks_of([BUSY], [short]) == []
    assert len(marks_of([BUSY], [answer(BUSY, mask=mask(slice(4, 8), columns=slice(0, 1)))])) == 1
    rows = np.zeros(224, bool)
    rows[[10, 11, 14, 15, 30]] = True
    assert bands(rows) == [(10 / 224, 16 / 224), (30 / 224, 31 / 224)]
    assert bands(np.zeros(224, bool)) == [] and bands(np.ones(224, bool)) == [(0.0, 1.0)]


def test_which_heads_can_annotate() -> None:
    others = [record("a", "reconstruction"), record("b", "regression"), record("c", "forecast")]
    assert [can_annotate(one) for one in (SIGNALS, THERE, BUSY, ODD, *others)] == [True] * 4 + [
        False
    ] * 3
