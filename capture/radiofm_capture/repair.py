"""Repair: recordings that were cut off become valid SigMF, by their journals (journal.py).

What the journal commits is kept, exactly, with every gap; the rest is cut off. Annotations that
were made while recording are lost. May be killed at any step, and run again.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal

from radiofm.errors import RecordingError
from radiofm.files import put, sync_folder
from radiofm.sigmf_meta import Capture, Info, Meta, meta_bytes, pair
from radiofm.wire import DTYPES
from radiofm_capture.collection import members, write_collection
from radiofm_capture.journal import Entry, lock, read_entries, read_head
from radiofm_capture.sigmf_files import (
    base_of,
    collection_path,
    journal_path,
    part_path,
)

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Repair:
    """What was done about one recording."""

    path: Path  # the metadata file
    action: Literal["restored", "completed", "removed", "in use", "failed"]
    samples: int = 0
    captures: int = 0
    cut_bytes: int = 0  # that were not committed
    reason: str = ""  # of a failure

    def __str__(self) -> str:
        match self.action:
            case "restored":
                cut = f", {self.cut_bytes} bytes cut off" if self.cut_bytes else ""
                return (
                    f"{self.path}: restored with {self.samples} samples in "
                    f"{self.captures} segments{cut}"
                )
            case "completed":
                return f"{self.path}: was whole, its journal is removed"
            case "removed":
                return f"{self.path}: removed, no sample of it was committed"
            case "in use":
                return f"{self.path}: is being recorded, left alone"
            case _:
                return f"{self.path}: not repaired: {self.reason}"


def broken(place: Path, *, below: bool = False) -> list[Path]:
    """The journals in a folder (and those below it), or of the recording that `place` names."""
    if place.is_dir():
        pattern = "**/*.sigmf-journal" if below else "*.sigmf-journal"
        return sorted(place.glob(pattern))
    path = journal_path(base_of(place))
    return [path] if path.exists() else []


def repair(
    place: Path, *, below: bool = False, progress: Progress = lambda read: None
) -> list[Repair]:
    """Repair what `broken` finds. One that another process is recording is left alone.

    `progress` is told of the bytes of data as they are checked.
    """
    return [_attempt(path, progress) for path in broken(place, below=below)]


def _attempt(path: Path, progress: Progress) -> Repair:
    meta_path = pair(base_of(path))[0]
    try:
        journal = lock(path)
        if journal is None:
            return Repair(meta_path, "completed")
        with journal:
            return _repair(base_of(path), journal, progress)
    except BlockingIOError:
        return Repair(meta_path, "in use")
    except RecordingError as error:
        return Repair(meta_path, "failed", reason=str(error))
    except OSError as error:
        return Repair(meta_path, "failed", reason=f"{error.strerror}: {error.filename or path}")


def _repair(base: Path, journal: BinaryIO, progress: Progress) -> Repair:
    meta_path, data_path = pair(base)
    info = read_head(journal)
    if meta_path.exists():
        _conclude(base, info)
        return Repair(meta_path, "completed")
    size = data_path.stat().st_size if data_path.exists() else 0
    if info is None:
        if size:
            raise RecordingError("the beginning of its journal is damaged: the data are untouched")
        return _remove(base, None)
    entries = read_entries(journal)
    if not data_path.exists():
        if next(entries, None):
            raise RecordingError(f"it has no data: bring back {data_path}")
        return _remove(base, info)
    with data_path.open("r+b") as data:
        found = _committed(info, entries, data, progress)
        if found.bytes == 0:
            return _remove(base, info)
        data.truncate(found.bytes)
        os.fsync(data.fileno())
    whole = info.model_copy(update={"core_sha512": found.digest.hexdigest()})
    meta = Meta(info=whole, captures=tuple(found.captures))
    put(meta_path, meta_bytes(meta), part_path(base))
    _conclude(base, info)
    return Repair(meta_path, "restored", found.samples, len(found.captures), size - found.bytes)


@dataclass
class _Committed:
    """The part of a data file that its journal commits."""

    bytes: int = 0
    samples: int = 0
    next_index: int = 0
    captures: list[Capture] = field(default_factory=list)
    digest: Any = field(default_factory=hashlib.sha512)


def _committed(
    info: Info, entries: Iterable[Entry], data: BinaryIO, progress: Progress
) -> _Committed:
    """Read the data block by block, up to the first that is not what the journal says."""
    found, frame = _Committed(), 2 * DTYPES[info.core_datatype].itemsize
    for entry in entries:
        block = data.read(entry.count * frame)
        if len(block) < entry.count * frame:
            break
        if zlib.crc32(block) != entry.crc32:
            if found.bytes == 0:
                raise RecordingError("its data are not what the journal says: they are untouched")
            break
        if entry.capture:
            found.captures.append(entry.capture)
            found.next_index = entry.capture.core_global_index or 0
        if entry.offset != found.bytes or entry.index != found.next_index:
            break
        found.digest.update(block)
        found.bytes += len(block)
        found.samples += entry.count
        found.next_index += entry.count
        progress(len(block))
    return found


def _remove(base: Path, info: Info | None) -> Repair:
    meta_path, data_path = pair(base)
    data_path.unlink(missing_ok=True)
    part_path(base).unlink(missing_ok=True)
    _conclude(base, info)
    return Repair(meta_path, "removed")


def _conclude(base: Path, info: Info | None) -> None:
    """Put the collection right, then remove the journal: nothing is left to do."""
    if info and info.core_collection:
        path = collection_path(base.parent, info.core_collection)
        if metas := members(path):
            write_collection(path, metas)
    journal_path(base).unlink()
    sync_folder(base.parent)
