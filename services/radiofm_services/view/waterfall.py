"""The waterfall: two rows of colour in every line of text, newest on top, frequency across."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.segment import Segment

from radiofm_services.view import palette
from radiofm_services.view.canvas import Line
from radiofm_services.view.history import Row, Window, pool_edges
from radiofm_services.view.state import ViewState

ROW_SECONDS = 0.048  # of air in one row of colour: fast enough to follow, slow enough to read
PEAK_SECONDS = 0.15
STRIP = 2  # columns for the colour of the best label
BARS = " ▁▂▃▄▅▆▇█"

Pixels = npt.NDArray[np.uint8]  # palette indices


@dataclass(frozen=True)
class Picture:
    """A drawn waterfall, `lines` lines of two rows each."""

    pixels: Pixels  # [2 * lines, columns]
    marks: list[Row]  # the gravest thing in each line
    line_seconds: float
    peaks: npt.NDArray[np.float64]  # [columns], 0 to 1, the strongest of the newest moment
    occupied: npt.NDArray[np.bool_]  # [columns], in the same time


def draw(state: ViewState, columns: int, lines: int) -> Picture:
    """Draw the newest slices of `state` into `columns` (the label strip included) by `lines`."""
    per_group = max(1, round(ROW_SECONDS / state.slice_seconds))
    seconds = 2 * per_group * state.slice_seconds
    width = columns - STRIP
    pixels = np.full((2 * lines, columns), palette.BACKGROUND, np.uint8)
    if state.history is None or state.levels is None or width < 1:
        return Picture(
            pixels, [Row.EMPTY] * lines, seconds, np.zeros(max(width, 0)), np.zeros(width, bool)
        )
    window = state.history.window(2 * lines, per_group)
    edges = pool_edges(state.history.bins, width)
    values = np.fmax.reduceat(window.values, edges, axis=1)
    occupied = np.logical_or.reduceat(window.occupied, edges, axis=1)
    low, high = state.levels
    level = np.nan_to_num((values - low) / (high - low), nan=0.0).clip(0, 1)
    shown = len(level)
    body = pixels[:shown, :width]
    drawn = np.isfinite(values)
    steps = (level * (palette.STEPS - 1) + 0.5).astype(np.uint8)
    body[drawn] = (steps + palette.OCCUPIED * occupied)[drawn]
    _mark_gaps(body, window, drawn)
    pixels[:shown, width + 1 :] = _label_colours(state, window)[:, None]
    kinds = np.zeros(2 * lines, np.uint8)
    kinds[:shown] = window.kinds
    marks = [Row(int(kind)) for kind in kinds.reshape(lines, 2).max(axis=1)]
    recent = max(1, round(PEAK_SECONDS / (per_group * state.slice_seconds)))
    return Picture(
        pixels,
        marks,
        seconds,
        level[:recent].max(axis=0).astype(np.float64),
        np.logical_or.reduce(occupied[:recent], axis=0),
    )


def _mark_gaps(body: Pixels, window: Window, drawn: npt.NDArray[np.bool_]) -> None:
    """Hatch what was lost. The stripes move with the rows, so that they do not shimmer."""
    groups = window.newest_group - np.arange(len(body))
    diagonal = (np.arange(body.shape[1])[None, :] - groups[:, None]) % 4
    lost = (window.kinds >= Row.LOST)[:, None]
    body[lost & ~drawn] = palette.HATCH_GAP
    body[lost & (diagonal < np.where(drawn, 1, 2))] = palette.HATCH
    body[(window.kinds == Row.SKIPPED)[:, None] & (diagonal == 0)] = palette.SKIPPED
    body[window.kinds == Row.SEAM] = palette.STREAM


def _label_colours(state: ViewState, window: Window) -> Pixels:
    table = [label_colour(state, label) for label in state.label_order]
    colours = np.array([*table, palette.BACKGROUND], np.uint8)
    return colours[np.where(window.labels < len(table), window.labels, -1)]


def label_colour(state: ViewState, label: str) -> int:
    """The palette index that stays with `label`; labels that mean "nothing" are grey."""
    if label.lower() in ("noise", "none", "empty", "idle", "free", "unknown"):
        return palette.QUIET_LABEL
    return palette.LABELS + state.label_number(label) % palette.LABEL_COLOURS


def half_blocks(line: Line, top: Pixels, bottom: Pixels) -> Line:
    """Write two rows of palette indices as one line of half blocks, a segment a run of colour."""
    codes = top.astype(np.uint16) * 256 + bottom
    segments = [
        Segment("▀" * size, palette.ink(code >> 8, code & 255)) for code, size in _runs(codes)
    ]
    return line.extend(segments, len(codes))


def _runs(codes: npt.NDArray[Any]) -> Iterator[tuple[int, int]]:
    """(value, how many times in a row)."""
    starts = [0, *(np.flatnonzero(codes[1:] != codes[:-1]) + 1).tolist()]
    sizes = np.diff(starts, append=len(codes)).tolist()
    return zip(codes[starts].tolist(), sizes, strict=True)


def spectrum(picture: Picture, lines: int) -> list[list[Segment]]:
    """Bars over the waterfall: the strongest of the newest moment, `lines` lines high."""
    eighths = np.round(picture.peaks * (8 * lines - 1)).astype(int) + 1
    made: list[list[Segment]] = []
    for number in range(lines):
        below = 8 * (lines - 1 - number)
        step = (below + 6) * (palette.STEPS - 1) // (8 * lines)
        heights = np.clip(eighths - below, 0, 8)
        codes = heights + 16 * picture.occupied
        made.append(
            [
                Segment(BARS[code & 15] * size, palette.ink(step + palette.OCCUPIED * (code >> 4)))
                for code, size in _runs(codes)
            ]
        )
    return made
