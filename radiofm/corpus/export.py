"""Exports slices to tar shards in WebDataset's layout, for training elsewhere.

OUT/NAME-000000.tar, NAME-000001.tar, ...: for each slice KEY.npy and KEY.json, one after the other.
OUT/NAME.json: the manifest: counts, spec, rule of the split, sha256 of each shard. NAME is the
split, `all` without one. `np.load(allow_pickle=False)` reads the arrays. The same corpus gives the
same bytes: no times, no owners, a seeded order.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np

import radiofm
from radiofm.corpus.reading import Corpus, CorpusSlice
from radiofm.errors import RecordingError, UsageError

Content = Literal["samples", "decibels"]


def export(
    folder: Path,
    out: Path,
    split: str | None = None,
    *,
    content: Content = "samples",
    shard_bytes: float = 256e6,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> dict[str, Any]:
    """Write the shards and return the manifest; `progress` is told slices done and to do.

    `content`: int16 or float32 samples [n, 2] as recorded, or the image [height, width] in dBFS.
    The slices are shuffled by `seed`, so that a reader who takes them in order has them mixed.
    Raises UsageError where `out` has such an export or there is nothing to export.
    """
    corpus = Corpus.open(folder)
    name = split or "all"
    if (out / f"{name}.json").exists() or any(out.glob(f"{name}-*.tar")):
        raise UsageError(f"{out} holds an export of {name}: name another folder, or remove it")
    places = corpus.slices(split)
    if not places:
        raise UsageError(f"{folder} holds no slices of {name}: nothing to export")
    order = np.random.default_rng(seed).permutation(len(places)).tolist()
    try:
        out.mkdir(parents=True, exist_ok=True)
        files = _files(corpus, (places[at] for at in order), content)
        shards = list(
            _shards(out, name, files, shard_bytes, lambda done: progress(done, len(order)))
        )
        manifest = {
            "format": "webdataset",
            "version": 1,
            "content": content,
            "split": split,
            "rule": corpus.rule.model_dump() if corpus.rule else None,
            "seed": seed,
            "slices": len(places),
            "recordings": len({place.recording for place in places}),
            "spec": corpus.spec.model_dump(mode="json"),
            "spec_hash": corpus.spec.hash,
            "shards": shards,
            "radiofm": radiofm.__version__,
        }
        # Last, so that an export with this file is whole.
        (out / f"{name}.json").write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
    except OSError as error:
        raise RecordingError(
            f"export to {out} failed: {error.strerror}: make room or name another folder"
        ) from None
    return manifest


def _files(
    corpus: Corpus, places: Iterator[CorpusSlice], content: Content
) -> Iterator[tuple[str, bytes, bytes]]:
    """(key, .npy file, .json file) of each slice."""
    rank = {id: at for at, id in enumerate(corpus.recordings)}  # by path: ids tell of the past
    for place in places:
        recording = corpus.recordings[place.recording]
        array = corpus.read(place).samples if content == "samples" else corpus.decibels(place)
        file = io.BytesIO()
        np.save(file, np.ascontiguousarray(array), allow_pickle=False)
        what: dict[str, Any] = {
            name: getattr(recording, name)
            for name in (
                "path", "sha512", "sample_rate_hz", "full_scale", "hardware", "session", "band",
                "device", "split",
            )
        }  # fmt: skip
        what |= asdict(place) | {"sample_count": corpus.spec.slice_samples(what["sample_rate_hz"])}
        del what["recording"]
        yield f"{rank[place.recording]:06d}-{place.number:06d}", file.getvalue(), _json(what)


def _json(what: dict[str, Any]) -> bytes:
    return json.dumps(what, sort_keys=True).encode()


def _shards(
    out: Path,
    name: str,
    files: Iterator[tuple[str, bytes, bytes]],
    shard_bytes: float,
    progress: Callable[[int], None],
) -> Iterator[dict[str, Any]]:
    """Write the shards, each ended by the slice that fills it; yields their entries."""
    done, waiting = 0, next(files, None)
    number = 0
    while waiting is not None:
        path = out / f"{name}-{number:06d}.tar"
        part = path.with_name(path.name + ".part")
        slices = 0
        with tarfile.open(part, "w", format=tarfile.USTAR_FORMAT) as tar:
            while waiting is not None and (slices == 0 or tar.offset < shard_bytes):
                key, array, what = waiting
                for suffix, data in (("npy", array), ("json", what)):
                    member = tarfile.TarInfo(f"{key}.{suffix}")
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
                slices, done = slices + 1, done + 1
                progress(done)
                waiting = next(files, None)
        with part.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        part.replace(path)
        yield {
            "name": path.name,
            "slices": slices,
            "bytes": path.stat().st_size,
            "sha256": sha256,
        }
        number += 1
