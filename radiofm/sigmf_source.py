"""SigMF as files: pairs, archives (`.sigmf`, read in place) and collections."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TypeVar

from radiofm.errors import RecordingError
from radiofm.formats import map_samples
from radiofm.sigmf_meta import pair, parse_collection, parse_meta, read_text
from radiofm.source import Source

META, COLLECTION = ".sigmf-meta", ".sigmf-collection"
_Place = TypeVar("_Place", Path, PurePosixPath)


def pair_source(path: Path) -> Source:
    """The SigMF pair that `path` (either file of it, or their common name) names."""
    meta_path, data_path = pair(path)
    if not meta_path.is_file() and not data_path.is_file():
        raise RecordingError(f"no recording {path}: no such file, nor {meta_path}")
    if data_path.with_suffix(".sigmf-journal").exists():
        raise RecordingError(
            f"recording {path} is open or was cut off: `radiofm corpus repair {path.parent}`"
        )
    if not meta_path.is_file():
        raise RecordingError(f"recording {path} has no metadata: bring back {meta_path}")
    if not data_path.is_file():
        raise RecordingError(f"recording {path} has no data: bring back {data_path}")
    return _source(meta_path, read_text(meta_path), data_path)


def collection_sources(path: Path) -> list[Source]:
    """The recordings beside a `.sigmf-collection`, in its order; their metadata is verified."""
    paths = _in_order(path, read_text(path), lambda name: path.with_name(name + META), read_text)
    return [pair_source(meta_path) for meta_path in paths]


def archive_sources(path: Path) -> list[Source]:
    """The recordings in a `.sigmf` archive: in the order of its collection, else as they lie.

    A tar holds its members as they are: the samples are mapped where they lie in it.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            members = {PurePosixPath(m.name): m for m in tar if m.isreg()}
            texts = {
                name: file.read()
                for name, member in members.items()
                if name.suffix in (META, COLLECTION) and (file := tar.extractfile(member))
            }
    except (OSError, tarfile.TarError) as error:
        raise RecordingError(
            f"{path} cannot be read as a SigMF archive: {error}: it must be a whole tar, "
            "not compressed"
        ) from None
    metas = [name for name in texts if name.suffix == META]
    collections = [name for name in texts if name.suffix == COLLECTION]
    if len(collections) == 1:
        (name,) = collections
        metas = _in_order(
            path / name,
            texts[name],
            lambda stream: name.with_name(stream + META),
            lambda meta: texts.get(meta, b""),
        )
    if not metas:
        raise RecordingError(f"{path} holds no recording: no {META} is in it")
    sources = []
    for name in metas:
        data = members.get(name.with_suffix(".sigmf-data"))
        if data is None or data.issparse():
            raise RecordingError(f"{path} holds {name} without its data, or sparsely: unpack it")
        sources.append(_source(path / name, texts[name], path, data.offset_data, data.size))
    return sources


def _source(
    meta_path: Path, text: bytes, file: Path, offset: int = 0, size: int | None = None
) -> Source:
    meta = parse_meta(meta_path, text)
    data = map_samples(file, meta, offset, size)
    return Source(file, meta_path.name.removesuffix(META), meta, data, json.loads(text))


def _in_order(
    path: Path, text: bytes, place: Callable[[str], _Place], read: Callable[[_Place], bytes]
) -> list[_Place]:
    """Where the metadata files of a collection are; each is held against its hash."""
    places = []
    for stream in parse_collection(path, text):
        at = place(stream.name)
        if hashlib.sha512(read(at)).hexdigest() != stream.hash.lower():
            raise RecordingError(
                f"{path}: {at} is missing or not the one that was collected (its SHA-512 differs): "
                "bring that back, or open the recordings one by one"
            )
        places.append(at)
    if not places:
        raise RecordingError(f"{path} lists no recordings (core:streams)")
    return places
