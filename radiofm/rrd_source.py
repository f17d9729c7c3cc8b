"""The recordings of the papers' RRD corpus: three arrays, one after another, in one `.npy` file.

The first holds the rows I and Q, the second is passed over, the third is an array of objects whose
first is a dict with `center_freq` in Hz and `effective_sample_rate` in S/s (AhmedTarek62/mae,
util/data_loading.py). An array of objects is a pickle: it is read as data (pickled.py), never run.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from radiofm.errors import RecordingError
from radiofm.formats import datatype_of
from radiofm.pickled import Call, number_in, read_pickle, skip_pickle
from radiofm.raw_source import Named, described
from radiofm.source import Given, Source

MAX_PICKLE_BYTES = 1 << 20
_Header = tuple[tuple[int, ...], bool, np.dtype[Any]]  # shape, whether columns lie together, dtype


def rrd_source(path: Path, given: Given) -> Source:
    """An RRD file; its metadata is not looked at where both rate and centre are given."""
    try:
        with path.open("rb") as file:
            data = _rows(file)
            known = given.sample_rate_hz and given.center_frequency_hz
            named = Named() if known else _metadata(file)
    except (OSError, OverflowError, ValueError) as error:
        raise RecordingError(f"{path} is not read as an RRD recording: {error}") from None
    meta = described(datatype_of(path, data.dtype), named, given)
    return Source(path, path.stem, meta, data)


def _header(file: BinaryIO) -> _Header:
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(file)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(file)
    raise ValueError(f"an array is of .npy version {version}, not 1.0 or 2.0")


def _rows(file: BinaryIO) -> npt.NDArray[Any]:
    """The first array as samples [count, 2], mapped."""
    shape, columns, dtype = _header(file)
    if len(shape) != 2 or shape[0] != 2 or dtype.hasobject:
        raise ValueError(f"the first array is {dtype} {shape}, not the rows I and Q, (2, N)")
    if 0 in shape:
        return np.empty((0, 2), dtype)
    start, size = file.tell(), math.prod(shape) * dtype.itemsize
    if not 0 < size <= os.fstat(file.fileno()).st_size - start:
        raise ValueError("it is cut short")
    rows = np.memmap(file, dtype, "r", start, shape, "F" if columns else "C")
    file.seek(start + size)
    return np.asarray(rows).T


def _metadata(file: BinaryIO) -> Named:
    try:
        shape, _, dtype = _header(file)
        start, size = file.tell(), math.prod(shape) * dtype.itemsize
        file.seek(start + (skip_pickle(_head(file)) if dtype.hasobject else size))
        shape, _, dtype = _header(file)
        if not dtype.hasobject:
            raise ValueError(f"the third array is {dtype} {shape}, not objects")
        entries = _first(read_pickle(_head(file)))
        rate = _entry(entries, "effective_sample_rate", 1e10)
        center = _entry(entries, "center_freq", 1e12)
    except ValueError as error:
        raise ValueError(
            f"its metadata is not taken, {error}: give --rate and --fc to do without"
        ) from None
    return Named(sample_rate_hz=rate, center_frequency_hz=center)


def _head(file: BinaryIO) -> bytes:
    return file.read(MAX_PICKLE_BYTES)


def _first(value: Any) -> dict[str, Any]:
    """The first object of an array of them: its state ends with the list of all."""
    match value:
        case Call("_reconstruct", _, (_, _, _, _, [dict(entries), *_])):
            return entries
    raise ValueError("the third array does not begin with a dict")


def _entry(entries: dict[str, Any], key: str, most: float) -> float:
    value = number_in(entries.get(key))
    if value is None or not 0 < value <= most:
        raise ValueError(f"{key} is no number above 0 and up to {most:g}")
    return float(value)
