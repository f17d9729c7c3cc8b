"""Room on the disk: a floor that recordings leave free, and what is done when it is reached."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from radiofm.errors import RecordingError
from radiofm.quantities import format_si
from radiofm.sigmf_meta import pair, read_meta
from radiofm_capture.collection import strike_out
from radiofm_capture.sigmf_files import base_of, collection_path, journal_path

WhenFull = Literal["stop", "delete-oldest"]


class DiskSpace:
    """Keeps `floor_bytes` of the folder's disk free."""

    def __init__(self, folder: Path, floor_bytes: float = 0, when_full: WhenFull = "stop") -> None:
        self.floor_bytes = floor_bytes
        self.deletes = when_full == "delete-oldest"
        self._folder = folder.absolute()
        self._granted = 0  # bytes that a deletion made room for

    def free(self) -> int:
        """Bytes that are free on the disk."""
        folder = self._folder
        while not folder.exists():
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def claim(self, size: int) -> None:
        """Make sure that `size` bytes more leave the floor free, or raise OSError (ENOSPC).

        What a deletion freed is used up before the disk is asked again: some file systems free
        blocks late, and one recording after another would go for nothing.
        """
        if size > self._granted:
            free = self.free()
            while free - size < self.floor_bytes:
                freed = delete_oldest(self._folder) if self.deletes else 0
                if not freed:
                    raise OSError(errno.ENOSPC, self._full(free))
                free, self._granted = free + freed, self._granted + freed
        self._granted = max(0, self._granted - size)

    def _full(self, free: int) -> str:
        rest = " and nothing is left that may be deleted" if self.deletes else ""
        floor = format_si(self.floor_bytes, "B")
        return f"{format_si(free, 'B')} are free on the disk, the floor is {floor}{rest}"


def delete_oldest(folder: Path) -> int:
    """Delete the oldest finished recording of radiofm in the folder; return its bytes, 0 if none.

    One with `NAME.keep` beside it is never deleted, nor one that is open or broken.
    """
    base = next(_deletable(folder), None)
    if base is None:
        return 0
    meta_path, data_path = pair(base)
    collection = read_meta(meta_path).info.core_collection
    size = data_path.stat().st_size + meta_path.stat().st_size
    data_path.unlink(missing_ok=True)  # first: metadata alone are small, and seen to be broken
    meta_path.unlink(missing_ok=True)
    if collection:
        strike_out(collection_path(folder, collection), base.name)
    return size


def _deletable(folder: Path) -> Iterator[Path]:
    for meta_path in sorted(folder.glob("*.sigmf-meta"), key=_finished):
        base = base_of(meta_path)
        if base.with_name(base.name + ".keep").exists() or journal_path(base).exists():
            continue
        try:
            recorder = read_meta(meta_path).info.core_recorder
        except RecordingError:
            continue
        if (recorder or "").startswith("radiofm ") and pair(base)[1].exists():
            yield base


def _finished(meta_path: Path) -> tuple[int, Path]:
    try:
        return meta_path.stat().st_mtime_ns, meta_path
    except FileNotFoundError:  # somebody deletes, too
        return 0, meta_path
