"""HDF5 files (MATLAB's 7.3 among them), by h5py, opened in each process at the first read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm.errors import MissingDependencyError
from radiofm_models.datasets.files import broken, line


class Hdf5:
    """One file. h5py's handles cannot be shared with a child process, hence the process number."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: Any = None
        self._process = 0

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "_file": None, "_process": 0}

    def __contains__(self, name: str) -> bool:
        return name in self._opened()

    def keys(self, group: str = "/") -> list[str]:
        """The names in a group."""
        found = self._opened().get(group)
        return list(found.keys()) if hasattr(found, "keys") else []

    def attribute(self, name: str) -> Any:
        """An attribute of the file, or None."""
        return self._opened().attrs.get(name)

    def shape(self, name: str, *axes: int | None) -> tuple[int, ...]:
        """The shape of a data set of numbers, which must agree with `axes` (None: any length)."""
        found = self._dataset(name)
        shape = tuple(found.shape)
        fits = len(shape) == len(axes) and all(
            want in (None, have) for want, have in zip(axes, shape, strict=True)
        )
        if not fits or found.dtype.kind not in "biufc":
            wanted = ", ".join("any" if axis is None else str(axis) for axis in axes)
            raise broken(
                self.path, f"{name} is {found.dtype} {shape}, not numbers of shape ({wanted})"
            )
        return shape

    def read(self, name: str, where: Any = ()) -> npt.NDArray[Any]:
        """A part of a data set, all for ()."""
        found = self._dataset(name)
        try:
            return np.asarray(found[where])
        except (OSError, ValueError, RuntimeError, TypeError, IndexError) as error:
            raise broken(self.path, f"{name} cannot be read ({line(error)})") from None

    def _dataset(self, name: str) -> Any:
        file = self._opened()
        try:
            found = file[name]
        except (KeyError, OSError, RuntimeError, ValueError):
            raise broken(self.path, f"it has no {name}") from None
        if not hasattr(found, "shape") or found.shape is None:
            raise broken(self.path, f"{name} is no array")
        return found

    def _opened(self) -> Any:
        if self._file is None or self._process != os.getpid():
            try:
                import h5py
            except ImportError:
                raise MissingDependencyError("h5py", "pip install 'radiofm[train]'") from None
            try:
                self._file = h5py.File(self.path, "r")
            except (OSError, RuntimeError, ValueError) as error:
                raise broken(self.path, f"it is no whole HDF5 file ({line(error)})") from None
            self._process = os.getpid()
        return self._file
