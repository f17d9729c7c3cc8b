"""The screen: header, waterfall with its axis, heads, footer, at any size."""

from __future__ import annotations

from radiofm_services.view.canvas import Frame, Line
from radiofm_services.view.history import Row
from radiofm_services.view.palette import BAD, DIM, FAINT, WARN
from radiofm_services.view.panel import panel
from radiofm_services.view.state import ViewState
from radiofm_services.view.status_lines import FOOTER_LINES, footer, header
from radiofm_services.view.waterfall import STRIP, draw, half_blocks, spectrum
from radiofm_services.view.words import ticks

GUTTER = 7  # cells for the age of a row, or for what was lost in it
MARGIN = 2  # cells between waterfall and panel
SMALLEST = (60, 16)  # below this there is no room for a picture


def render(state: ViewState, width: int, height: int) -> Frame:
    """Draw `state` on exactly `height` lines of exactly `width` cells."""
    width, height = max(width, 1), max(height, 1)
    if width < SMALLEST[0] or height < SMALLEST[1]:
        lines = [*header(state, width), *footer(state, width)][-height:]
        return Frame(lines + [Line(width).fill() for _ in range(height - len(lines))])
    middle = _middle(state, width, height - 2 - FOOTER_LINES - 2)
    blank = Line(width).fill()
    return Frame([*header(state, width), blank, *middle, blank, *footer(state, width)])


def _middle(state: ViewState, width: int, height: int) -> list[Line]:
    panel_width = min(max(24, width * 3 // 11), 44)
    columns = width - GUTTER - MARGIN - panel_width - 1
    above = height // 8 if height >= 22 else 0  # lines of spectrum over the waterfall
    picture = draw(state, columns, height - above - 1)
    side = panel(state, panel_width, height)
    lines = [Line(width).add(" " * GUTTER) for _ in range(above)]
    for line, bars in zip(lines, spectrum(picture, above), strict=True):
        line.extend(bars, columns - STRIP)
    for number, mark in enumerate(picture.marks):
        before = picture.marks[number - 1] if number else Row.EMPTY
        line = _gutter(Line(width), mark, before, _age(number, picture.line_seconds))
        if number == 1 and state.history is None:
            line.add("waiting for slices", DIM).fill(width - GUTTER - columns)
        else:
            half_blocks(line, picture.pixels[2 * number], picture.pixels[2 * number + 1])
        lines.append(line)
    lines.append(_axis(state, Line(width).add(" " * GUTTER), columns - STRIP))
    for line, beside in zip(lines, side, strict=True):
        line.fill(panel_width + 1).extend(beside.segments, panel_width).fill()
    return lines


def _gutter(line: Line, mark: Row, before: Row, age: str) -> Line:
    text, style = age, FAINT
    if mark >= Row.SEAM:  # said once, where it begins
        word = {Row.LOST: "lost", Row.LOST_ESTIMATED: "~lost"}.get(mark, "new")
        text = word if mark != before else ""
        style = {Row.LOST: BAD, Row.LOST_ESTIMATED: WARN}.get(mark, DIM)
    return line.add(text.rjust(GUTTER - 1) + " ", style)


def _age(number: int, line_seconds: float) -> str:
    """How long ago the air in this line was, at every round half second (or rounder)."""
    if number == 0:
        return "now"
    step = next((s for s in (0.5, 1, 2, 5, 10, 60) if s >= 4 * line_seconds), 600)
    passed = round((number + 0.5) * line_seconds / step)
    nearest = round(passed * step / line_seconds)
    return f"−{passed * step:g} s" if passed and number == nearest else ""


def _axis(state: ViewState, line: Line, columns: int) -> Line:
    """Frequencies in MHz, each beginning under its place."""
    if state.tuning is None or not state.tuning.sample_rate_hz:
        return line
    low = state.tuning.center_frequency_hz - state.tuning.sample_rate_hz / 2
    high = low + state.tuning.sample_rate_hz
    text = ""
    for frequency, label in ticks(low, high, columns // 10):
        at = round((frequency - low) / (high - low) * (columns - 1))
        mark = f"╵{label}"
        if at >= len(text) and at + len(mark) <= columns:
            text = text.ljust(at) + mark
    return line.add(text.ljust(columns - 4) + " MHz" if len(text) <= columns - 4 else text, DIM)
