"""One SigMF pair, written as the samples come."""

from __future__ import annotations

import hashlib
import os
from bisect import bisect_right
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from radiofm.errors import RecordingError
from radiofm.sigmf_meta import Annotation, Capture, Info, Meta, meta_bytes, pair
from radiofm.wire import DTYPES

RESERVED_BYTES = 256 * 1024  # kept for the metadata, so that a full disk can hold it too


def refuse_existing(base: Path) -> None:
    """Raise RecordingError where `base` would overwrite a recording."""
    for path in pair(base):
        if path.exists():
            raise RecordingError(f"{path} exists: choose another name or move it away")


class SigmfWriter:
    """Appends samples to the data file; `finish` puts the metadata beside it.

    Until then `.sigmf-meta.part` holds the place. Methods raise OSError, `__init__` also
    RecordingError. Power loss costs what the system has not yet written: `finish` waits for it.
    """

    def __init__(self, base: Path, info: Info) -> None:
        refuse_existing(base)
        base.parent.mkdir(parents=True, exist_ok=True)
        self.meta_path, self.data_path = pair(base)
        self.samples = 0
        self.captures: list[Capture] = []
        self._info = info
        self._dtype = DTYPES[info.core_datatype]
        self._hash = hashlib.sha512()
        self._part = self.meta_path.with_name(self.meta_path.name + ".part")
        self._meta: BinaryIO = self._part.open("wb", buffering=0)
        try:
            os.posix_fallocate(self._meta.fileno(), 0, RESERVED_BYTES)
            self._data: BinaryIO = self.data_path.open("xb", buffering=0)
        except OSError:
            self._meta.close()
            self._part.unlink()
            raise

    @property
    def bytes_written(self) -> int:
        return self.samples * 2 * self._dtype.itemsize

    def append(self, samples: npt.NDArray[Any]) -> None:
        """Write int16 or float32 [count, 2]. After an OSError whole samples are in the file."""
        view = np.ascontiguousarray(samples, self._dtype).data.cast("B")
        done = 0
        try:
            while done < len(view):
                done += self._data.write(view[done:])
        finally:
            whole = done // (2 * self._dtype.itemsize)
            self._hash.update(view[: whole * 2 * self._dtype.itemsize])
            self.samples += whole

    def finish(self, annotations: list[Annotation]) -> None:
        """Write the metadata; a pair without samples is removed instead."""
        with self._data, self._meta:
            self._data.truncate(self.bytes_written)  # a torn sample
            if self.samples == 0:
                self._part.unlink()
                self.data_path.unlink()
                return
            meta = Meta(
                info=self._info.model_copy(update={"core_sha512": self._hash.hexdigest()}),
                captures=tuple(c for c in self.captures if c.core_sample_start < self.samples),
                annotations=tuple(sorted(annotations, key=lambda a: a.core_sample_start)),
            )
            text = meta_bytes(meta)
            os.fsync(self._data.fileno())
            self._meta.write(text)
            self._meta.truncate(len(text))
            os.fsync(self._meta.fileno())
        self._part.replace(self.meta_path)
        _sync_folder(self.meta_path.parent)

    def position(self, global_index: int) -> int:
        """Where in the file the sample of this index is, or would be had it not been lost."""
        at = bisect_right(self.captures, global_index, key=_global_index) - 1
        if at < 0:
            return 0
        starts = [c.core_sample_start for c in self.captures[at : at + 2]] + [self.samples]
        here = starts[0] + global_index - _global_index(self.captures[at])
        return min(here, starts[1])


def _global_index(capture: Capture) -> int:
    assert capture.core_global_index is not None
    return capture.core_global_index


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
