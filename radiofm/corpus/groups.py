"""Groups of recordings that belong together: by recording, session, band or device.

recording  the same samples; and the parts of one that was cut into files (core:offset goes on)
device     the same core:hw; all that do not say theirs are one
session    the same device and folder (the place), with less than an hour from one to the next;
           those without a time are one session of their folder and device
band       what was tuned to overlaps or touches, directly or through others; those without a
           centre are one

Recordings that share content, whole or in part, are in one group whatever it is made by.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Hashable, Iterable
from pathlib import PurePosixPath
from typing import Literal

from radiofm.sigmf_meta import format_time

By = Literal["recording", "session", "band", "device"]
Link = tuple[Hashable, int]  # (mark, recording): those that bear one mark belong together

PAUSE_NS = 3600 * 10**9  # between recordings: longer, and another session begins
CLOCK_NS = 10**9  # that the clock may be wrong between the parts of one recording
EDGE_HZ = 1.0  # of rounding: bands that touch are one, a signal may lie across
UNKNOWN = "unknown"
BETWEEN = ", "  # bands of one recording

_RECORDINGS = (
    "SELECT recordings.*, min(time_ns) AS start,"
    " max(time_ns + CAST(length / sample_rate_hz * 1e9 AS INTEGER)) AS stop"
    " FROM recordings LEFT JOIN segments ON id = recording GROUP BY id ORDER BY start, path"
)


def groups(index: sqlite3.Connection, by: By) -> dict[int, str]:
    """The group of each recording, by its id. A group is named by the least of its keys."""
    column = "sha512" if by == "recording" else by
    rows = index.execute(f"SELECT id, sha512, {column} AS key FROM recordings").fetchall()
    keys: dict[int, str] = {row["id"]: row["key"] for row in rows}
    links: list[Link] = [(("content", row["sha512"]), row["id"]) for row in rows]
    for id, key in keys.items():
        # A recording of several bands joins them.
        parts = key.split(BETWEEN) if by == "band" else [key]
        links += [(("key", part), id) for part in parts]
    links += [(("slice", mark), id) for mark, id in shared_slices(index)]
    links += _cut(index)
    named: dict[int, str] = {}
    for members in _components(keys, links):
        named.update(dict.fromkeys(members, min(keys[id] for id in members)))
    return named


def shared_slices(index: sqlite3.Connection) -> list[tuple[int, int]]:
    """(fingerprint, recording) of the fingerprints that several recordings have."""
    rows = index.execute(
        "SELECT DISTINCT fingerprint, recording FROM slices WHERE fingerprint IN ("
        " SELECT fingerprint FROM slices WHERE fingerprint IS NOT NULL"
        " GROUP BY fingerprint HAVING count(DISTINCT recording) > 1)"
    )
    return [(row[0], row[1]) for row in rows]


def label_groups(index: sqlite3.Connection) -> None:
    """Write session, band and device of each recording into the index."""
    rows = index.execute(_RECORDINGS).fetchall()
    sessions, bands = _sessions(rows), _bands(index)
    index.executemany(
        "UPDATE recordings SET session = ?, band = ?, device = ? WHERE id = ?",
        [
            (sessions[row["id"]], bands.get(row["id"], UNKNOWN), _device(row), row["id"])
            for row in rows
        ],
    )


def _device(row: sqlite3.Row) -> str:
    return row["hardware"] or UNKNOWN


def _folder(row: sqlite3.Row) -> str:
    return PurePosixPath(row["path"]).parent.as_posix()


def _sessions(rows: Iterable[sqlite3.Row]) -> dict[int, str]:
    """Sessions of recordings that come in the order of their time."""
    latest: dict[tuple[str, str], tuple[int, str]] = {}  # until when, and its name
    names: dict[int, str] = {}
    for row in rows:
        place = _folder(row), _device(row)
        start, stop = row["start"], row["stop"]
        if start is None:
            names[row["id"]] = BETWEEN.join([*place, "undated"])
            continue
        until, name = latest.get(place, (-PAUSE_NS, ""))
        if start - until > PAUSE_NS:
            name = BETWEEN.join([*place, f"{format_time(start)[:19]}Z"])
        latest[place] = max(until, stop), name
        names[row["id"]] = name
    return names


def _bands(index: sqlite3.Connection) -> dict[int, str]:
    """The bands of each recording, like `2400-2483.5 MHz`, where its centres are known."""
    rows = index.execute(
        "SELECT recording, center_frequency_hz - sample_rate_hz / 2 AS low,"
        " center_frequency_hz + sample_rate_hz / 2 AS high"
        " FROM segments JOIN recordings ON id = recording"
        " WHERE center_frequency_hz IS NOT NULL ORDER BY low"
    )
    merged: list[tuple[float, float, set[int]]] = []
    for id, low, high in rows:
        if merged and low <= merged[-1][1] + EDGE_HZ:
            first, last, members = merged.pop()
            merged.append((first, max(last, high), members | {id}))
        else:
            merged.append((low, high, {id}))
    names: defaultdict[int, list[str]] = defaultdict(list)
    for low, high, members in merged:
        for id in members:
            names[id].append(f"{low / 1e6:.6g}-{high / 1e6:.6g} MHz")
    return {id: BETWEEN.join(found) for id, found in names.items()}


def _cut(index: sqlite3.Connection) -> list[Link]:
    """Links from each file to the one where it goes on, by sample and by time."""
    rows = index.execute(_RECORDINGS).fetchall()
    ends: defaultdict[Hashable, list[sqlite3.Row]] = defaultdict(list)
    for row in rows:
        ends[(*_source(row), row["sample_offset"] + row["samples"])].append(row)
    links: list[Link] = []
    for row in rows:
        if row["sample_offset"] == 0:
            continue
        for before in ends[(*_source(row), row["sample_offset"])]:
            start, stop = row["start"], before["stop"]
            if start is None or stop is None or abs(start - stop) < CLOCK_NS:
                links += [(("cut", row["id"]), row["id"]), (("cut", row["id"]), before["id"])]
    return links


def _source(row: sqlite3.Row) -> tuple[Hashable, ...]:
    return _folder(row), row["hardware"], row["datatype"], row["sample_rate_hz"]


def _components(members: Iterable[int], links: Iterable[Link]) -> list[list[int]]:
    """The members, joined where links give them the same mark (union-find)."""
    parent = {member: member for member in members}

    def root(member: int) -> int:
        while parent[member] != member:
            parent[member] = member = parent[parent[member]]
        return member

    first: dict[Hashable, int] = {}
    for mark, member in links:
        parent[root(member)] = root(first.setdefault(mark, member))
    found: defaultdict[int, list[int]] = defaultdict(list)
    for member in parent:
        found[root(member)].append(member)
    return list(found.values())
