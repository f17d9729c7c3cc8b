"""The spec of a corpus: chosen in the index, measured over its slices, written beside it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from radiofm.corpus.statistics import Statistics
from radiofm.errors import RecordingError
from radiofm.spectrogram import SpectrogramSpec

FILE = "spec.json"


def base_spec(spec: SpectrogramSpec) -> SpectrogramSpec:
    """The spec without statistics: what decides whether slices must be computed anew."""
    empty = SpectrogramSpec()
    measured = {"range_db": empty.range_db, "mean": empty.mean, "std": empty.std}
    return spec.model_copy(update=measured)


def same_decibels(one: SpectrogramSpec, other: SpectrogramSpec) -> bool:
    """Whether slices are the same before standardising."""
    plain = [base_spec(spec).model_copy(update={"centred": False}) for spec in (one, other)]
    return plain[0] == plain[1]


def get_base(index: sqlite3.Connection) -> SpectrogramSpec:
    """The spec that the index was made with; Table I for a new one."""
    row = index.execute("SELECT value FROM settings WHERE name = 'spec'").fetchone()
    return SpectrogramSpec.model_validate_json(row[0]) if row else SpectrogramSpec()


def set_base(index: sqlite3.Connection, spec: SpectrogramSpec) -> None:
    """Record the spec that the index is made with."""
    index.execute("REPLACE INTO settings VALUES ('spec', ?)", (spec.model_dump_json(),))


def write_spec(index: sqlite3.Connection, folder: Path) -> SpectrogramSpec:
    """Write spec.json: of the recordings in train where there is a split, else of all."""
    rows = index.execute(
        "SELECT statistics FROM recordings WHERE split = 'train' "
        "OR NOT EXISTS (SELECT 1 FROM settings WHERE name = 'split') ORDER BY path"
    )
    statistics = Statistics()
    for row in rows:
        statistics.merge(Statistics.from_bytes(row[0]))
    spec = statistics.apply(get_base(index))
    part = folder / f"{FILE}.part"
    part.write_text(spec.model_dump_json(indent=1) + "\n", "utf-8")
    part.replace(folder / FILE)
    return spec


def read_spec(folder: Path) -> SpectrogramSpec:
    """The spec of the corpus in `folder`, with its statistics."""
    try:
        return SpectrogramSpec.model_validate_json((folder / FILE).read_text("utf-8"))
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise RecordingError(
            f"{folder / FILE}: {reason}: run `radiofm corpus build {folder}` again"
        ) from None
