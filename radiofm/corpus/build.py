"""Builds the index of a corpus: reads what is new or changed, forgets what is gone."""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from radiofm.corpus.find import Stamp, find_recordings, stamp
from radiofm.corpus.groups import label_groups
from radiofm.corpus.index import open_index
from radiofm.corpus.measure import Measured, RecordingRow, SegmentRow, SliceRow, measure
from radiofm.corpus.spec import base_spec, get_base, set_base, write_spec
from radiofm.corpus.split import assign_again
from radiofm.errors import RadiofmError, RecordingError
from radiofm.spectrogram import SpectrogramSpec

SPAWN_BYTES = 200 * 10**6  # to read: less is done before another process has started

Progress = Callable[[int, int], None]  # bytes read, bytes to read


@dataclass
class BuildReport:
    """What a build did. Sizes in bytes."""

    recordings: int = 0
    read: int = 0
    unchanged: int = 0
    forgotten: int = 0
    bytes_read: int = 0
    slices: int = 0
    unread: dict[str, str] = field(default_factory=dict)  # path -> reason
    spec: SpectrogramSpec = field(default_factory=SpectrogramSpec)  # with its statistics


def build(
    folder: Path,
    spec: SpectrogramSpec | None = None,
    workers: int = 1,
    progress: Progress = lambda read, of: None,
) -> BuildReport:
    """Bring the index of `folder` up to date and write its spec; what is read is kept at once.

    `spec` None is the one the index has, else Table I; its statistics are measured. Another spec
    reads everything anew. Raises RecordingError where no recording holds a slice.
    """
    if not folder.is_dir():
        raise RecordingError(f"{folder} is no folder: give the one that the recordings are in")
    report = BuildReport()
    with open_index(folder, create=True) as index:
        spec = base_spec(spec) if spec else get_base(index)
        if spec != get_base(index):
            index.execute("DELETE FROM recordings")
        set_base(index, spec)
        changed = _changed(index, folder, report)
        _read(index, folder, changed, spec, workers, progress, report)
        _note_unread(index, report.unread)
        label_groups(index)
        assign_again(index)
        report.recordings = index.execute("SELECT count(*) FROM recordings").fetchone()[0]
        report.slices = index.execute("SELECT count(*) FROM slices").fetchone()[0]
        index.commit()
        if report.slices == 0:
            first = next(iter(report.unread.values()), "no recording of that length")
            raise RecordingError(
                f"{folder} holds no slice of {spec.duration_s * 1e3:g} ms ({first}): "
                "put recordings there"
            )
        report.spec = write_spec(index, folder)
    return report


def _name(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def _changed(index: sqlite3.Connection, folder: Path, report: BuildReport) -> dict[Path, Stamp]:
    """The recordings to read, with their stamps of before the reading; forgets what is gone."""
    known = {
        row["path"]: Stamp(*(row[name] for name in Stamp._fields))
        for row in index.execute("SELECT * FROM recordings")
    }
    changed: dict[Path, Stamp] = {}
    for path in find_recordings(folder):
        name = _name(folder, path)
        try:
            now = stamp(path)
        except OSError as error:
            report.unread[name] = str(error)
            continue
        if known.get(name) == now:
            report.unchanged += 1
            del known[name]
        else:
            changed[path] = now
    report.forgotten = len(known.keys() - {_name(folder, path) for path in changed})
    index.executemany("DELETE FROM recordings WHERE path = ?", [(name,) for name in known])
    return changed


def _read(
    index: sqlite3.Connection,
    folder: Path,
    changed: dict[Path, Stamp],
    spec: SpectrogramSpec,
    workers: int,
    progress: Progress,
    report: BuildReport,
) -> None:
    total, done = sum(found.size for found in changed.values()), 0
    if total < SPAWN_BYTES:
        workers = 1

    def within(read: int) -> None:
        progress(done + read, total)

    for path, result in _measured(list(changed), spec, min(workers, len(changed)), within):
        name = _name(folder, path)
        if isinstance(result, str):
            report.unread[name] = result
        else:
            _store(index, name, changed[path], result)
            report.read += 1
            report.bytes_read += changed[path].size
        done += changed[path].size
        progress(done, total)


Result = tuple[Path, Measured | str]  # or why it could not be


def _measured(
    paths: list[Path], spec: SpectrogramSpec, workers: int, progress: Callable[[int], None]
) -> Iterator[Result]:
    """The recordings in order, measured here or in processes of their own."""
    if workers <= 1:
        yield from (_measure(path, spec, progress) for path in paths)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap(partial(_measure, spec=spec), paths)


def _measure(
    path: Path, spec: SpectrogramSpec, progress: Callable[[int], None] = lambda read: None
) -> Result:
    try:
        return path, measure(path, spec, progress)
    except (RadiofmError, OSError) as error:
        return path, str(error)


def _store(index: sqlite3.Connection, name: str, found: Stamp, measured: Measured) -> None:
    """Keep a recording, for good: a build that is stopped later does not read it again."""
    columns = ("path", *Stamp._fields, *RecordingRow._fields)
    id = index.execute(
        _insert("recordings", columns), (name, *found, *measured.recording)
    ).lastrowid
    segments, slices = ("recording", *SegmentRow._fields), ("recording", *SliceRow._fields)
    index.executemany(_insert("segments", segments), ((id, *row) for row in measured.segments))
    index.executemany(_insert("slices", slices), ((id, *row) for row in measured.slices))
    index.commit()


def _insert(table: str, columns: tuple[str, ...]) -> str:
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"


def _note_unread(index: sqlite3.Connection, unread: dict[str, str]) -> None:
    index.execute("DELETE FROM unread")
    index.executemany("INSERT INTO unread VALUES (?, ?)", sorted(unread.items()))
