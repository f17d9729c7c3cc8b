"""The picture of a corpus: where its air time is, how full and how loud it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from radiofm.corpus.reading import Corpus
from radiofm.corpus.statistics import LOWEST_DB, STEP_DB
from radiofm.corpus.summary import Figures, Summary, summarise
from radiofm.errors import MissingDependencyError, UsageError
from radiofm.quantities import format_duration

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUFFIXES = (".svg", ".png", ".pdf")
BARS = 10  # the longest, the others together
RECEIVED, LOST, CLIPPED, QUIET = "#2f6f9f", "#c9ced3", "#c8553d", "#6b7480"


def plot(folder: Path, path: Path) -> None:
    """Draw the corpus in `folder` to `path` (.svg, .png or .pdf).

    Raises MissingDependencyError without matplotlib, UsageError for another suffix.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"plot {path} is of no known kind: end it in {', '.join(SUFFIXES)}")
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingDependencyError(
            "matplotlib", "pip install matplotlib (the extra radiofm[train] has it)"
        ) from None
    summary = summarise(folder)
    slices = Corpus.open(folder).slices()
    figure = Figure(figsize=(13, 7.4), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 3)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
        axis.tick_params(labelsize=8.5, colors="#333")
    figure.suptitle(_title(folder, summary), fontsize=12, x=0.01, ha="left")
    for axis, grouping in zip(axes[0], ("band", "rate", "device"), strict=True):
        _air_time(axis, f"Air time by {grouping}", summary.parts[grouping])
    _occupancy(axes[1, 0], np.array([place.occupancy for place in slices]))
    clipped = np.array([place.clipped > 0 for place in slices], bool)
    _levels(axes[1, 1], np.array([place.level_dbfs for place in slices]), clipped)
    _pixels(axes[1, 2], summary)
    try:
        figure.savefig(path)
    except OSError as error:
        raise UsageError(f"plot {path}: {error.strerror}: name a place to write to") from None


def _title(folder: Path, summary: Summary) -> str:
    whole = summary.whole
    return (
        f"{folder.resolve().name}: {whole.recordings} recordings, "
        f"{format_duration(whole.seconds)} of air, {whole.slices} slices of "
        f"{summary.spec.duration_s * 1e3:g} ms"
    )


def _air_time(axis: Axes, title: str, parts: dict[str, Figures]) -> None:
    """A bar a part, the longest first; what was lost is drawn behind it."""
    longest = sorted(parts.items(), key=lambda item: -item[1].seconds)
    bars = [(_short(name), f.seconds, f.span) for name, f in longest[:BARS]]
    if rest := [f for _, f in longest[BARS:]]:
        bars.append(
            (f"{len(rest)} others", sum(f.seconds for f in rest), sum(f.span for f in rest))
        )
    longest_s = max(span for _, _, span in bars)
    unit, name = (3600.0, "h") if longest_s > 7200 else (1.0, "s")
    at = np.arange(len(bars))
    for colour, values in (
        (LOST, [span / unit for _, _, span in bars]),
        (RECEIVED, [seconds / unit for _, seconds, _ in bars]),
    ):
        axis.barh(at, values, color=colour, height=0.62)
    axis.set_yticks(at, [bar[0] for bar in bars])
    axis.set_ylim(max(len(bars), 4) - 0.4, -0.6)
    for y, (_, seconds, span) in enumerate(bars):
        lost = f", {1 - seconds / span:.1%} lost" if span > seconds else ""
        axis.annotate(
            f"{format_duration(seconds)}{lost}", (span / unit, y), xytext=(4, 0),
            textcoords="offset points", va="center", fontsize=8, color="#333",
        )  # fmt: skip
    axis.set_xlim(0, longest_s / unit * 1.45)
    gaps = any(span > seconds for _, seconds, span in bars)
    axis.set_xlabel(f"{name} (grey: lost)" if gaps else name)
    axis.set_title(title, fontsize=10, loc="left")


def _occupancy(axis: Axes, values: Any) -> None:
    axis.hist(values, bins=np.linspace(0, 1, 41).tolist(), color=RECEIVED)
    _median(axis, values, "{:.0%}")
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axis.set(xlabel="cells above the noise floor", ylabel="slices")
    axis.set_title("Occupancy", fontsize=10, loc="left")


def _levels(axis: Axes, values: Any, clipped: Any) -> None:
    low = max(float(values.min()), -120.0)
    bins = np.arange(np.floor(low), max(float(values.max()), 0.0) + 1.5).tolist()
    axis.hist(
        [np.maximum(values[~clipped], low), np.maximum(values[clipped], low)],
        bins=bins, stacked=True, color=[RECEIVED, CLIPPED],
    )  # fmt: skip
    _median(axis, values, "{:.0f} dBFS")
    axis.set(xlabel="level of a slice, dBFS", ylabel="slices")
    share = f"{clipped.mean():.1%} of slices clip, in red" if clipped.any() else "none clips"
    axis.set_title(f"Level; {share}", fontsize=10, loc="left")


def _median(axis: Axes, values: Any, text: str) -> None:
    median = float(np.median(values))
    axis.axvline(median, color=QUIET, linewidth=1, linestyle="--")
    axis.annotate(
        f"median {text.format(median)}", (median, 1), xycoords=("data", "axes fraction"),
        xytext=(4, -4), textcoords="offset points", va="top", fontsize=8, color=QUIET,
    )  # fmt: skip


def _pixels(axis: Axes, summary: Summary) -> None:
    """The images' histogram in steps of 0.5 dB, and the range that the spec scales to [0, 1]."""
    step = round(0.5 / STEP_DB)
    counts = summary.statistics.counts
    counts = counts[: len(counts) // step * step].reshape(-1, step).sum(axis=1)
    at = LOWEST_DB + 0.5 * np.arange(len(counts))
    seen = np.flatnonzero(counts)
    part = slice(int(seen[0]), int(seen[-1]) + 2)
    axis.fill_between(at[part], counts[part] / counts.sum(), step="post", color=RECEIVED)
    low, high = summary.spec.range_db
    axis.axvspan(low, high, color=LOST, alpha=0.35, zorder=0)
    axis.set(xlabel="pixel, dBFS per bin", ylabel="share of pixels")
    axis.set_ylim(bottom=0)
    axis.set_title(f"Images; range {low:g} to {high:g} dBFS shaded", fontsize=10, loc="left")


def _short(name: str) -> str:
    return name if len(name) <= 28 else f"{name[:27]}…"
