"""Finding and reading the files of data sets; what is wrong with one is one sentence."""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm.errors import RecordingError

ANEW = "take the file anew from the set's archive"
_TRAIN, _TEST = ("train_amp", "train"), ("test_amp", "test", "val")  # names of folders


def broken(path: Path, what: str, remedy: str = ANEW) -> RecordingError:
    return RecordingError(f"{path}: {what}: {remedy}")


def natural(path: Path) -> list[tuple[int, str]]:
    """Sorts `run2` before `run10`."""
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def find(folder: Path, *suffixes: str) -> list[Path]:
    """The files in `folder` whose names end so, in natural order."""
    check_folder(folder)
    found = [file for file in folder.iterdir() if file.name.lower().endswith(suffixes)]
    return sorted(found, key=natural)


def folders(folder: Path) -> list[Path]:
    """The folders in `folder`, in natural order."""
    check_folder(folder)
    return sorted((file for file in folder.iterdir() if file.is_dir()), key=natural)


def official(folder: Path) -> list[tuple[str, Path]]:
    """The authors' train and test folders, or `folder` itself, of neither (the empty text)."""
    inside = {found.name.lower(): found for found in folders(folder)}
    train = next((inside[name] for name in _TRAIN if name in inside), None)
    test = next((inside[name] for name in _TEST if name in inside), None)
    if train and test:
        return [("train", train), ("test", test)]
    if one := train or test:
        raise broken(folder, f"it has {one.name} alone", "unpack the whole archive")
    return [("", folder)]


def check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise broken(folder, "it is no folder", "give the folder of the unpacked set")


def read_npz(path: Path, *keys: str) -> list[npt.NDArray[Any]]:
    """The arrays of these names of an .npz file; pickled ones are refused."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            if isinstance(arrays, np.ndarray):
                raise broken(path, "it is one array, not an .npz of several")
            if missing := [key for key in keys if key not in arrays]:
                raise broken(path, f"it has no array {missing[0]}")
            return [_numbers(path, key, arrays[key]) for key in keys]
    except (
        OSError, ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile,
        zlib.error, struct.error,
    ) as error:  # fmt: skip
        raise broken(path, f"it is no whole .npz file ({line(error)})") from None


def float32(path: Path, values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """The values of an item; RecordingError where one is not finite."""
    with np.errstate(over="ignore"):
        out = np.ascontiguousarray(values, np.float32)
    if not np.isfinite(out).all():
        raise broken(path, "it has values that are not finite")
    return out


def _numbers(path: Path, key: str, values: Any) -> npt.NDArray[Any]:
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "biufc":
        raise broken(path, f"{key} is no array of numbers")
    return values


def line(error: BaseException) -> str:
    """The first line of an error's text."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
