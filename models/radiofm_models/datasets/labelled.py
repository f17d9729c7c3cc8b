"""Recordings labelled by a person: in a folder a class, or in a list.

    <class>/<recording>        SigMF pairs, raw files, .wav, as `radiofm corpus import` reads them
    labels.csv                 or this list of them: a header, then a line for each

The list's columns: `file` (in the folder), and `label`, or any others, which are numbers to be
predicted; where wanted, `group` (what must not be divided between train and test: a site, a day;
else the file), and `start_s` and `stop_s` (the part of the file that the line is of).
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from radiofm.corpus.find import find_recordings
from radiofm.errors import RecordingError, UsageError
from radiofm.spectrogram import SpectrogramSpec
from radiofm_models.datasets.dataset import Array, Label, Target
from radiofm_models.datasets.files import broken
from radiofm_models.datasets.recorded import Place, Recorded

LIST = "labels.csv"
OTHERS = ("file", "label", "group", "start_s", "stop_s")  # columns that are no numbers


class Line(NamedTuple):
    """What is said of a recording, or of a part of it."""

    file: str
    group: str
    label: str | None = None
    numbers: tuple[float, ...] = ()
    start_s: float = 0.0
    stop_s: float | None = None


class Labelled(Recorded):
    """All slices of labelled recordings: classes, or numbers [n, columns] float64."""

    name = "labelled"

    def __init__(
        self, path: Path | str, target: Target = "class", spec: SpectrogramSpec | None = None
    ) -> None:
        super().__init__(path, spec)
        if target not in ("class", "numbers"):
            raise UsageError(
                f"{self.path}: a label there is of a whole recording, no {target}: annotate the "
                "recordings (SigMF) where signals are"
            )
        lines: list[Line] = []
        columns: tuple[str, ...] = ()
        if (self.path / LIST).is_file():
            lines, columns = read_list(self.path / LIST)
        if target == "numbers" and not columns:
            raise UsageError(f"{self.path} has no numbers: give it a {LIST} with columns of them")
        lines = lines or list_folders(self.path)
        if target == "class" and not all(line.label for line in lines):
            raise UsageError(f"{self.path / LIST} has no column label, or not all of it filled in")
        places: list[Place] = []
        of: list[Line] = []
        short = 0
        for line in lines:
            for source, recording in self._sources(line.file):
                found = self._places(source, recording, line.start_s, line.stop_s)
                places += found
                of += [line] * len(found)
                short += not found
        self._keep(places, short, tuple(of))
        self.groups = np.array([line.group for line in of])
        if target == "numbers":
            self.target = ", ".join(columns)
            self.targets = np.array([line.numbers for line in of])
        else:
            self.target = "label"
            names, classes = np.unique([line.label or "" for line in of], return_inverse=True)
            self.labels, self.classes = tuple(names.tolist()), classes.reshape(-1)

    def item(self, index: int) -> tuple[Array, Label]:
        label: Label = None
        if self.classes is not None:
            label = int(self.classes[index])
        elif self.targets is not None:
            label = self.targets[index]
        return self._image(index), label


def list_folders(path: Path) -> list[Line]:
    """A line for each recording in `<class>/`, at any depth below it."""
    found = [file.relative_to(path) for file in find_recordings(path)]
    if loose := [file for file in found if len(file.parts) == 1]:
        raise RecordingError(
            f"{path / loose[0]} is in no folder that names its class: put it into one, or name it "
            f"in {path / LIST}"
        )
    if not found:
        raise broken(path, "it has no recordings", f"give it a folder for each class, or {LIST}")
    return [Line(str(file), str(file), file.parts[0]) for file in found]


def read_list(path: Path) -> tuple[list[Line], tuple[str, ...]]:
    """The lines of a list, and the names of its columns of numbers; raises RecordingError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            header = tuple(reader.fieldnames or ())
            rows = list(reader)
    except (OSError, ValueError, csv.Error) as error:
        raise broken(path, f"it is no list ({error})", "write it as comma-separated text") from None
    if "file" not in header:
        raise broken(path, "its first line names no column file", "name the columns there")
    if len(set(header)) < len(header) or "" in header:
        raise broken(path, "a column has no name, or that of another", "name each")
    columns = tuple(name for name in header if name not in OTHERS)
    lines = [_line(path, at, row, columns) for at, row in enumerate(rows, 2)]
    if not lines:
        raise broken(path, "it lists nothing", "write a line for each recording")
    return lines, columns


def _line(path: Path, at: int, row: dict[str, str | None], columns: tuple[str, ...]) -> Line:
    if None in row or None in row.values():
        raise broken(path, f"line {at} is not as long as the first", "fill it in")
    text = {name: (value or "").strip() for name, value in row.items()}
    if not text["file"]:
        raise broken(path, f"line {at} names no file", "fill it in")

    def number(name: str) -> float:
        try:
            value = float(text[name])
        except ValueError:
            value = np.nan
        if not np.isfinite(value):
            raise broken(path, f"line {at}: {name} {text[name]!r} is no number", "write one")
        return value

    start = number("start_s") if text.get("start_s") else 0.0
    stop = number("stop_s") if text.get("stop_s") else None
    if start < 0 or (stop is not None and stop <= start):
        raise broken(path, f"line {at} is of {start:g} to {stop:g} s", "write a time and a later")
    return Line(
        text["file"], text.get("group") or text["file"], text.get("label") or None,
        tuple(number(name) for name in columns), start, stop,
    )  # fmt: skip
