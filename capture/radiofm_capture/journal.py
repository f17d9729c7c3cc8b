"""The journal beside an open recording: which of its samples are committed, and what they are.

One line a record: the CRC-32 of the rest as eight hex digits, a blank, JSON. The first record is
the `global` object; each that follows commits one block, whose samples are then all in the data
file. What no whole record commits was never recorded.

`kill -9` costs the block that was being written. What power loss costs says sigmf_writer.py.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from radiofm.errors import RecordingError
from radiofm.sigmf_meta import Capture, Count, Info
from radiofm_capture.sigmf_files import journal_path

MAX_RECORD_BYTES = 1 << 20

_Record = TypeVar("_Record", bound=BaseModel)


class Head(BaseModel):
    """The first record."""

    version: Literal[1] = 1
    info: Info


class Entry(BaseModel):
    """A block that is in the data file, and the capture segment that it begins, if any."""

    offset: Count  # bytes of the data file before it
    index: Count  # global index of its first sample
    count: Annotated[int, Field(gt=0)]  # samples
    crc32: int  # of its bytes
    capture: Capture | None = None


class Journal:
    """Written by the recording's process, which holds a lock on it until `close`."""

    def __init__(self, base: Path, info: Info) -> None:
        self._path = journal_path(base)
        self._file = _create(self._path)
        try:
            self._append(Head(info=info))
        except OSError:
            self.remove()
            self.close()
            raise

    def commit(self, entry: Entry) -> None:
        """Tell that the block's samples are in the data file."""
        self._append(entry)

    def sync(self) -> None:
        """Wait until what was committed is on the disk."""
        os.fdatasync(self._file.fileno())

    def remove(self) -> None:
        """The recording is whole without it."""
        self._path.unlink()

    def close(self) -> None:
        self._file.close()

    def _append(self, record: BaseModel) -> None:
        text = record.model_dump_json(by_alias=True, exclude_none=True).encode()
        line = memoryview(b"%08x %s\n" % (zlib.crc32(text), text))
        while line:  # a disk that fills takes a part
            line = line[self._file.write(line) :]


def _create(path: Path) -> BinaryIO:
    while True:
        file = path.open("xb", buffering=0)
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # a repair came between, and took it for one that was left


def lock(path: Path) -> BinaryIO | None:
    """Open a journal that was left behind: None if it is gone, BlockingIOError if it is in use."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file.fileno()).st_nlink:
            return file
    except OSError:
        file.close()
        raise
    file.close()
    return None


def read_head(file: BinaryIO) -> Info | None:
    """The `global` object of a journal at its beginning; None where it is not whole."""
    head = _read(file, Head)
    return head.info if head else None


def read_entries(file: BinaryIO) -> Iterator[Entry]:
    """The records after the first, up to one that is cut short or damaged."""
    while entry := _read(file, Entry):
        yield entry


def _read(file: BinaryIO, model: type[_Record]) -> _Record | None:
    line = file.readline(MAX_RECORD_BYTES)
    text = line[9:-1]
    if line[-1:] != b"\n" or line[:9] != b"%08x " % zlib.crc32(text):
        return None
    try:
        return model.model_validate_json(text)
    except ValidationError:
        raise RecordingError(
            f"{file.name} is not a journal of this radiofm: repair it with the one that recorded"
        ) from None
