"""HDF5 files (MATLAB's 7.3 among them), by h5py, opened in each process at the first read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
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
        with self._reading(name):
            return name in self._opened()

    def keys(self, group: str = "/") -> list[str]:
        """The names in a group; none where there is no such group."""
        with self._reading(group):
            found = self._opened().get(group)
            return list(found.keys()) if hasattr(found, "keys") else []

    def attribute(self, name: str) -> Any:
        """An attribute of the file, or None."""
        with self._reading(name):
            return self._opened().attrs.get(name)

    def shape(self, name: str, *axes: int | None) -> tuple[int, ...]:
        """The shape of a data set of numbers, which must agree with `axes` (None: any length)."""
        with self._reading(name):
            found = self._dataset(name)
            shape, kind = tuple(found.shape), found.dtype
        fits = len(shape) == len(axes) and all(
            want in (None, have) for want, have in zip(axes, shape, strict=True)
        )
        if not fits or kind.kind not in "biufc":
            wanted = ", ".join("any" if axis is None else str(axis) for axis in axes)
            raise broken(self.path, f"{name} is {kind} {shape}, not numbers of shape ({wanted})")
        return shape

    def read(self, name: str, where: Any = ()) -> npt.NDArray[Any]:
        """A part of a data set, all for ()."""
        with self._reading(name):
            return np.asarray(self._dataset(name)[where])

    def _dataset(self, name: str) -> Any:
        file = self._opened()
        if name not in file:
            raise broken(self.path, f"it has no {name}")
        found = file[name]
        if getattr(found, "shape", None) is None:
            raise broken(self.path, f"{name} is no array")
        return found

    @contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        try:
            yield
        except (OSError, KeyError, ValueError, RuntimeError, TypeError, IndexError) as error:
            raise broken(self.path, f"{name} cannot be read ({line(error)})") from None

    def _opened(self) -> Any:
        if self._file is None or self._process != os.getpid():
            try:
                import h5py
            except ImportError:
                raise MissingDependencyError("h5py", "pip install 'radiofm[train]'") from None
            self._file = h5py.File(self.path, "r")
            self._process = os.getpid()
        return self._file
