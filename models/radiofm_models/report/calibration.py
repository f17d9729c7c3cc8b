"""Reliability diagrams: is a score of 0.8 right eight times in ten?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.ticker import PercentFormatter

from radiofm_models.data import Indices
from radiofm_models.metrics import calibration_error
from radiofm_models.report.figure import QUIET, Figure, colour, drawing, legend, marker, styled

BINS = 15


def reliability_diagram(
    caption: str, scores: Mapping[str, npt.NDArray[np.floating]], truth: Indices
) -> Figure:
    """Accuracy against confidence in equal bins, of scores [n, labels] by name (Guo et al. 2017);
    below it the share of items in each bin."""
    binned = {name: _bins(one, truth) for name, one in scores.items()}
    edges = np.linspace(0, 1, BINS + 1)
    with styled():
        figure = drawing(4.6, 5.2)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        upper.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle=(0, (1, 2)))
        handles: list[Artist] = []
        for number, one in enumerate(binned.values()):
            tint = colour(number)
            handles += upper.plot(
                one["confidence"], one["accuracy"], color=tint, marker=marker(number)
            )
            lower.stairs(one["share"], edges, color=tint, fill=number == 0, alpha=0.8)
        for axes in (upper, lower):
            axes.yaxis.set_major_formatter(PercentFormatter(1))
        upper.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="accuracy")
        lower.set(xlabel="confidence", ylabel="share", ylim=(0, None))
        names = [f"{name} (ECE {one['ece']:.3f})" for name, one in binned.items()]
        legend(figure, handles, names)
    return Figure(figure, caption, {"bins": BINS, "scores": binned})


def _bins(scores: npt.NDArray[np.floating], truth: Indices) -> dict[str, Any]:
    """Mean confidence, accuracy and share of the items of each bin that has any."""
    confidence, right = scores.max(axis=1), scores.argmax(axis=1) == truth
    which = np.minimum((confidence * BINS).astype(int), BINS - 1)
    count = np.bincount(which, minlength=BINS)
    held = np.maximum(count, 1)
    empty = np.where(count > 0, 1.0, np.nan)
    return {
        "confidence": np.bincount(which, confidence, BINS) / held * empty,
        "accuracy": np.bincount(which, right, BINS) / held * empty,
        "share": count / len(truth),
        "ece": calibration_error(np.asarray(scores, np.float32), truth, BINS),
    }
