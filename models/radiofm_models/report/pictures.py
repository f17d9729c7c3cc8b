"""Figures of spectrograms: frequency up, time to the right."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure as Drawing
from matplotlib.image import AxesImage
from matplotlib.patches import Patch

from radiofm_models.report.figure import PALE, WIDTH, Figure, drawing, legend, styled

Images = npt.NDArray[np.floating]  # [n, frequency, time]; row 0 is the lowest frequency
Classes = npt.NDArray[np.integer]  # [n, frequency, time]

SEGMENTS = ("#e4e7ea", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#000000")
LABELLED = len(SEGMENTS) - 1  # colours that are not the background's
SPECTROGRAM = colormaps["magma"].with_extremes(bad=PALE)
DARKEST, BRIGHTEST = 1.0, 99.8  # percentiles of the original that the colours reach from and to


def reconstructions(
    caption: str,
    original: Images,
    removed: npt.NDArray[np.bool_],
    predicted: Images,
    rows: Sequence[str],
    unit: str = "standardised",
) -> Figure:
    """Rows of original, masked and reconstructed (ViT-MSM Fig. 4, WavesFM Fig. 5), all [n, H, W].

    `removed` is True for pixels that the model did not see; the others are the original's in the
    reconstruction too. The data hold the mean squared error over removed pixels.
    """
    shown = [
        original,
        np.where(removed, np.nan, original),
        np.where(removed, predicted, original),
    ]
    figure, limits = _spectrograms(
        shown, original, ("original", "masked", "reconstructed"), rows, [1, 1, 1], unit
    )
    squares = np.square(predicted - original)
    error = [float(one[cells].mean()) if cells.any() else None
             for one, cells in zip(squares, removed, strict=True)]  # fmt: skip
    return Figure(figure, caption, {"rows": list(rows), "limits": limits, "masked_mse": error})


def forecasts(
    caption: str,
    context: Images,
    future: Images,
    predicted: Images,
    rows: Sequence[str],
    unit: str = "standardised",
) -> Figure:
    """Rows of what a model saw [n, H, W], what came [n, H, F] and what it foretold [n, H, F]
    (the forecasts of the ConvLSTM paper's section IV-A)."""
    ahead = max(future.shape[2], context.shape[2] // 4)
    figure, limits = _spectrograms(
        [context, future, predicted], np.concatenate([context, future], axis=2),
        ("context", "true future", "predicted future"), rows,
        [context.shape[2], ahead, ahead], unit,
    )  # fmt: skip
    error = np.square(predicted - future).mean(axis=(1, 2))
    return Figure(figure, caption, {"rows": list(rows), "limits": limits, "mse": error})


def segmentations(
    caption: str,
    images: Images,
    truth: Classes,
    predicted: Classes,
    labels: Sequence[str],
    rows: Sequence[str],
) -> Figure:
    """Rows of slice, truth and prediction (ViT-MSM Fig. 2, ConvLSTM Fig. 1), all [n, H, W]; the
    first of `labels` is the background."""
    colours = ListedColormap([SEGMENTS[i % len(SEGMENTS)] for i in range(len(labels))])
    norm = BoundaryNorm(np.arange(len(labels) + 1) - 0.5, len(labels))
    with styled():
        figure, grid = _grid(("slice", "truth", "prediction"), rows, [1, 1, 1])
        limits = []
        for number, axes in enumerate(grid):
            limits.append(_limits(images[number]))
            _show(axes[0], images[number], limits[-1])
            for panel, classes in zip(axes[1:], (truth, predicted), strict=True):
                panel.imshow(
                    classes[number], origin="lower", aspect="auto", interpolation="nearest",
                    cmap=colours, norm=norm,
                )  # fmt: skip
        patches = [Patch(facecolor=colours(i), edgecolor="#6b7480", linewidth=0.5)
                   for i in range(len(labels))]  # fmt: skip
        legend(figure, patches, labels)
    right = (truth == predicted).mean(axis=(1, 2))
    return Figure(figure, caption, {"rows": list(rows), "limits": limits, "pixel_accuracy": right})


def answers(
    caption: str,
    image: npt.NDArray[np.floating],
    panels: Mapping[str, tuple[npt.NDArray[np.integer], Sequence[str]]],
    edges: Sequence[float] = (),
) -> Figure:
    """One slice [H, W] and beside it the answers to it, by name: classes [H, W] and their labels,
    of which the first is the background. Lines at `edges`, shares of the band, part its rows."""
    known = [(f"{name}: {label}", label == labels[0])
             for name, (_, labels) in panels.items() for label in labels]  # fmt: skip
    tints, number = [], 0
    for _, background in known:
        number += not background
        tints.append(SEGMENTS[0] if background else SEGMENTS[1 + (number - 1) % LABELLED])
    with styled():
        figure, grid = _grid(("slice", *panels), ("",), [1] * (1 + len(panels)))
        limits, first = _limits(image), 0
        _show(grid[0, 0], image, limits)
        for axes, (classes, labels) in zip(grid[0, 1:], panels.values(), strict=True):
            own = tints[first : first + len(labels)]
            first += len(labels)
            bounds = np.arange(len(own) + 1) - 0.5
            axes.imshow(
                classes, origin="lower", aspect="auto", interpolation="nearest",
                cmap=ListedColormap(own), norm=BoundaryNorm(bounds, len(own)),
            )  # fmt: skip
        for axes in grid[0]:
            for edge in edges:
                axes.axhline(edge * len(image) - 0.5, color="white", linewidth=2)
                axes.axhline(edge * len(image) - 0.5, color="black", linewidth=1, linestyle="--")
        patches = [Patch(facecolor=tint, edgecolor="#6b7480", linewidth=0.5) for tint in tints]
        legend(figure, patches, [name for name, _ in known])
    shares = {
        name: dict(zip(labels, np.bincount(classes.reshape(-1), minlength=len(labels))
                       / classes.size, strict=True))
        for name, (classes, labels) in panels.items()
    }  # fmt: skip
    return Figure(figure, caption, {"limits": limits, "edges": list(edges), "shares": shares})


def _spectrograms(
    columns: Sequence[Images],
    measured: Images,
    titles: Sequence[str],
    rows: Sequence[str],
    widths: Sequence[int],
    unit: str,
) -> tuple[Drawing, list[tuple[float, float]]]:
    """A row of panels an item, all in the colour limits of what was `measured`."""
    with styled():
        figure, grid = _grid(titles, rows, widths)
        limits = [_limits(image) for image in measured]
        for number, axes in enumerate(grid):
            for panel, images in zip(axes, columns, strict=True):
                shown = _show(panel, images[number], limits[number])
            _bar(figure, shown, axes[-1], unit)
    return figure, limits


def _grid(
    titles: Sequence[str], rows: Sequence[str], widths: Sequence[int]
) -> tuple[Drawing, npt.NDArray[np.object_]]:
    figure = drawing(0.6 + 1.9 * len(rows), WIDTH)
    grid = figure.subplots(len(rows), len(titles), squeeze=False, width_ratios=widths)
    for axes, row in zip(grid, rows, strict=True):
        axes[0].set_ylabel(f"{textwrap.fill(row, 24)}\nfrequency →".lstrip())
        for panel in axes:
            panel.set(xticks=[], yticks=[])
            panel.grid(False)
            panel.spines[:].set_visible(False)
    for panel, title in zip(grid[0], titles, strict=True):
        panel.set_title(title)
    for panel in grid[-1]:
        panel.set_xlabel("time →")
    return figure, grid


def _limits(image: npt.NDArray[np.floating]) -> tuple[float, float]:
    low, high = np.percentile(image, [DARKEST, BRIGHTEST])
    return float(low), float(high)


def _show(axes: Axes, image: npt.NDArray[np.floating], limits: tuple[float, float]) -> AxesImage:
    return axes.imshow(
        image, origin="lower", aspect="auto", interpolation="nearest", cmap=SPECTROGRAM,
        vmin=limits[0], vmax=limits[1],
    )  # fmt: skip


def _bar(figure: Drawing, shown: AxesImage, axes: Axes, unit: str) -> None:
    bar = figure.colorbar(shown, ax=axes, pad=0.03, aspect=25)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=7)
    bar.set_label(unit, fontsize=7.5)
