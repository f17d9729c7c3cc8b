"""Looks for what spoils a corpus: copies, leaks between splits, bad samples; says what it cannot.

It reads the index only, not the recordings.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from radiofm.corpus.groups import groups, shared_slices
from radiofm.corpus.index import open_index
from radiofm.corpus.spec import get_base
from radiofm.corpus.split import get_rule

CLIPPED_SHARE = 1e-3  # of a recording's samples
DEAD_DB = 10.0  # above the spec's floor: only zeros or a stuck value give a cell so little
QUIET_OCCUPANCY = 0.02  # of cells: noise alone comes to 0.01 at 2 MS/s, to less at more
QUIET_SHARE = 0.95  # of a recording's slices
DC_SPUR_DB = 10.0  # median over a recording's slices

NOT_CHECKED = (
    "copies that were resampled, rescaled, filtered or converted to another datatype",
    "excerpts shorter than a slice; of one with few slices, each is found with a chance of 2 in 3",
    "samples that no slice covers: the rest of each segment, recordings shorter than a slice",
    "the same emitter or the same air heard by two devices",
    "whether rate, centre, time and device are as the metadata says",
    "images, aliases and spurs elsewhere than at 0 Hz",
    "recordings changed since the last build, or changed without a change of size and time",
    "labels and annotations",
)


@dataclass(frozen=True)
class Finding:
    """One thing found: its kind, what was found, in which recordings (paths)."""

    kind: str
    text: str
    recordings: tuple[str, ...]


@dataclass(frozen=True)
class Audit:
    findings: tuple[Finding, ...]
    not_checked: tuple[str, ...]


def audit(folder: Path) -> Audit:
    """Audit the corpus in `folder`; raises RecordingError where it is none."""
    with open_index(folder) as index:
        checks = (_unread, _duplicates, _excerpts, _leaks, _samples, _agc)
        findings = tuple(finding for check in checks for finding in check(index))
        return Audit(findings, (*_gaps_of_knowledge(index), *NOT_CHECKED))


def _unread(index: sqlite3.Connection) -> Iterator[Finding]:
    for path, reason in index.execute("SELECT * FROM unread ORDER BY path"):
        yield Finding("unread", reason, (path,))
    short = _paths(
        index, "SELECT path FROM recordings WHERE id NOT IN (SELECT recording FROM slices)"
    )
    if short:
        yield Finding("short", f"{len(short)} recordings hold no whole slice", short)


def _duplicates(index: sqlite3.Connection) -> Iterator[Finding]:
    for (sha512,) in index.execute(
        "SELECT sha512 FROM recordings GROUP BY sha512 HAVING count(*) > 1 ORDER BY min(path)"
    ).fetchall():
        paths = _paths(index, "SELECT path FROM recordings WHERE sha512 = ?", sha512)
        yield Finding("duplicate", f"{len(paths)} recordings have the same samples", paths)


def _excerpts(index: sqlite3.Connection) -> Iterator[Finding]:
    """Recordings that are not copies, but have some samples in common."""
    known = {row["id"]: row for row in index.execute("SELECT id, path, sha512 FROM recordings")}
    of: defaultdict[int, list[int]] = defaultdict(list)
    for mark, id in shared_slices(index):
        of[mark].append(id)
    pairs: defaultdict[tuple[str, ...], int] = defaultdict(int)
    for ids in of.values():
        if len({known[id]["sha512"] for id in ids}) > 1:
            pairs[tuple(sorted(known[id]["path"] for id in ids))] += 1
    for paths, count in sorted(pairs.items()):
        yield Finding("overlap", f"recordings have samples in common, at {count} places", paths)
    for path, places, slices in index.execute(
        "SELECT path, count(DISTINCT fingerprint), count(fingerprint) FROM slices"
        " JOIN recordings ON id = recording GROUP BY id"
        " HAVING count(fingerprint) > count(DISTINCT fingerprint) ORDER BY path"
    ):
        yield Finding("repeat", f"{slices} slices hold {places} different ones", (path,))


def _leaks(index: sqlite3.Connection) -> Iterator[Finding]:
    """What two splits have in common."""
    rule = get_rule(index)
    if rule is None:
        return
    rows = index.execute("SELECT * FROM recordings ORDER BY path").fetchall()
    split = {row["id"]: row["split"] for row in rows}
    path = {row["id"]: row["path"] for row in rows}
    content = [(row["sha512"], row["id"]) for row in rows] + shared_slices(index)
    checks: list[tuple[str, Iterable[tuple[object, int]]]] = [
        ("content", content),
        ("session", [(row["session"], row["id"]) for row in rows]),
    ]
    if rule.by in ("band", "device"):
        checks.append((rule.by, [(group, id) for id, group in groups(index, rule.by).items()]))
    for kind, marks in checks:
        of: defaultdict[object, set[int]] = defaultdict(set)
        for mark, id in marks:
            of[mark].add(id)
        leaking = {id for ids in of.values() if len({split[i] for i in ids}) > 1 for id in ids}
        if leaking:
            text = f"recordings in different splits share their {kind}"
            yield Finding("leak", text, tuple(sorted(path[id] for id in leaking)))


def _samples(index: sqlite3.Connection) -> Iterator[Finding]:
    """What the slices of each recording show: clipping, dead and quiet air, DC spur."""
    spec = get_base(index)
    slices: defaultdict[str, list[sqlite3.Row]] = defaultdict(list)
    for row in index.execute(
        "SELECT path, sample_rate_hz, clipped, occupancy, dc_spur_db, min_db"
        " FROM slices JOIN recordings ON id = recording ORDER BY path"
    ):
        slices[row["path"]].append(row)
    for path, rows in slices.items():
        count = len(rows)
        clipped = sum(row["clipped"] for row in rows)
        share = clipped / (count * spec.slice_samples(rows[0]["sample_rate_hz"]))
        dead = sum(row["min_db"] < spec.floor_db + DEAD_DB for row in rows)
        quiet = sum(row["occupancy"] < QUIET_OCCUPANCY for row in rows)
        spur = sorted(row["dc_spur_db"] for row in rows)[count // 2]
        if share > CLIPPED_SHARE:
            yield Finding("clipping", f"{share:.2%} of the samples are clipped", (path,))
        if dead:
            text = f"{dead} of {count} slices hold zeros or a stuck value"
            yield Finding("dead", text, (path,))
        elif quiet > QUIET_SHARE * count:
            yield Finding(
                "quiet", f"{quiet} of {count} slices show hardly more than noise", (path,)
            )
        if spur > DC_SPUR_DB:
            yield Finding("dc-spur", f"0 Hz stands {spur:.0f} dB above its neighbours", (path,))


def _agc(index: sqlite3.Connection) -> Iterator[Finding]:
    paths = _paths(
        index,
        "SELECT DISTINCT path FROM recordings JOIN segments ON id = recording"
        " WHERE gain_mode <> 'manual'",
    )
    if paths:
        text = f"{len(paths)} recordings were made under automatic gain: levels do not compare"
        yield Finding("agc", text, paths)


def _gaps_of_knowledge(index: sqlite3.Connection) -> Iterator[str]:
    """What cannot be checked since the recordings do not say it."""
    if get_rule(index) is None:
        yield "leaks between splits: the corpus is not split (radiofm corpus split)"
    for column, text in (
        ("gain_mode", "automatic gain in {} recordings that do not say their gain mode"),
        ("time_ns", "sessions of {} recordings that have no time: folder and device stand for it"),
        ("center_frequency_hz", "bands of {} recordings that have no centre frequency"),
    ):
        (count,) = index.execute(
            f"SELECT count(DISTINCT recording) FROM segments WHERE {column} IS NULL"
        ).fetchone()
        if count:
            yield text.format(count)
    (count,) = index.execute("SELECT count(*) FROM recordings WHERE hardware IS NULL").fetchone()
    if count:
        yield f"devices of {count} recordings that do not name theirs: all of them count as one"


def _paths(index: sqlite3.Connection, query: str, *values: str) -> tuple[str, ...]:
    return tuple(sorted(row[0] for row in index.execute(query, values)))
