"""How samples lie in files. `FORMATS` is the one place that says what a file's counts mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm.errors import RecordingError
from radiofm.sigmf_meta import Meta
from radiofm.wire import Datatype


@dataclass(frozen=True, slots=True)
class Format:
    """How samples lie in a file, the wire form that holds them, its full scale.

    The wire form is without loss, but for float64, which is rounded to float32.
    """

    dtype: str
    wire: Datatype
    full_scale: float  # counts at 0 dBFS, in the wire form


FORMATS = {
    "cu8": Format("u1", "ci16_le", 255.0),  # even about 127.5: as 2 x - 255 they are whole counts
    "ci8": Format("i1", "ci16_le", 128.0),
    "ci16_le": Format("<i2", "ci16_le", 32768.0),
    "ci16_be": Format(">i2", "ci16_le", 32768.0),
    "cf32_le": Format("<f4", "cf32_le", 1.0),
    "cf32_be": Format(">f4", "cf32_le", 1.0),
    "cf64_le": Format("<f8", "cf32_le", 1.0),
    "cf64_be": Format(">f8", "cf32_le", 1.0),
}


def format_of(path: Path, meta: Meta) -> Format:
    """The format of a recording, or RecordingError where it is none that is read."""
    info = meta.info
    if info.core_num_channels != 1:
        raise RecordingError(
            f"{path}: core:num_channels is {info.core_num_channels}: "
            "radiofm reads one channel: split the recording"
        )
    headers = any(capture.core_header_bytes for capture in meta.captures)
    if info.core_dataset or info.core_trailing_bytes or info.core_metadata_only or headers:
        raise RecordingError(
            f"{path} is a non-conforming data set (core:dataset, header or trailing bytes): "
            "convert it to plain SigMF"
        )
    form = FORMATS.get(info.core_datatype)
    if form is None:
        raise RecordingError(
            f"{path}: datatype {info.core_datatype!r} is not read: "
            f"convert it to one of {', '.join(FORMATS)}"
        )
    return form


def datatype_of(path: Path, dtype: np.dtype[Any]) -> str:
    """The SigMF datatype of pairs of `dtype`, or RecordingError."""
    for name, form in FORMATS.items():
        if np.dtype(form.dtype) == dtype:
            return name
    raise RecordingError(
        f"{path}: I and Q of type {dtype} are not read: convert them to float32 or int16"
    )


def map_samples(
    path: Path, meta: Meta, offset: int = 0, size: int | None = None
) -> npt.NDArray[Any]:
    """Samples [count, 2] in the `size` bytes of a file from `offset` on, mapped, read-only."""
    dtype = np.dtype(format_of(path, meta).dtype)
    size, frame = path.stat().st_size - offset if size is None else size, 2 * dtype.itemsize
    if size % frame:
        raise RecordingError(
            f"{path}: {size % frame} bytes too many for whole {meta.info.core_datatype} samples of "
            f"{frame} bytes: it is cut short, or of another datatype"
        )
    if size == 0:  # cannot be mapped
        return np.empty((0, 2), dtype)
    return np.asarray(np.memmap(path, dtype, "r", offset, (size // frame, 2)))
