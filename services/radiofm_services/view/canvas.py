"""Lines of a screen that never pass its width, whatever the text in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

from radiofm_services.view.palette import TEXT

Piece = tuple[str, Style]
Item = Sequence[Piece]  # pieces that belong together


def clean(text: str) -> str:
    """Text from the wire without anything that could steer a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "·" for c in text)


class Line:
    """One line of `width` cells, written from left to right."""

    def __init__(self, width: int) -> None:
        self.segments: list[Segment] = []
        self.left = width

    def add(self, text: str, style: Style = TEXT) -> Line:
        """Write `text`, or as much of it as fits."""
        text = clean(text)
        size = len(text) if text.isascii() else cell_len(text)
        if size > self.left:
            text = set_cell_size(text, self.left - 1) + "…" if self.left else ""
            size = self.left
        if size:
            self.segments.append(Segment(text, style))
            self.left -= size
        return self

    def pieces(self, item: Item) -> Line:
        """Write all pieces of `item`."""
        for text, style in item:
            self.add(text, style)
        return self

    def fill(self, leave: int = 0, style: Style = TEXT) -> Line:
        """Write spaces until `leave` cells are left."""
        return self.add(" " * (self.left - leave), style) if self.left > leave else self

    def extend(self, segments: Iterable[Segment], size: int) -> Line:
        """Append ready segments that are `size` cells wide together."""
        assert size <= self.left
        self.segments.extend(segments)
        self.left -= size
        return self


@dataclass(frozen=True)
class Frame:
    """A rich renderable of ready lines."""

    lines: list[Line]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        last = len(self.lines) - 1
        for number, line in enumerate(self.lines):
            yield from line.segments
            if number != last:
                yield Segment.line()


def item_width(item: Item) -> int:
    """How many cells the pieces of an item take."""
    return sum(cell_len(text) for text, _ in item)


def flow(rows: Sequence[Iterable[Item]], width: int, gap: int = 3) -> list[Line]:
    """One line a row (an item at least). What has no room goes to a later line, or is left out."""
    made: list[Line] = []
    waiting: list[Item] = []
    for row in rows:
        line = Line(width).add(" ")
        homeless: list[Item] = []
        first, *others = row
        for item in [first, *waiting, *others]:
            space = gap if len(line.segments) > 1 else 0
            if item_width(item) + space <= line.left:
                line.add(" " * space).pieces(item)
            else:
                homeless.append(item)
        waiting = homeless
        made.append(line.fill())
    return made
