"""Arrays of numbers in MATLAB files of version 5 (MATLAB's -v6 and -v7).

By "MAT-File Format" (The MathWorks, R2023b), level 5: after a header of 128 bytes come elements, of
a type and a size, padded to 8 bytes; a matrix is an element of elements (flags, dimensions, name,
real part, imaginary part), and may lie in a compressed one. `scipy.io.loadmat` reads all of the
format, but takes the process down over some damaged files; sizes are checked here before use.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radiofm_models.datasets.files import broken, line

HEADER = 128
MATRIX, COMPRESSED = 14, 15  # types of elements
STORED = {  # type of an element -> numbers in it
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
CLASSES = {  # class of a matrix -> its numbers, which may be stored in a smaller type
    6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8",
}  # fmt: skip
IS_COMPLEX = 0x0800

Numbers = npt.NDArray[np.number]


def read_mat(path: Path, key: str) -> Numbers:
    """The variable `key`, in MATLAB's axes; RecordingError where there is none of numbers."""
    try:
        data = path.read_bytes()
        order = _byte_order(data)
        for kind, body in _elements(data[HEADER:], order):
            if kind == COMPRESSED:
                body = _inflate(body, order)
            elif kind != MATRIX:
                continue
            parts = _elements(body, order)
            flags, shape, name = (next(parts, (0, b""))[1] for _ in range(3))
            if name.decode("latin-1") == key:
                return _matrix(flags, shape, list(parts), order)
    except (OSError, ValueError, struct.error, zlib.error) as error:
        raise broken(path, f"{key} is not read ({line(error)})") from None
    raise broken(path, f"it has no variable {key}")


def _byte_order(data: bytes) -> str:
    mark = data[HEADER - 4 : HEADER]
    if mark == b"\x00\x02IM":
        raise ValueError("it is of MATLAB 7.3, not version 5; MATLAB saves that with -v7")
    if mark not in (b"\x00\x01IM", b"\x01\x00MI"):
        raise ValueError("it is no MATLAB file of version 5")
    return "<" if mark.endswith(b"IM") else ">"


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Type and content of each element."""
    at = 0
    while at + 8 <= len(data):
        kind, size = struct.unpack_from(order + "II", data, at)
        start, padded = at + 8, size
        if kind >> 16:  # a small one, in the tag itself
            kind, size, start, padded = kind & 0xFFFF, kind >> 16, at + 4, 0
            if size > 4:
                raise ValueError("a small element has more than 4 bytes")
        elif kind != COMPRESSED:
            padded = -(-size // 8) * 8
        if start + size > len(data):
            raise ValueError("it is cut short")
        yield kind, data[start : start + size]
        at = at + 8 + padded


def _inflate(body: bytes, order: str) -> bytes:
    """The content of the matrix in a compressed element."""
    inflate = zlib.decompressobj()
    tag = inflate.decompress(body, 8)
    kind, size = struct.unpack(order + "II", tag)
    if kind != MATRIX:
        return b""
    content = inflate.decompress(inflate.unconsumed_tail, size) if size else b""
    if len(content) != size:
        raise ValueError("a compressed variable is cut short")
    return content


def _matrix(flags: bytes, shape: bytes, parts: list[tuple[int, bytes]], order: str) -> Numbers:
    word = struct.unpack_from(order + "I", flags)[0]
    numbers = CLASSES.get(word & 0xFF)
    if numbers is None:
        raise ValueError("it is no array of numbers")
    sizes = tuple(np.frombuffer(shape, order + "i4").tolist())
    planes = [_plane(*part, sizes, order).astype(numbers) for part in parts]
    if len(planes) != (2 if word & IS_COMPLEX else 1) or min(sizes, default=0) < 0:
        raise ValueError("its parts are not complete")
    flat = _complex(*planes) if word & IS_COMPLEX else planes[0]
    return flat.reshape(sizes, order="F")


def _complex(real: Numbers, imaginary: Numbers) -> Numbers:
    """Put together, not added: 1j times an infinity would make a NaN of the real part."""
    both = np.empty(len(real), np.result_type(real, np.complex64))
    both.real, both.imag = real, imaginary
    return both


def _plane(kind: int, body: bytes, sizes: tuple[int, ...], order: str) -> Numbers:
    if kind not in STORED:
        raise ValueError(f"it is stored in the unknown type {kind}")
    values = np.frombuffer(body, order + STORED[kind])
    if len(values) != math.prod(sizes):
        raise ValueError(f"it has {len(values)} numbers for the shape {sizes}")
    return values
