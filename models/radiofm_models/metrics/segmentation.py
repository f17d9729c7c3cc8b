"""Metrics of segmentation, from pixel counts, and the energy detector that stands beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm.spectrogram import Image
from radiofm_models.metrics.classification import Bands, Counts, confusion

Mask = npt.NDArray[np.uint8]


def pixel_counts(truth: Mask, predicted: npt.NDArray[Any], labels: int) -> Counts:
    """Pixel counts [labels, labels] of masks of any one shape: row truth, column prediction."""
    return confusion(
        truth.reshape(-1).astype(np.int64), predicted.reshape(-1).astype(np.int64), labels
    )


def intersection_over_union(table: Counts) -> dict[str, Any]:
    """Of pixel counts [labels, labels]: IoU of each class, its mean, and pixel accuracy.

    IoU = hits / (truths + predictions - hits) (Jaccard; Everingham et al., IJCV 2015, for
    segmentation). A class in neither truth nor prediction has none (None) and is left out of the
    mean.
    """
    hits = table.diagonal()
    union = table.sum(axis=0) + table.sum(axis=1) - hits
    iou = [float(h / u) if u else None for h, u in zip(hits, union, strict=True)]
    return {
        "pixel_accuracy": float(hits.sum() / table.sum()),
        "miou": float(np.mean([value for value in iou if value is not None])),
        "iou": iou,
    }


def mask_metrics(tables: Counts) -> dict[str, Any]:
    """Of the pixel counts of slices, [n, labels, labels]: `intersection_over_union` of all pixels,
    the recall of each class (None of one that does not occur) and their confusion."""
    table = tables.sum(axis=0)
    with np.errstate(invalid="ignore"):
        recall = table.diagonal() / table.sum(axis=1)
    return intersection_over_union(table) | {
        "recall": [None if np.isnan(r) else float(r) for r in recall],
        "confusion": table.tolist(),
    }


def segmentation_by_snr(
    tables: Counts, snr_db: npt.NDArray[Any], bands: Bands
) -> list[dict[str, Any]]:
    """`intersection_over_union` of the slices in each band of SNR; `tables` [n, labels, labels]."""
    return [
        {"snr_db": list(band), "items": int(here.sum())}
        | intersection_over_union(tables[here].sum(axis=0))
        for band in bands
        if (here := (snr_db >= band[0]) & (snr_db < band[1])).any()
    ]


def above_median(images: Image) -> Image:
    """How far each pixel of [n, 1, H, W] is above its slice's median: [n, H, W]."""
    return np.asarray(images[:, 0] - np.median(images[:, 0], axis=(1, 2), keepdims=True))


def best_energy_threshold(images: Image, masks: Mask) -> float:
    """The threshold on `above_median` with the highest IoU on these slices."""
    excess = above_median(images)
    candidates = np.linspace(0.05, 3.0, 60)
    tables = (pixel_counts(masks, excess > t, 2) for t in candidates)
    scores = [intersection_over_union(table)["iou"][1] or 0.0 for table in tables]
    return float(candidates[int(np.argmax(scores))])
