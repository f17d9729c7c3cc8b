"""Confusion matrices, of a few classes or of many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

from radiofm_models.report.figure import PALE, WIDTH, Figure, clipped, drawing, styled

FEW = 8  # classes, of which two matrices fit beside each other, with shares in their cells

SHARES = colormaps["Blues"].with_extremes(bad=PALE)
_short = EngFormatter(places=1, sep="")


def confusion_matrices(
    caption: str, counts: Mapping[str, npt.ArrayLike], labels: Sequence[str]
) -> Figure:
    """Matrices [labels, labels] by name, row truth, column prediction, coloured by share of the row
    (ViT-MSM Figs. 7 and 8, ConvLSTM Figs. 7 and 8, WavesFM Figs. 6a, 6b and 9).

    Each cell has its count, of few classes also its share; a class that never occurs is grey.
    """
    tables = {name: np.asarray(table) for name, table in counts.items()}
    few = len(labels) <= FEW
    across = min(len(tables), 2) if few else 1
    down = -(-len(tables) // across)
    side = WIDTH / across if few and across == 2 else (4.4 if few else WIDTH)
    with styled():
        figure = drawing(down * (side + 0.1), across * side)
        grid = figure.subplots(down, across, squeeze=False)
        for axes in grid.flat[len(tables) :]:
            axes.remove()
        for axes, (name, table) in zip(grid.flat, tables.items(), strict=False):
            _matrix(axes, table, labels, few)
            axes.set_title(name)
    return Figure(figure, caption, {"labels": list(labels), "counts": tables})


def _matrix(axes: Axes, table: npt.NDArray[np.int64], labels: Sequence[str], few: bool) -> None:
    total = table.sum(axis=1, keepdims=True)
    share = np.where(total > 0, table / np.maximum(total, 1), np.nan)
    axes.imshow(share, cmap=SHARES, vmin=0, vmax=1)
    at, names = range(len(labels)), [clipped(label) for label in labels]
    axes.set_xticks(at, names, rotation=45 if few else 90, ha="right" if few else "center",
                    rotation_mode="anchor" if few else "default")  # fmt: skip
    axes.set_yticks(at, names)
    axes.tick_params(length=0, labelsize=8.5 if few else 7.5)
    axes.set(xlabel="predicted", ylabel="true")
    axes.grid(False)
    axes.spines[:].set_visible(False)
    for row, column in np.ndindex(table.shape):
        part = share[row, column]
        if not few and not table[row, column]:
            continue  # of many classes most cells are empty: leave them so
        count = _count(int(table[row, column]))
        text = f"{part:.1%}\n{count}" if few and not np.isnan(part) else count
        axes.text(
            column, row, text, ha="center", va="center", fontsize=8 if few else 6.5,
            linespacing=1.3, color="white" if part > 0.5 else "#222",
        )  # fmt: skip


def _count(count: int) -> str:
    return str(count) if count < 10_000 else _short(count)
