"""What a corpus holds, in figures: air time, occupancy, clipping and gaps, by group."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from radiofm.corpus.index import open_index
from radiofm.corpus.spec import read_spec
from radiofm.corpus.split import SplitRule, get_rule
from radiofm.corpus.statistics import Statistics
from radiofm.spectrogram import SpectrogramSpec

GROUPINGS = ("band", "rate", "device", "session", "split")


@dataclass(frozen=True)
class Figures:
    """Of some recordings. Shares are of samples in slices (clipped), of cells (occupancy)."""

    recordings: int
    seconds: float  # of air that is in the files
    span: float  # seconds with what was lost; between bursts, air is untaken and not counted
    slices: int
    occupancy: float | None  # mean; None without slices
    clipped_share: float | None
    gaps: int  # where samples were lost


@dataclass(frozen=True)
class Summary:
    """Of a whole corpus, and of its parts by band, rate, device, session and split."""

    spec: SpectrogramSpec
    rule: SplitRule | None
    bytes: int
    unread: dict[str, str]
    whole: Figures
    parts: dict[str, dict[str, Figures]]
    statistics: Statistics  # of the slices' images


def summarise(folder: Path) -> Summary:
    """The summary of the corpus in `folder`; raises RecordingError where it is none."""
    spec = read_spec(folder)
    with open_index(folder) as index:
        rows = list(_recordings(index, spec))
        statistics = Statistics()
        for (data,) in index.execute("SELECT statistics FROM recordings ORDER BY path"):
            statistics.merge(Statistics.from_bytes(data))
        rule = get_rule(index)
        parts: dict[str, dict[str, Figures]] = {}
        for grouping in GROUPINGS if rule else GROUPINGS[:-1]:
            of: dict[str, list[dict[str, float]]] = {}
            for row, figures in rows:
                of.setdefault(_name(row, grouping), []).append(figures)
            parts[grouping] = {name: _add(of[name]) for name in sorted(of)}
        return Summary(
            spec,
            rule,
            sum(row["size"] for row, _ in rows),
            dict(index.execute("SELECT path, reason FROM unread ORDER BY path").fetchall()),
            _add([figures for _, figures in rows]),
            parts,
            statistics,
        )


def _name(row: sqlite3.Row, grouping: str) -> str:
    name = f"{row['sample_rate_hz'] / 1e6:g} MS/s" if grouping == "rate" else row[grouping]
    return str(name)


def _recordings(
    index: sqlite3.Connection, spec: SpectrogramSpec
) -> Iterator[tuple[sqlite3.Row, dict[str, float]]]:
    """Each recording with what adds up over recordings."""
    for row in index.execute(
        "SELECT recordings.*,"
        " (SELECT count(*) FROM slices WHERE recording = id) AS slices,"
        " (SELECT total(occupancy) FROM slices WHERE recording = id) AS occupancy,"
        " (SELECT total(clipped) FROM slices WHERE recording = id) AS clipped,"
        " (SELECT count(*) FROM segments WHERE recording = id AND lost > 0) AS gaps,"
        " (SELECT total(lost) FROM segments WHERE recording = id) AS lost"
        " FROM recordings ORDER BY path"
    ).fetchall():
        rate = row["sample_rate_hz"]
        yield (
            row,
            {
                "seconds": row["samples"] / rate,
                "span": (row["samples"] + row["lost"]) / rate,
                "sliced": row["slices"] * spec.slice_samples(rate),
                **{name: row[name] for name in ("slices", "occupancy", "clipped", "gaps")},
            },
        )


def _add(rows: list[dict[str, float]]) -> Figures:
    total: Counter[str] = Counter()
    for row in rows:
        total.update(row)
    slices = int(total["slices"])
    return Figures(
        recordings=len(rows),
        seconds=float(total["seconds"]),
        span=float(total["span"]),
        slices=slices,
        occupancy=total["occupancy"] / slices if slices else None,
        clipped_share=total["clipped"] / total["sliced"] if slices else None,
        gaps=int(total["gaps"]),
    )
