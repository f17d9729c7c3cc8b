"""Writes an array set, shard by shard, each made by one process from its own seed."""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
from pydantic_core import to_json

import radiofm
from radiofm.array_set import ArrayInfo, Arrays, ArraySetInfo, sha256_of, shard_file
from radiofm.errors import UsageError

BEGUN = "begun.json"  # what is being made, until set.json says that it is whole


class Recipe(Protocol):
    """How the samples of a set are made: a frozen dataclass, its fields the set's parameters."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    name: ClassVar[str]
    about: ClassVar[str]
    not_for: ClassVar[str]
    group: ClassVar[str | None]  # the array whose values no split may divide
    shard: ClassVar[int]  # samples made at a time, by one process
    needs: ClassVar[tuple[str, ...]]  # distributions whose versions are recorded

    def arrays(self) -> dict[str, ArrayInfo]: ...

    def make(self, rows: range, rng: np.random.Generator) -> Arrays:
        """The samples `rows`, each array [len(rows), ...]; by `rng` alone."""


def write_array_set(
    out: Path,
    recipe: Recipe,
    count: int,
    seed: int,
    command: str,
    workers: int = 1,
    constants: Mapping[str, npt.NDArray[Any]] | None = None,
    progress: Callable[[int], None] = lambda made: None,
) -> ArraySetInfo:
    """Write `count` samples of `recipe` to `out`; `progress` is told the number made so far.

    The bytes depend on recipe, count and seed, not on `workers`; each process holds one shard.
    A set begun by the same call goes on where it stopped.
    Raises UsageError where `out` holds a set already, or another one was begun there.
    """
    if (out / "set.json").exists():
        raise UsageError(f"{out} holds a set already: name another folder, or remove it")
    out.mkdir(parents=True, exist_ok=True)
    provenance = {
        "command": command,
        "seed": seed,
        "radiofm": radiofm.__version__,
        **{name: version(name) for name in recipe.needs},
    }
    _begin(out, recipe, count, provenance)
    sha256 = {}
    for name, value in (constants or {}).items():
        np.save(out / f"{name}.npy", value)
        sha256[f"{name}.npy"] = sha256_of(out / f"{name}.npy")
    job = partial(_write_shard, out, recipe, count, seed)
    shards = range(math.ceil(count / recipe.shard))
    if workers == 1 or len(shards) == 1:
        for shard, files in enumerate(map(job, shards), 1):
            sha256 |= files
            progress(min(shard * recipe.shard, count))
    else:
        with multiprocessing.get_context("spawn").Pool(min(workers, len(shards))) as pool:
            for shard, files in enumerate(pool.imap(job, shards), 1):
                sha256 |= files
                progress(min(shard * recipe.shard, count))
    info = ArraySetInfo(
        name=recipe.name,
        about=recipe.about,
        not_for=recipe.not_for,
        count=count,
        shard=recipe.shard,
        arrays=recipe.arrays(),
        group=recipe.group,
        parameters=asdict(recipe),
        provenance=provenance,
        sha256=sha256,
    )
    (out / "card.md").write_text(card(info), "utf-8")
    # Last, so that a set with this file is whole.
    (out / "set.json").write_text(info.model_dump_json(indent=1) + "\n", "utf-8")
    (out / BEGUN).unlink()
    return info


def _begin(out: Path, recipe: Recipe, count: int, provenance: Mapping[str, Any]) -> None:
    """Note what is made in `out`, or raise UsageError where something else was begun there."""
    begun = {
        "name": recipe.name,
        "count": count,
        "parameters": asdict(recipe),
        "provenance": provenance,
    }
    said = to_json(begun, indent=1)
    file = out / BEGUN
    if file.exists() and file.read_bytes() != said:
        raise UsageError(f"{out} holds another set, begun ({file}): name another folder")
    file.write_bytes(said)


def _write_shard(out: Path, recipe: Recipe, count: int, seed: int, shard: int) -> dict[str, str]:
    """Make and write one shard where it is not there; the sha256 of its files."""
    files = {name: shard_file(name, shard) for name in recipe.arrays()}
    if not all((out / file).exists() for file in files.values()):
        _make_shard(out, recipe, count, seed, shard, files)
    return {file: sha256_of(out / file) for file in files.values()}


def _make_shard(
    out: Path, recipe: Recipe, count: int, seed: int, shard: int, files: Mapping[str, str]
) -> None:
    rows = range(shard * recipe.shard, min((shard + 1) * recipe.shard, count))
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(shard,)))
    made = recipe.make(rows, rng)
    for name, array in recipe.arrays().items():
        part = made[name].astype(array.dtype, copy=False)
        unfinished = out / f"{files[name]}.part"
        with unfinished.open("wb") as stream:
            np.save(stream, part.reshape(len(rows), *array.shape))
        unfinished.replace(out / files[name])


def card(info: ArraySetInfo) -> str:
    """The data card, Markdown."""
    lines = [f"# {info.name}: {info.count} simulated samples", "", info.about, "", "**Not** "]
    lines[-1] += info.not_for
    lines += ["", "| array | dtype | one sample | what |", "|---|---|---|---|"]
    for name, a in info.arrays.items():
        shape = " x ".join(map(str, a.shape)) or "1"
        labels = f" ({', '.join(a.labels)})" if a.labels else ""
        lines.append(f"| `{name}` | {a.dtype} | {shape} | {a.about}{labels} |")
    lines += ["", "| parameter | value |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in info.parameters.items()]
    lines += ["", "| provenance | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in info.provenance.items()]
    if info.group:
        lines += ["", f"Split by `{info.group}`: samples that share its value share more than air."]
    files = len(info.sha256)
    lines += ["", f"Shards of {info.shard} samples; sha256 of the {files} files in set.json.", ""]
    return "\n".join(lines)
