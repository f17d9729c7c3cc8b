"""The files of a recording: their names, and how each gets into its place whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from radiofm.errors import RecordingError
from radiofm.sigmf_meta import pair

RESERVED_BYTES = 256 * 1024  # kept for the metadata, so that a full disk can hold it too
RESERVED_A_CAPTURE = 1024  # bytes of metadata that one capture segment takes at most


def base_of(path: Path) -> Path:
    """The common name of the recording that any of its files names."""
    if path.suffix == ".sigmf-journal":
        return path.with_suffix("")
    return pair(path)[0].with_suffix("")


def journal_path(base: Path) -> Path:
    """The journal: there as long as the recording is open, or was cut off."""
    return base.with_name(base.name + ".sigmf-journal")


def part_path(base: Path) -> Path:
    """The metadata's place until they are whole."""
    return base.with_name(base.name + ".sigmf-meta.part")


def collection_path(folder: Path, name: str) -> Path:
    return folder / f"{name}.sigmf-collection"


def taken(base: Path) -> Path | None:
    """The file that a recording of this name would overwrite, if there is one."""
    return next((path for path in (*pair(base), journal_path(base)) if path.exists()), None)


def refuse_existing(base: Path) -> None:
    """Raise RecordingError where `base` would overwrite a recording."""
    if path := taken(base):
        raise RecordingError(f"{path} exists: choose another name or move it away")


def reserve(base: Path, captures: int) -> int:
    """Make room on the disk for the metadata of so many captures and more; return the bytes."""
    size = RESERVED_BYTES + 2 * captures * RESERVED_A_CAPTURE
    file = os.open(part_path(base), os.O_WRONLY | os.O_CREAT, 0o666)
    try:
        os.posix_fallocate(file, 0, size)
    finally:
        os.close(file)
    return size
