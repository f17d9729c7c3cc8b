"""Files that get into their place whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def put(path: Path, text: bytes, part: Path) -> None:
    """Write a file at once: `part` first, which may hold room for it, then renamed to `path`."""
    file = os.open(part, os.O_WRONLY | os.O_CREAT, 0o666)
    with os.fdopen(file, "wb") as out:
        out.write(text)
        out.truncate()
        out.flush()
        os.fsync(out.fileno())
    part.replace(path)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
