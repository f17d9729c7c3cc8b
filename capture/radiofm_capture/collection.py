"""SigMF collections: which files belong to one recording session (`NAME.sigmf-collection`)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from radiofm.errors import RecordingError
from radiofm.files import put
from radiofm.sigmf_meta import read_meta


def write_collection(path: Path, metas: Iterable[Path]) -> None:
    """Write the collection of these .sigmf-meta files, all in its folder, in their order."""
    from sigmf import SigMFCollection  # slow to import

    names = [meta.name for meta in metas]
    whole = SigMFCollection(names, base_path=path.parent, skip_checksums=True)
    _put(path, whole.dumps())


def members(path: Path) -> list[Path]:
    """The .sigmf-meta files of its folder that name the collection, as their data were written."""
    found = []
    for meta_path in path.parent.glob("*.sigmf-meta"):
        try:
            meta = read_meta(meta_path)
        except RecordingError:
            continue  # another's, or broken: it does not belong to us
        data_path = meta_path.with_suffix(".sigmf-data")
        if meta.info.core_collection == path.stem and data_path.exists():
            found.append((data_path.stat().st_mtime_ns, meta_path))
    return [meta_path for _, meta_path in sorted(found)]


def strike_out(path: Path, name: str) -> None:
    """Take a recording that is gone out of its collection; an empty collection goes too."""
    try:
        keys = json.loads(path.read_bytes())
        streams = keys["collection"]["core:streams"]
        left = [stream for stream in streams if stream["name"] != name]
    except (OSError, ValueError, KeyError, TypeError):
        return  # gone, or not ours to mend
    if left:
        keys["collection"]["core:streams"] = left
        _put(path, json.dumps(keys, indent=4))
    else:
        path.unlink()


def _put(path: Path, text: str) -> None:
    put(path, (text + "\n").encode(), path.with_name(path.name + ".part"))
