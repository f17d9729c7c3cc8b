"""Metrics of several labels at once: each is there or not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]
Truth = npt.NDArray[np.bool_]


def average_precision(truth: Truth, scores: Scores) -> float | None:
    """The sum of (R_k - R_k-1) P_k over thresholds (Manning et al. 2008, chapter 8.4, without
    interpolation), of one label's `truth` [n] and `scores` [n]; None where it is in no item."""
    hits, taken = _at_thresholds(truth, scores)
    if not truth.any():
        return None
    recall, precision = hits / truth.sum(), hits / taken
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def best_threshold(truth: Truth, scores: Scores) -> float:
    """The score from which on a label counts as there, so that its F1 is highest; midway to the
    next lower score, or to 0. 0.5 where no item, or each, has the label."""
    if truth.all() or not truth.any():
        return 0.5
    hits, taken = _at_thresholds(truth, scores)
    best = int(np.argmax(2 * hits / (truth.sum() + taken)))
    values = np.append(np.unique(scores)[::-1], 0).astype(np.float64)
    return float(values[best : best + 2].mean())


def f1_score(truth: Truth, predicted: Truth) -> float | None:
    """2 hits / (truths + predictions); None where there is neither."""
    total = int(truth.sum() + predicted.sum())
    return float(2 * (truth & predicted).sum() / total) if total else None


def presence_metrics(
    truth: Truth,
    scores: Scores,
    thresholds: npt.NDArray[np.float64],
    labels: Sequence[str],
) -> dict[str, Any]:
    """Of `truth` and `scores` [n, labels]; a label is there from its threshold, [labels], on.

    Means are over the labels that occur, in truth or prediction; `exact` is the share of items of
    which every label is right.
    """
    there = scores >= thresholds
    precision = [average_precision(t, s) for t, s in zip(truth.T, scores.T, strict=True)]
    f1 = [f1_score(t, p) for t, p in zip(truth.T, there.T, strict=True)]
    known = [value for value in precision if value is not None]
    return {
        "mean_average_precision": float(np.mean(known)) if known else 0.0,
        "macro_f1": float(np.mean([v for v in f1 if v is not None] or [0.0])),
        "exact": float((there == truth).all(axis=1).mean()),
        "average_precision": dict(zip(labels, precision, strict=True)),
        "f1": dict(zip(labels, f1, strict=True)),
    }


def _at_thresholds(
    truth: Truth, scores: Scores
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Hits, and items taken, at each different score from the highest down."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    return np.cumsum(truth[order])[last], last + 1
