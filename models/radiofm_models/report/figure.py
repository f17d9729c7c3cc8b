"""A figure of a report, and the style that all of them share."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import matplotlib.style
from matplotlib.artist import Artist
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import Formatter, LogLocator, NullFormatter

WIDTH = 7.0  # inches, of a report's column
DPI = 150
LONGEST = 48  # letters, of a name in a drawing

# Okabe and Ito (2008), told apart by the colour-blind; without yellow, too pale for lines
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
QUIET = "#6b7480"  # diagonals, baselines, notes
PALE = "#c9ced3"  # what was removed, what is empty

STYLE = {
    "text.parse_math": False,  # a label with two dollar signs is no formula
    "figure.constrained_layout.use": True,
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e7ea",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.5,
    "lines.markersize": 4,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "savefig.dpi": DPI,
}


@dataclass(frozen=True)
class Figure:
    """A drawing, what is said below it, and its numbers (JSON or arrays; pixels are left out)."""

    drawing: Drawing
    caption: str
    data: dict[str, Any]

    @cached_property  # drawn again, its layout may settle a hair elsewhere
    def png(self) -> bytes:
        """The picture; the same bytes for the same numbers on one machine."""
        file = io.BytesIO()
        with styled():
            self.drawing.savefig(file, format="png", metadata={"Software": None})
        return file.getvalue()


@contextmanager
def styled() -> Iterator[None]:
    """Our style and else matplotlib's own, whatever the user's settings are."""
    with matplotlib.style.context(["default", STYLE]):
        yield


def drawing(height: float, width: float = WIDTH) -> Drawing:
    """An empty one of so many inches, on the canvas that needs no display."""
    empty = Drawing(figsize=(width, height))
    FigureCanvasAgg(empty)
    return empty


def colour(number: int) -> str:
    """Of the curve or class of that number."""
    return COLOURS[number % len(COLOURS)]


def marker(number: int) -> str:
    """Another one where the colours begin anew."""
    return MARKERS[(number + number // len(COLOURS)) % len(MARKERS)]


def log_ticks(axis: Axis, formatter: Formatter) -> None:
    """At 1, 2 and 5 of each decade, written as numbers: the usual ones are formulas."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(formatter)
    axis.set_minor_formatter(NullFormatter())


def clipped(name: str) -> str:
    """What of a name has room beside others."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def legend(onto: Drawing, handles: Sequence[Artist], names: Sequence[str]) -> None:
    """Below the drawing, in as many columns as its names leave room for."""
    names = [clipped(name) for name in names]
    longest = max(map(len, names), default=0)
    columns = max(1, min(len(names), int(onto.get_figwidth() * 13 / (longest + 6))))
    onto.legend(handles, names, loc="outside lower center", ncols=columns)
