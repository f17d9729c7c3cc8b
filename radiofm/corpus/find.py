"""Finds what may be a recording below a folder, and what tells whether it has changed."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from radiofm.raw_source import SUFFIXES
from radiofm.sigmf_meta import pair

OTHERS = (*SUFFIXES, ".sigmf", ".wav", ".npy")


class Stamp(NamedTuple):
    """Size and time of change of the data file and of its metadata, 0 where there is none."""

    size: int
    mtime_ns: int
    meta_size: int
    meta_mtime_ns: int


def find_recordings(folder: Path) -> list[Path]:
    """Data files of SigMF pairs below `folder`, sorted, then what else may be a recording."""
    pairs, others = set(), set()
    for path in folder.rglob("*"):
        suffix = path.suffix.lower()
        if suffix in (".sigmf-meta", ".sigmf-data"):
            meta, data = pair(path)
            if meta.is_file() and data.is_file():
                pairs.add(data)
            else:
                others.add(path)
        elif suffix in OTHERS and path.is_file():
            others.add(path)
    return [*sorted(pairs), *sorted(others)]


def stamp(path: Path) -> Stamp:
    """The stamp of what `find_recordings` found; raises OSError."""
    of, meta_path = path.stat(), pair(path)[0]
    if path.suffix.lower() != ".sigmf-data" or not meta_path.is_file():
        return Stamp(of.st_size, of.st_mtime_ns, 0, 0)
    meta = meta_path.stat()
    return Stamp(of.st_size, of.st_mtime_ns, meta.st_size, meta.st_mtime_ns)
