"""An array set: labelled samples of any modality on disk, written by simulators, read by trainers.

set.json            arrays, labels, parameters, seed, versions, sha256 of every file
card.md             the same for people, and what the set is not
NAME-00000.npy      one shard of the array NAME: [samples of the shard, ...]
NAME.npy            a constant of the whole set
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from radiofm.errors import RecordingError

Arrays = dict[str, npt.NDArray[Any]]
Rows = npt.NDArray[np.int64]


class ArrayInfo(BaseModel):
    """One array: what it holds, and the dtype and shape of one sample's part."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dtype: str
    shape: tuple[int, ...]
    about: str  # axes and unit
    labels: tuple[str, ...] = ()  # names of its integer values


class ArraySetInfo(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    name: str
    about: str
    not_for: str
    count: int
    shard: int  # samples in each shard but the last
    arrays: dict[str, ArrayInfo]
    group: str | None  # the array whose values no split may divide
    parameters: dict[str, Any]
    provenance: dict[str, Any]  # command, seed, versions
    sha256: dict[str, str]  # of each file


@dataclass(frozen=True)
class ArraySet:
    """An opened array set. Its shards are mapped as they are read."""

    path: Path
    info: ArraySetInfo

    @classmethod
    def open(cls, path: Path) -> ArraySet:
        """Open the set in folder `path`, or raise RecordingError saying what is wrong with it."""
        try:
            info = ArraySetInfo.model_validate_json((path / "set.json").read_text("utf-8"))
        except (OSError, ValidationError) as error:
            reason = str(error).splitlines()[0]
            raise RecordingError(f"array set {path}: {reason}: make it anew") from None
        gone = [file for file in info.sha256 if not (path / file).is_file()]
        if gone:
            raise RecordingError(f"array set {path}: {gone[0]} is not there: make it anew")
        return cls(path, info)

    def __len__(self) -> int:
        return self.info.count

    def read(self, name: str, rows: Rows | slice = slice(None)) -> npt.NDArray[Any]:
        """The samples `rows` of the array `name`, [rows, ...], in memory, in the order asked for.

        Raises RecordingError where a shard is not what set.json says.
        """
        array, size = self.info.arrays[name], self.info.shard
        wanted = np.arange(self.info.count)[rows]
        out = np.empty((len(wanted), *array.shape), array.dtype)
        for shard in np.unique(wanted // size):
            here = np.flatnonzero(wanted // size == shard)
            file = shard_file(name, int(shard))
            part = self._load(file)
            count = min(size, self.info.count - int(shard) * size)
            if part.shape != (count, *array.shape) or part.dtype != array.dtype:
                raise RecordingError(f"array set {self.path}: {file} is {part.dtype} {part.shape}")
            out[here] = part[wanted[here] - shard * size]
        return out

    def constant(self, name: str) -> npt.NDArray[Any]:
        """A constant of the whole set, mapped, read-only."""
        return self._load(f"{name}.npy")

    def verify(self) -> None:
        """Read every file; raises RecordingError for the first that was changed."""
        for file, sha256 in self.info.sha256.items():
            if sha256_of(self.path / file) != sha256:
                raise RecordingError(f"array set {self.path}: {file} was changed: make it anew")

    def _load(self, file: str) -> npt.NDArray[Any]:
        try:
            part: npt.NDArray[Any] = np.load(self.path / file, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise RecordingError(f"array set {self.path}: {file}: {error}: make it anew") from None
        return part


def shard_file(name: str, shard: int) -> str:
    return f"{name}-{shard:05d}.npy"


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
