"""The index of a corpus: one SQLite file, its schema versioned by `user_version`.

Paths are relative to the corpus folder, so that it can be moved. Units are in the names.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from radiofm.errors import RecordingError

FILE = "corpus.sqlite"
VERSION = 1

SCHEMA = """
CREATE TABLE settings (      -- JSON: spec (before statistics), split (the rule, or absent)
    name TEXT PRIMARY KEY, value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE recordings (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,   -- of the file that holds the samples
    size INTEGER NOT NULL,       -- these four decide whether it is read again
    mtime_ns INTEGER NOT NULL,
    meta_size INTEGER NOT NULL,
    meta_mtime_ns INTEGER NOT NULL,
    sha512 TEXT NOT NULL,        -- of the samples as on disk
    datatype TEXT NOT NULL,      -- SigMF, on disk
    sample_rate_hz REAL NOT NULL,
    full_scale REAL NOT NULL,    -- counts at 0 dBFS, as read
    samples INTEGER NOT NULL,
    sample_offset INTEGER NOT NULL,  -- core:offset: where a part of a longer recording begins
    hardware TEXT,
    statistics BLOB NOT NULL,    -- Statistics.to_bytes
    session TEXT, band TEXT, device TEXT,  -- groups.py
    split TEXT                   -- train, validation or test
);
CREATE TABLE segments (
    recording INTEGER NOT NULL REFERENCES recordings(id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    start INTEGER NOT NULL, length INTEGER NOT NULL, global_index INTEGER NOT NULL,
    center_frequency_hz REAL, time_ns INTEGER, gain_db REAL, gain_mode TEXT,
    lost INTEGER NOT NULL, untaken INTEGER NOT NULL,  -- samples missing just before it
    PRIMARY KEY (recording, number)
) WITHOUT ROWID;
CREATE TABLE slices (
    recording INTEGER NOT NULL REFERENCES recordings(id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    segment INTEGER NOT NULL,
    start INTEGER NOT NULL,      -- sample of the file
    level_dbfs REAL NOT NULL, clipped INTEGER NOT NULL,
    occupancy REAL NOT NULL, dc_spur_db REAL NOT NULL, min_db REAL NOT NULL, max_db REAL NOT NULL,
    fingerprint INTEGER,         -- fingerprint.py; NULL for a constant
    PRIMARY KEY (recording, number)
) WITHOUT ROWID;
CREATE INDEX slices_by_fingerprint ON slices (fingerprint);
CREATE TABLE unread (            -- what was found and could not be read, and why
    path TEXT PRIMARY KEY, reason TEXT NOT NULL
) WITHOUT ROWID;
"""


@contextmanager
def open_index(folder: Path, *, create: bool = False) -> Iterator[sqlite3.Connection]:
    """The index in `folder`; what was changed is kept unless the block raises.

    Raises RecordingError where there is none (unless `create`) or it cannot be used.
    """
    path = folder / FILE
    if not create and not path.is_file():
        raise RecordingError(f"{folder} is no corpus: run `radiofm corpus build {folder}` first")
    try:
        with closing(sqlite3.connect(path)) as index, index:
            index.row_factory = sqlite3.Row
            index.execute("PRAGMA foreign_keys = ON")
            _check_version(path, index)
            yield index
    except sqlite3.Error as error:
        raise RecordingError(
            f"{path} cannot be used ({error}): make its folder writable, wait for who else uses "
            "it, or delete it and run `radiofm corpus build`"
        ) from None


def _check_version(path: Path, index: sqlite3.Connection) -> None:
    version = index.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        index.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
    elif version != VERSION:
        raise RecordingError(
            f"{path} is of schema {version}, this radiofm reads {VERSION}: "
            "delete it and run `radiofm corpus build`"
        )
