"""LoRA adapters as ONNX Runtime keeps them: matrices that a graph takes in place of empty ones.

A file is read here, in Python, where no length or offset in it can reach out of its bytes; what
ONNX Runtime is given is written anew from what was read. Its graphs name the inputs as
`blocks.3.query_a`: block, query or value, A [width, rank] or B [rank, width].
"""

from __future__ import annotations

import math
import re
import struct
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm.errors import BundleError, MissingDependencyError

INPUT = re.compile(r"blocks\.\d{1,4}\.(query|value)_[ab]")
MAX_RANK = 1024
MAX_TENSORS = 4096
MAX_NAME = 64
MAGIC = b"TORT"  # after the root's offset
FLOAT = 1  # of the schema's element types
# Fields of the schema's tables (onnxruntime/lora/adapter_format/adapter_schema.fbs), as they stand
# in a table's list of offsets.
PARAMETERS, NAME, DIMS, DATA_TYPE, RAW_DATA = 10, 4, 6, 8, 10

Matrices = dict[str, npt.NDArray[np.float32]]


def read_adapter(data: bytes, name: str) -> Matrices:
    """The matrices in an adapter file, float32. BundleError where it is none."""
    try:
        from flatbuffers import encode, number_types
        from flatbuffers.table import Table
    except ImportError:
        raise MissingDependencyError("flatbuffers", "pip install 'radiofm[serve]'") from None

    def vector(table: Any, field: int, size: int) -> tuple[int, int]:
        at = table.Offset(field)
        if not at:
            return 0, 0
        start, count = table.Vector(at), table.VectorLen(at)
        if start < 0 or start + size * count > len(data):
            raise ValueError("a list reaches beyond its end")
        return start, count

    def matrices() -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
        root = Table(data, encode.Get(number_types.UOffsetTFlags.packer_type, data, 0))
        total, (start, count) = 0, vector(root, PARAMETERS, 4)
        if count > MAX_TENSORS:
            raise ValueError(f"it has {count} matrices, more than {MAX_TENSORS}")
        for k in range(count):
            table = Table(data, root.Indirect(start + 4 * k))
            kind = table.Offset(DATA_TYPE)
            if not kind or table.Get(number_types.Int32Flags, table.Pos + kind) != FLOAT:
                raise ValueError("a matrix is not float32")
            at, axes = vector(table, DIMS, 8)
            shape = struct.unpack_from(f"<{axes}q", data, at) if axes == 2 else ()
            at, size = vector(table, RAW_DATA, 1)
            if len(shape) != 2 or min(shape) < 0 or size != 4 * math.prod(shape):
                raise ValueError("a matrix is not of its shape")
            total += size
            if total > len(data):
                raise ValueError("its matrices share bytes")
            letters, length = vector(table, NAME, 1)
            text = data[letters : letters + min(length, MAX_NAME)].decode("ascii", "replace")
            values = np.frombuffer(data, "<f4", size // 4, at).reshape(shape)
            yield text, values.astype(np.float32)

    try:
        if data[4:8] != MAGIC:
            raise ValueError("it does not begin as one")
        found = list(matrices())
    except (ValueError, TypeError, struct.error) as error:
        raise BundleError(f"{name} is no adapter: {error}; export it again") from None
    if len(dict(found)) != len(found):
        raise BundleError(f"{name} is no adapter: it names a matrix twice; export it again")
    return dict(found)


def check_adapter(
    matrices: Mapping[str, npt.NDArray[np.float32]], inputs: Mapping[str, int], name: str
) -> None:
    """Raise BundleError unless `matrices` are finite and just those that graphs with `inputs`, the
    width of each by its name, take.
    """
    for wrong in sorted(set(matrices) ^ set(inputs)):
        kind = "not one that the encoder takes" if wrong in matrices else "missing"
        raise BundleError(f"{name} is refused: {wrong!r} is {kind}; export it again")
    for key, values in matrices.items():
        stem, is_a = key[:-1], key.endswith("a")
        shapes = [matrices[stem + kind].shape for kind in "ab" if stem + kind in matrices]
        rank = values.shape[1 if is_a else 0]
        fits = shapes == [(inputs[key], rank), (rank, inputs[key])]
        if not fits or not 1 <= rank <= MAX_RANK:
            raise BundleError(
                f"{name} is refused: {key} is {values.shape[0]} x {values.shape[1]}, which does "
                f"not fit a width of {inputs[key]} and a rank of 1 to {MAX_RANK}; export it again"
            )
        if not np.isfinite(values).all():
            raise BundleError(f"{name} is refused: {key} is not finite; export it again")


def write_adapter(matrices: Mapping[str, npt.NDArray[np.float32]]) -> bytes:
    """The file of an adapter."""
    try:
        import onnxruntime as ort
    except ImportError:
        raise MissingDependencyError("onnxruntime", "pip install 'radiofm[serve]'") from None
    made = ort.AdapterFormat()
    made.set_adapter_version(1)
    made.set_model_version(1)
    values = {
        name: ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(value, np.float32))
        for name, value in matrices.items()
    }
    made.set_parameters(values)
    with tempfile.TemporaryDirectory(prefix="radiofm-") as folder:
        made.export_adapter(f"{folder}/a")
        return (Path(folder) / "a").read_bytes()


class ActiveAdapter:
    """Those of an adapter's matrices that one graph takes, for its runs."""

    def __init__(self, matrices: Mapping[str, npt.NDArray[np.float32]]) -> None:
        import onnxruntime as ort

        self._adapter = ort.LoraAdapter()
        with tempfile.TemporaryDirectory(prefix="radiofm-") as folder:
            file = Path(folder) / "a"
            file.write_bytes(write_adapter(matrices))
            self._adapter.Load(str(file))

    def options(self) -> Any:
        """ONNX Runtime's options of a run with it. Two adapters in one would hide each other."""
        import onnxruntime as ort

        options = ort.RunOptions()
        options.add_active_adapter(self._adapter)
        return options
