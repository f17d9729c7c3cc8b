"""What heads answered to one slice, as marks: labels with their place in the band."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from radiofm.bundle import HeadRecord
from radiofm_services.annotate.runs import Mark
from radiofm_services.heads import Answer

NOTHING = ("noise", "none", "empty", "idle", "free")  # labels that say that no signal is there
UNKNOWN = "unknown"  # what is novel
LEAST = 1 / 64  # of a slice's time, that a row must be occupied for
HOLE = 2 / 224  # of the band, unoccupied, does not part a signal

Rows = npt.NDArray[np.bool_]


def can_annotate(record: HeadRecord) -> bool:
    """Whether a head's answers become annotations."""
    novel = record.task == "reconstruction" and record.error_p99 is not None
    return novel or record.task in ("classification", "presence", "segmentation")


def marks_of(
    records: Sequence[HeadRecord], answers: Sequence[Answer], least: float = 0.0
) -> list[Mark]:
    """Marks of a slice: the top label of a classification, each label that is present, each
    band of a mask, UNKNOWN where novelty is over 1; nothing of labels that say NOTHING, or whose
    score is below `least`.

    A label of the whole slice is placed by the masks: around what they give its own name, else
    around all that they call occupied, else in the whole band.
    """
    masks = list(_occupied(records, answers))
    marks = []
    for record, answer in zip(records, answers, strict=True):
        said = answer.result
        if record.task == "segmentation":
            for of, label, rows in masks:
                if of == record.name:
                    marks += [Mark(record.name, label, *band, located=True) for band in bands(rows)]
        elif answer.novelty is not None and answer.novelty > 1:
            around = _around(UNKNOWN, masks)
            marks.append(Mark(record.name, UNKNOWN, *around, novelty=answer.novelty))
        else:
            present = said.labels[: 1 if record.task == "classification" else said.present or 0]
            marks += [
                Mark(record.name, one.label, *_around(one.label, masks), score=one.score)
                for one in present
                if one.score >= least and one.label.lower() not in NOTHING
            ]
    return marks


Occupied = tuple[str, str, Rows]  # head, label, rows from the lowest frequency up


def _occupied(records: Sequence[HeadRecord], answers: Sequence[Answer]) -> Iterator[Occupied]:
    for record, answer in zip(records, answers, strict=True):
        if answer.mask is None:
            continue
        for number, label in enumerate(record.labels):
            if label.lower() not in NOTHING:
                yield record.name, label, (answer.mask == number).mean(axis=1) >= LEAST


def _around(label: str, masks: Sequence[Occupied]) -> tuple[float, float]:
    own = [rows for _, name, rows in masks if name == label and rows.any()]
    found = own or [rows for _, _, rows in masks if rows.any()]
    edges = [band for rows in found for band in bands(rows)]
    return min((low for low, _ in edges), default=0.0), max((e for _, e in edges), default=1.0)


def bands(rows: Rows) -> list[tuple[float, float]]:
    """From where to where rows are occupied, as shares of the band."""
    at, count = np.flatnonzero(rows), len(rows)
    if not len(at):
        return []
    parted = np.flatnonzero(np.diff(at) > 1 + HOLE * count)
    lows, highs = at[[0, *(parted + 1)]], at[[*parted, -1]]
    return [(low / count, (high + 1) / count) for low, high in zip(lows, highs, strict=True)]
