"""The 8-bit raster image of an HDF4 file, which MATLAB's `imwrite(data, name, 'hdf')` writes.

By the HDF 4.2 specification: big-endian; after the magic number blocks of descriptors (tag,
reference, offset, length), each block pointing to the next. Of a raster image group of the DFR8
interface, ID8 (200) holds width and height, RI8 (202) the pixels, uncompressed, row by row.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radiofm_models.datasets.files import broken, line

MAGIC = b"\x0e\x03\x13\x01"
ID8, RI8, COMPRESSED = 200, 202, (203, 204)
MAX_BLOCKS = 10_000


def read_raster(path: Path) -> npt.NDArray[np.uint8]:
    """The first image [rows, columns]; RecordingError where there is none, or a compressed one."""
    try:
        data = path.read_bytes()
        found = _descriptors(data)
    except (OSError, ValueError, struct.error) as error:
        raise broken(path, f"it is no whole HDF4 file ({line(error)})") from None
    if RI8 not in found or ID8 not in found:
        packed = any(tag in found for tag in COMPRESSED)
        raise broken(
            path, "its raster image is compressed" if packed else "it has no 8-bit raster image",
            "write it in MATLAB with imwrite(data, name, 'hdf')",
        )  # fmt: skip
    at, length = found[ID8]
    pixels, size = found[RI8]
    if length < 4 or at + 4 > len(data):
        raise broken(path, "its image has no size")
    width, height = struct.unpack_from(">HH", data, at)
    if size != width * height or pixels + size > len(data):
        raise broken(path, f"its image of {width} x {height} is cut short")
    return np.frombuffer(data, np.uint8, size, pixels).reshape(height, width)


def _descriptors(data: bytes) -> dict[int, tuple[int, int]]:
    """Offset and length of the first object of each tag."""
    if data[:4] != MAGIC:
        raise ValueError("its first bytes are not HDF4's")
    found: dict[int, tuple[int, int]] = {}
    block = 4
    for _ in range(MAX_BLOCKS):
        count, following = struct.unpack_from(">HI", data, block)
        for number in range(count):
            tag, _, offset, length = struct.unpack_from(">HHII", data, block + 6 + 12 * number)
            found.setdefault(tag, (offset, length))
        if following == 0:
            return found
        block = following
    raise ValueError("its descriptors do not end")
