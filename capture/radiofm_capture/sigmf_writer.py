"""One SigMF pair, written as the samples come, with its journal beside it."""

from __future__ import annotations

import hashlib
import os
import time
import zlib
from bisect import bisect_right
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from radiofm.files import put
from radiofm.sigmf_meta import Annotation, Capture, Info, Meta, meta_bytes, pair
from radiofm.wire import DTYPES
from radiofm_capture.journal import Entry, Journal
from radiofm_capture.sigmf_files import (
    RESERVED_A_CAPTURE,
    part_path,
    refuse_existing,
    reserve,
)

SYNC_BYTES = 64 << 20
SYNC_S = 1.0


class SigmfWriter:
    """Appends samples to the data file; `finish` puts the metadata beside it.

    Until then the journal tells what is committed, and `.sigmf-meta.part` holds room for the
    metadata. In order: `append`, `finish`, `release`, and `close` in every case. Methods raise
    OSError, `__init__` also RecordingError.

    An fdatasync of data and journal begins at the first block after SYNC_BYTES or SYNC_S,
    whichever comes first, and ends before the next one: power loss costs what came after it.
    """

    def __init__(self, base: Path, info: Info) -> None:
        refuse_existing(base)
        base.parent.mkdir(parents=True, exist_ok=True)
        self.base = base
        self.meta_path, self.data_path = pair(base)
        self.samples = 0
        self.captures: list[Capture] = []
        self.info = info
        self._dtype = DTYPES[info.core_datatype]
        self._hash = hashlib.sha512()
        self._journal = Journal(base, info)
        try:
            self._reserved = reserve(base, 0)
            self._data: BinaryIO = self.data_path.open("xb", buffering=0)
        except OSError:
            part_path(base).unlink(missing_ok=True)
            self._journal.remove()
            self._journal.close()
            raise
        self._syncer = ThreadPoolExecutor(1, "fdatasync")
        self._syncing = self._syncer.submit(lambda: None)
        self._unsynced, self._synced = 0, time.monotonic()

    @property
    def bytes_written(self) -> int:
        return self.samples * self.frame_bytes

    @property
    def frame_bytes(self) -> int:
        """Bytes of a sample."""
        return 2 * self._dtype.itemsize

    @property
    def end(self) -> int:
        """The index after the last sample, as SigMF counts: from `core:offset` on."""
        return self.info.core_offset + self.samples

    def append(self, samples: npt.NDArray[Any], index: int, capture: Capture | None = None) -> None:
        """Write int16 or float32 [count, 2] from global index `index` on, and commit them.

        `capture` is the segment that begins here. After an OSError whole samples are in the file.
        """
        if capture:
            self.captures.append(capture)
            if len(self.captures) * RESERVED_A_CAPTURE > self._reserved:
                self._reserved = reserve(self.base, len(self.captures))
        offset, view = self.bytes_written, np.ascontiguousarray(samples, self._dtype).data.cast("B")
        self._write(view)
        crc32 = zlib.crc32(view)
        entry = Entry(offset=offset, index=index, count=len(samples), crc32=crc32, capture=capture)
        self._journal.commit(entry)
        self._unsynced += len(view)
        if self._unsynced >= SYNC_BYTES or time.monotonic() - self._synced >= SYNC_S:
            self._syncing.result()
            self._syncing = self._syncer.submit(self._sync)
            self._unsynced, self._synced = 0, time.monotonic()

    def _sync(self) -> None:
        os.fdatasync(self._data.fileno())
        self._journal.sync()

    def _write(self, view: memoryview) -> None:
        done = 0
        try:
            while done < len(view):
                done += self._data.write(view[done:])
        finally:
            whole = done // self.frame_bytes
            self._hash.update(view[: whole * self.frame_bytes])
            self.samples += whole

    def finish(self, annotations: list[Annotation], collection: str | None = None) -> None:
        """Write the metadata; a pair without samples is removed instead."""
        self._syncing.result()  # the system says once that data did not get to the disk
        self._data.truncate(self.bytes_written)  # a torn sample
        if self.samples == 0:
            self.data_path.unlink()
            part_path(self.base).unlink()
            return
        os.fsync(self._data.fileno())
        said = {"core_sha512": self._hash.hexdigest(), "core_collection": collection}
        meta = Meta(
            info=self.info.model_copy(update=said),
            captures=tuple(c for c in self.captures if c.core_sample_start < self.end),
            annotations=tuple(sorted(annotations, key=lambda a: a.core_sample_start)),
        )
        put(self.meta_path, meta_bytes(meta), part_path(self.base))

    def release(self) -> None:
        """The recording is whole: remove the journal."""
        self._journal.remove()

    def close(self) -> None:
        """Let the files go. Without `release` they are left to be repaired."""
        self._syncer.shutdown()
        self._data.close()
        self._journal.close()

    def position(self, global_index: int) -> int:
        """Where, as SigMF counts, the sample of this index is, or would be had it not been lost."""
        at = bisect_right(self.captures, global_index, key=_global_index) - 1
        if at < 0:
            return self.info.core_offset
        starts = [c.core_sample_start for c in self.captures[at : at + 2]] + [self.end]
        here = starts[0] + global_index - _global_index(self.captures[at])
        return min(here, starts[1])


def _global_index(capture: Capture) -> int:
    assert capture.core_global_index is not None
    return capture.core_global_index
