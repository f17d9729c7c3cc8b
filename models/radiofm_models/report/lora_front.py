"""Accuracy against trainable parameters: what a rank of LoRA buys, at several scalings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, PercentFormatter

from radiofm_models.report.figure import (
    PALE,
    QUIET,
    Figure,
    colour,
    drawing,
    legend,
    log_ticks,
    marker,
    styled,
)
from radiofm_models.report.table import Measured


@dataclass(frozen=True)
class LoraPoint:
    rank: int
    alpha: float
    parameters: int  # that are trained, the head's among them
    accuracy: Measured


@dataclass(frozen=True)
class Reference:
    """Another way to fine-tune; without `parameters` it is a line across."""

    name: str
    accuracy: Measured
    parameters: int | None = None


def lora_front(
    caption: str, points: Sequence[LoraPoint], references: Sequence[Reference] = ()
) -> Figure:
    """The rank-alpha front (WavesFM Fig. 8): a curve an alpha over the parameters of its ranks;
    grey behind them, the points that no cheaper one equals."""
    with styled():
        figure = drawing(4.2)
        axes = figure.add_subplot()
        front = pareto(points)
        axes.plot(
            [p.parameters for p in front], [p.accuracy.mean for p in front], color=PALE,
            linewidth=7, solid_capstyle="round", solid_joinstyle="round", zorder=1,
        )  # fmt: skip
        handles, names = [], []
        for number, alpha in enumerate(sorted({p.alpha for p in points})):
            those = sorted((p for p in points if p.alpha == alpha), key=lambda p: p.parameters)
            handles.append(_line(axes, number, those))
            names.append(f"LoRA, alpha {alpha:g}")
        for number, other in enumerate(references):
            handles.append(_reference(axes, number, other))
            names.append(other.name)
        axes.set_xscale("log")
        log_ticks(axes.xaxis, EngFormatter(sep=" "))
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        for rank, parameters in sorted({(p.rank, p.parameters) for p in points}):
            axes.annotate(
                f"R {rank}", (parameters, 0), xycoords=("data", "axes fraction"), xytext=(0, 3),
                textcoords="offset points", ha="center", fontsize=7.5, color=QUIET,
            )  # fmt: skip
        axes.margins(y=0.12)
        axes.set(xlabel="trainable parameters", ylabel="accuracy")
        legend(figure, handles, names)
    data = {
        "points": [*map(asdict, points)],
        "front": [{"rank": p.rank, "alpha": p.alpha} for p in front],
        "references": [*map(asdict, references)],
    }
    return Figure(figure, caption, data)


def _line(axes: Axes, number: int, points: Sequence[LoraPoint]) -> Artist:
    """Accuracies with their spread, joined."""
    drawn = axes.errorbar(
        [p.parameters for p in points], [p.accuracy.mean for p in points],
        yerr=[p.accuracy.std or 0 for p in points], capsize=2, elinewidth=0.8,
        color=colour(number), marker=marker(number),
    )  # fmt: skip
    return drawn.lines[0]


def _reference(axes: Axes, number: int, other: Reference) -> Artist:
    mean, std = other.accuracy.mean, other.accuracy.std or 0
    if other.parameters is None:
        return axes.axhline(mean, color=QUIET, linestyle=("--", ":", "-.")[number % 3])
    drawn = axes.errorbar(
        [other.parameters], [mean], yerr=[std], capsize=2, elinewidth=0.8, color="#222",
        marker=("*", "P", "X")[number % 3], markersize=9, linestyle="",
    )  # fmt: skip
    return drawn.lines[0]


def pareto(points: Sequence[LoraPoint]) -> list[LoraPoint]:
    """Those that are more accurate than all of as many parameters or fewer, cheapest first."""
    front: list[LoraPoint] = []
    for point in sorted(points, key=lambda p: (p.parameters, -p.accuracy.mean)):
        if not front or point.accuracy.mean > front[-1].accuracy.mean:
            front.append(point)
    return front
