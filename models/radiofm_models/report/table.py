"""Tables of a report: numbers with their spread, formatted by column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Literal

import numpy as np
import numpy.typing as npt

MISSING = "–"  # a cell of which there is no number


@dataclass(frozen=True)
class Measured:
    """A number and its spread, as measured over seeds or as a paper gives it."""

    mean: float
    std: float | None = None
    values: tuple[float, ...] = ()  # what it is the mean of, where that is known

    @classmethod
    def over(cls, values: npt.ArrayLike) -> Measured:
        """Mean and standard deviation (n - 1) of one value a seed; a single one has no spread."""
        each = np.asarray(values, np.float64).reshape(-1)
        std = float(each.std(ddof=1)) if len(each) > 1 else None
        return cls(float(each.mean()), std, tuple(each.tolist()))


Cell = str | float | Measured | None  # None: there is no such number


@dataclass(frozen=True)
class Column:
    """`spec` formats what is not whole, as format() does; the `best` number of a column is bold."""

    title: str
    spec: str = ".3f"
    best: Literal["max", "min"] | None = None

    def text(self, cell: Cell) -> str:
        if cell is None:
            return MISSING
        if isinstance(cell, str):
            return cell
        if isinstance(cell, Integral):
            return f"{cell:,}"
        measured = cell if isinstance(cell, Measured) else Measured(float(cell))
        if math.isnan(measured.mean):
            return "nan"
        mean = format(measured.mean, self.spec)
        if measured.std is None:
            return mean
        return f"{mean.removesuffix('%')} ± {format(measured.std, self.spec)}"


@dataclass(frozen=True)
class Table:
    """`rows` have a cell for each column; a `note` is shown below."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"table {self.title!r}: {len(self.columns)} columns, row {row!r}")

    def texts(self) -> list[list[str]]:
        """The cells as they are shown."""
        return [
            [column.text(cell) for column, cell in zip(self.columns, row, strict=True)]
            for row in self.rows
        ]

    def best(self) -> list[str | None]:
        """Of each column, the text that is shown bold."""
        return [self._best(number, column) for number, column in enumerate(self.columns)]

    def numeric(self) -> list[bool]:
        """Which columns hold numbers only."""
        return [
            all(not isinstance(row[number], str) for row in self.rows)
            for number in range(len(self.columns))
        ]

    def _best(self, number: int, column: Column) -> str | None:
        cells = [row[number] for row in self.rows]
        numbers = [(value, cell) for cell in cells if (value := _value(cell)) is not None]
        if column.best is None or len(numbers) < 2:
            return None
        choose = max if column.best == "max" else min
        return column.text(choose(numbers, key=lambda pair: pair[0])[1])


def _value(cell: Cell) -> float | None:
    if cell is None or isinstance(cell, str):
        return None
    value = cell.mean if isinstance(cell, Measured) else float(cell)
    return None if math.isnan(value) else value
