"""Metrics of predictions, and the simple baselines that stand beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm.spectrogram import Image
from radiofm_models.data import Indices

Mask = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.int64]


def confusion(truth: Indices, predicted: Indices, labels: int) -> Counts:
    """Counts [labels, labels]: row truth, column prediction."""
    return np.bincount(truth * labels + predicted, minlength=labels**2).reshape(labels, labels)


def classification_metrics(table: Counts) -> dict[str, Any]:
    """Accuracy, macro-F1 and per-class recall of a confusion table."""
    hits = table.diagonal()
    with np.errstate(invalid="ignore"):
        recall = np.nan_to_num(hits / table.sum(axis=1))
        f1 = np.nan_to_num(2 * hits / (table.sum(axis=1) + table.sum(axis=0)))
    return {
        "accuracy": float(hits.sum() / table.sum()),
        "macro_f1": float(f1.mean()),
        "recall": recall.tolist(),
        "confusion": table.tolist(),
    }


def overlap(truth: Mask, predicted: npt.NDArray[np.bool_]) -> Counts:
    """Pixel counts [2, 2]: row truth, column prediction, of empty (0) and occupied (1)."""
    return confusion(truth.reshape(-1).astype(np.int64), predicted.reshape(-1).astype(np.int64), 2)


def segmentation_metrics(table: Counts) -> dict[str, float]:
    """Pixel accuracy and the intersection over union of the occupied class."""
    union = table[0, 1] + table[1, 0] + table[1, 1]
    return {
        "pixel_accuracy": float(table.diagonal().sum() / table.sum()),
        "iou_occupied": float(table[1, 1] / union) if union else 0.0,
    }


def above_median(images: Image) -> Image:
    """How far each pixel of [n, 1, H, W] is above its slice's median: [n, H, W]."""
    return np.asarray(images[:, 0] - np.median(images[:, 0], axis=(1, 2), keepdims=True))


def best_energy_threshold(images: Image, masks: Mask) -> float:
    """The threshold on `above_median` with the highest IoU on these slices."""
    excess = above_median(images)
    candidates = np.linspace(0.05, 3.0, 60)
    scores = [segmentation_metrics(overlap(masks, excess > t))["iou_occupied"] for t in candidates]
    return float(candidates[int(np.argmax(scores))])


def calibration_error(scores: npt.NDArray[np.float32], truth: Indices, bins: int = 15) -> float:
    """Expected calibration error of `scores` [n, labels] (Guo et al. 2017)."""
    confidence, right = scores.max(axis=1), scores.argmax(axis=1) == truth
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(confidence[which == b].sum() - right[which == b].sum()) for b in range(bins)]
    return float(sum(gaps) / len(truth))


def reconstruction_error(images: Image, again: Image) -> npt.NDArray[np.float64]:
    """Mean squared error of each slice, [n], of images [n, 1, H, W]."""
    return np.asarray(np.square(again - images, dtype=np.float64).mean(axis=(1, 2, 3)))
