"""The view as an SVG."""

from __future__ import annotations

import io
import re
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from radiofm.errors import UsageError
from radiofm_services.view.palette import BACKGROUND, TABLE
from radiofm_services.view.render import render
from radiofm_services.view.state import ViewState

# Of rich's SVG export: a text's y is its base line, 18.5 under the top of its cell.
CELL_HEIGHT = 24.4
BASE_LINE = 18.5
_BLOCKS = " ▁▂▃▄▅▆▇█▀"
_TEXT = re.compile(
    r'<text class="(\S+)" x="(\S+)" y="(\S+)" textLength="(\S+)" '
    rf'clip-path="[^"]*">([{_BLOCKS[1:]}]+)</text>'
)
_RED, _GREEN, _BLUE = (int(c) for c in TABLE[BACKGROUND])


def picture(state: ViewState, path: Path, width: int = 120, height: int = 32) -> None:
    """Write the view of `state` as an SVG of `width` by `height` cells."""
    console = Console(
        record=True,
        width=width,
        height=height,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    console.print(render(state, width, height), end="")
    theme = TerminalTheme((_RED, _GREEN, _BLUE), (220, 220, 220), [(0, 0, 0)] * 8)
    svg = console.export_svg(title="radiofm", theme=theme)
    try:
        path.write_text(_TEXT.sub(_shapes, svg), "utf-8")
    except OSError as error:
        reason = (error.strerror or "cannot be written").lower()
        raise UsageError(f"picture {path}: {reason}: choose another place") from None


def _shapes(match: re.Match[str]) -> str:
    """Blocks as rectangles: fonts leave seams between glyphs."""
    style, x, y, length, text = match.groups()
    cell = float(length) / len(text)
    left, top = float(x), float(y) - BASE_LINE
    made = ""
    for character, run in groupby(text):
        size = len(list(run)) * cell
        part = _BLOCKS.index(character)
        height = CELL_HEIGHT * (part / 8 if part < 9 else 0.5)
        at = top + CELL_HEIGHT - height if part < 9 else top
        made += (
            f'<rect class="{style}" x="{left:g}" y="{at:g}" width="{size:g}" '
            f'height="{height:g}" shape-rendering="crispEdges"/>'
        )
        left += size
    return made
