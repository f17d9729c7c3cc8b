"""Metrics of classifiers, from counts of truth against prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm_models.data import Indices

Counts = npt.NDArray[np.int64]
Bands = Sequence[tuple[float, float]]  # from, up to but without; dB

BANDS: Bands = ((-20, -10), (-10, 0), (0, 5), (5, 10), (10, 20), (20, 60))


def confusion(truth: Indices, predicted: Indices, labels: int) -> Counts:
    """Counts [labels, labels]: row truth, column prediction."""
    return np.bincount(truth * labels + predicted, minlength=labels**2).reshape(labels, labels)


def classification_metrics(table: Counts) -> dict[str, Any]:
    """Accuracy, mean per-class accuracy, macro-F1 and per-class recall of a confusion table.

    Mean per-class accuracy (the WavesFM paper's Table III, its code's `pca`) is the mean recall of
    the classes that occur. F1 of a class is 2 hits / (truths + predictions); macro-F1 is its mean
    over all classes, 0 for one that neither occurs nor is predicted.
    """
    hits = table.diagonal()
    occurs = table.sum(axis=1) > 0
    with np.errstate(invalid="ignore"):
        recall = np.nan_to_num(hits / table.sum(axis=1))
        f1 = np.nan_to_num(2 * hits / (table.sum(axis=1) + table.sum(axis=0)))
    return {
        "accuracy": float(hits.sum() / table.sum()),
        "mean_class_accuracy": float(recall[occurs].mean()),
        "macro_f1": float(f1.mean()),
        "recall": recall.tolist(),
        "confusion": table.tolist(),
    }


def calibration_error(scores: npt.NDArray[np.float32], truth: Indices, bins: int = 15) -> float:
    """Expected calibration error of `scores` [n, labels] (Guo et al. 2017)."""
    confidence, right = scores.max(axis=1), scores.argmax(axis=1) == truth
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(confidence[which == b].sum() - right[which == b].sum()) for b in range(bins)]
    return float(sum(gaps) / len(truth))


def accuracy_by_snr(
    truth: Indices, predicted: Indices, snr_db: npt.NDArray[Any], bands: Bands
) -> list[dict[str, Any]]:
    """Accuracy in each band of SNR that has items; items of unknown SNR (NaN) are in none."""
    return [
        {
            "snr_db": list(band),
            "items": int(here.sum()),
            "accuracy": float((predicted == truth)[here].mean()),
        }
        for band in bands
        if (here := (snr_db >= band[0]) & (snr_db < band[1])).any()
    ]
