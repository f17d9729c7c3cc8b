"""TorchSig data sets as its version 2 writes them: `data.h5`, HDF5, in the set's folder.

objects (the default of 2.1 and 2.2)  groups `data`, `metadata`, `component_signals`, by a key for
    each signal, and `index`: item number -> key. Attribute `torchsig_version`
packed (schema `torchsig-packed` 1.x)  `index`, `records`, `components`, `metadata` (JSON), `dtypes`
    and `shapes`, and one stream of samples a type in `data/`. Attributes `format`, `complete`

An item is one capture of one signal, whose class is its own metadata's `class_name` or its only
component's. A capture of several signals (wideband) has no one class and is refused, as is the
opt-in layout `torchsig-homogeneous`. Complex samples come out as rows I and Q, other arrays as
stored, with a channel before them.
"""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm_models.datasets.dataset import Array, Dataset
from radiofm_models.datasets.files import broken, float32
from radiofm_models.datasets.hdf5 import Hdf5

OBJECTS, PACKED = "objects", "torchsig-packed"
_WANTED = ("class_name", "snr_db")  # fields of the metadata
_RECORD = (
    "data_offset", "data_length", "dtype_id", "shape_offset", "shape_count", "component_offset",
    "component_count",
)  # fmt: skip


class TorchSig(Dataset):
    """IQ float32 [2, samples], or images float32 [1, H, W]; sizes may differ from item to item."""

    name = "torchsig"
    axes = "I and Q, sample; or 1, H, W of real arrays; as stored"
    target = "class_name"

    def __init__(self, path: Path | str) -> None:
        """`path` is the folder of `data.h5`, or the file."""
        self.path = Path(path)
        if self.path.is_dir():
            self.path /= "data.h5"
        self.files, self._hdf5 = [self.path], Hdf5(self.path)
        layout = self._layout()
        self._read: _Objects | _Packed
        self._read = _Packed(self._hdf5) if layout == PACKED else _Objects(self._hdf5)
        if not len(self._read):
            raise broken(self.path, "its index is empty", "write the set with TorchSig again")
        known = [self._metadata(item) for item in range(len(self._read))]
        names = [str(metadata["class_name"]) for metadata in known]
        self.labels = tuple(sorted(set(names)))
        self.classes = np.array([self.labels.index(name) for name in names])
        levels = [metadata.get("snr_db") for metadata in known]
        if all(isinstance(level, int | float) for level in levels):
            self.snr_db = np.array(levels, np.float32)

    def __len__(self) -> int:
        return len(self._read)

    def item(self, index: int) -> tuple[Array, int]:
        assert self.classes is not None
        values = self._read.samples(index)
        if values.dtype.kind == "c":
            values = np.stack([values.real, values.imag])
        elif values.ndim == 2:
            values = values[None]
        return float32(self.path, values), int(self.classes[index])

    def _layout(self) -> str:
        layout = self._hdf5.attribute("format") or OBJECTS
        if layout == OBJECTS and all(part in self._hdf5 for part in ("index", "metadata", "data")):
            return OBJECTS
        if layout == PACKED:
            if not self._hdf5.attribute("complete"):
                raise broken(self.path, "TorchSig did not finish it", "write the set again")
            return PACKED
        raise broken(
            self.path, f"its layout {layout!r} is not read",
            "write the set with TorchSig's HDF5Writer or PackedHDF5Writer",
        )  # fmt: skip

    def _metadata(self, item: int) -> dict[str, Any]:
        """Of the one signal of an item: `class_name`, and what else is known."""
        own, components = self._read.metadata(item)
        several = len(components) > 1
        found = own if "class_name" in own else components[0] if components else {}
        if several or "class_name" not in found:
            what = f"{len(components)} signals" if several else "no class_name"
            raise broken(
                self.path, f"item {item} has {what}", "give a narrowband set, one signal an item"
            )
        return own | found


class _Objects:
    """One HDF5 object a signal."""

    def __init__(self, hdf5: Hdf5) -> None:
        self._hdf5 = hdf5
        count = len(hdf5.keys("index"))
        self._keys = [_text(hdf5.read(f"index/{item}")) for item in range(count)]
        self._components = set(hdf5.keys("component_signals"))

    def __len__(self) -> int:
        return len(self._keys)

    def metadata(self, item: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        key, inner = self._keys[item], []
        if key in self._components:
            inner = self._hdf5.read(f"component_signals/{key}").reshape(-1).tolist()
        return self._fields(key), [self._fields(_text(name)) for name in inner]

    def samples(self, item: int) -> npt.NDArray[Any]:
        return self._hdf5.read(f"data/{self._keys[item]}")

    def _fields(self, key: str) -> dict[str, Any]:
        """The class and SNR of a signal; other fields are not needed."""
        there = self._hdf5.keys(f"metadata/{key}")
        wanted = [name for name in _WANTED if name in there]
        values = {name: self._hdf5.read(f"metadata/{key}/{name}") for name in wanted}
        return {n: _text(v) if n == "class_name" else float(v) for n, v in values.items()}


class _Packed:
    """A table of records over flat streams of samples, one a type."""

    def __init__(self, hdf5: Hdf5) -> None:
        self._hdf5 = hdf5
        self._index = hdf5.read("index")
        self._records = hdf5.read("records")
        self._components = hdf5.read("components")
        self._shapes = hdf5.read("shapes")
        names = self._records.dtype.names or ()
        if missing := [name for name in _RECORD if name not in names]:
            raise broken(hdf5.path, f"records have no field {missing[0]}")
        if len(self._index) and int(self._index.max()) >= len(self._records):
            raise broken(hdf5.path, "index points beyond the records")

    def __len__(self) -> int:
        return len(self._index)

    def metadata(self, item: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        record = self._records[self._index[item]]
        start, count = int(record["component_offset"]), int(record["component_count"])
        inner = self._components[start : start + count]
        return self._fields(int(self._index[item])), [self._fields(int(at)) for at in inner]

    def samples(self, item: int) -> npt.NDArray[Any]:
        record = self._records[self._index[item]]
        start, count = int(record["data_offset"]), int(record["data_length"])
        first, axes = int(record["shape_offset"]), int(record["shape_count"])
        shape = tuple(int(size) for size in self._shapes[first : first + axes])
        flat = self._hdf5.read(f"data/{record['dtype_id']}", slice(start, start + count))
        if np.prod(shape, dtype=np.int64) != len(flat):
            raise broken(self._hdf5.path, f"the samples of item {item} are not of shape {shape}")
        return flat.reshape(shape)

    def _fields(self, record: int) -> dict[str, Any]:
        text = _text(self._hdf5.read("metadata", record))
        try:
            found = json.loads(text)["items"]
            return {name: _plain(found[name]) for name in _WANTED if name in found}
        except (ValueError, TypeError, KeyError, EOFError):
            raise broken(self._hdf5.path, f"metadata of record {record} is not read") from None


def _plain(value: Any) -> Any:
    """A value of the JSON, in which numpy's numbers are .npy files in base 64."""
    if not isinstance(value, dict):
        return value
    return np.load(io.BytesIO(base64.b64decode(value["data"])), allow_pickle=False).item()


def _text(value: Any) -> str:
    plain = value.item() if isinstance(value, np.ndarray) else value
    return plain.decode("utf-8", "replace") if isinstance(plain, bytes) else str(plain)
