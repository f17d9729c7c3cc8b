"""Figures of numbers against numbers: curves with spread, and distributions of errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter, StrMethodFormatter

from radiofm_models.report.figure import (
    QUIET,
    Figure,
    colour,
    drawing,
    legend,
    log_ticks,
    marker,
    styled,
)


@dataclass(frozen=True)
class Series:
    """One curve: `x`, `mean` and `std` [points], NaN where there is none; no `std`, no band.

    A baseline is drawn dashed. `colour` is a place in the palette, for a baseline that belongs to
    another curve; else each curve has its own.
    """

    name: str
    x: npt.ArrayLike
    mean: npt.ArrayLike
    std: npt.ArrayLike | None = None
    baseline: bool = False
    colour: int | None = None


def curves(
    caption: str,
    series: Sequence[Series],
    x_label: str,
    y_label: str,
    *,
    percent: bool = False,
    log_y: bool = False,
) -> Figure:
    """Curves with a band of one standard deviation (ViT-MSM Fig. 6, ConvLSTM Fig. 6, WavesFM
    Figs. 6d and 7). `percent` shows fractions as such."""
    with styled():
        figure = drawing(3.8)
        axes = figure.add_subplot()
        if log_y:
            axes.set_yscale("log")
            log_ticks(axes.yaxis, StrMethodFormatter("{x:g}"))
        if percent:
            axes.yaxis.set_major_formatter(PercentFormatter(1))
        if all(np.mod(one.x, 1).max(initial=0) == 0 for one in series):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))  # no half an epoch
        handles = [_curve(axes, number, one) for number, one in enumerate(series)]
        axes.set(xlabel=x_label, ylabel=y_label)
        legend(figure, handles, [one.name for one in series])
    return Figure(figure, caption, {"x": x_label, "y": y_label, "series": [*map(asdict, series)]})


def _curve(axes: Axes, number: int, series: Series) -> Artist:
    place = number if series.colour is None else series.colour
    tint = colour(place)
    x, mean = np.asarray(series.x, np.float64), np.asarray(series.mean, np.float64)
    (line,) = axes.plot(
        x, mean, color=tint, marker=marker(place) if len(x) <= 40 else "",
        linestyle="--" if series.baseline else "-",
        markerfacecolor="white" if series.baseline else tint,
    )  # fmt: skip
    if series.std is not None:
        std = np.asarray(series.std, np.float64)
        axes.fill_between(x, mean - std, mean + std, color=tint, alpha=0.15, linewidth=0)
    return line


def error_distribution(
    caption: str, errors: Mapping[str, npt.ArrayLike], x_label: str = "positioning error, m"
) -> Figure:
    """Cumulative distributions of errors [n] by name (the densities of WavesFM's Fig. 6c)."""
    sorted_errors = {name: np.sort(np.asarray(one, np.float64)) for name, one in errors.items()}
    with styled():
        figure = drawing(3.6)
        axes = figure.add_subplot()
        handles: list[Artist] = []
        for number, one in enumerate(sorted_errors.values()):
            share = np.arange(len(one) + 1) / len(one)
            handles += axes.plot(
                np.concatenate([[0], one]), share, color=colour(number), drawstyle="steps-post",
                linestyle=("-", "--", ":", "-.")[number % 4],
            )  # fmt: skip
        for level in (0.5, 0.9):
            axes.axhline(level, color=QUIET, linewidth=0.8, linestyle=(0, (1, 2)))
        # the last hundredth is a tail that would squeeze the rest
        most = max(float(np.quantile(one, 0.99)) for one in sorted_errors.values())
        axes.set_xlim(0, 1.05 * most or 1)
        axes.set_ylim(0, 1.01)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.set(xlabel=x_label, ylabel="share of errors up to")
        names = [f"{name} (median {np.median(one):.3g})" for name, one in sorted_errors.items()]
        legend(figure, handles, names)
    return Figure(figure, caption, {"x": x_label, "errors": sorted_errors})
