"""Per-class accuracy, IoU and SNR bands, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from radiofm_models.metrics import (
    accuracy_by_snr,
    classification_metrics,
    intersection_over_union,
    pixel_counts,
    segmentation_by_snr,
)


def test_mean_class_accuracy_is_of_the_classes_that_occur() -> None:
    table = np.array([[8, 2, 0], [1, 1, 0], [0, 0, 0]])
    metrics = classification_metrics(table)
    assert metrics["mean_class_accuracy"] == pytest.approx((0.8 + 0.5) / 2)
    assert metrics["accuracy"] == pytest.approx(0.75)
    assert metrics["macro_f1"] == pytest.approx((16 / 19 + 2 / 5 + 0) / 3)


def test_accuracy_by_snr() -> None:
    truth, predicted = np.array([0, 1, 1, 0, 1]), np.array([0, 0, 1, 0, 1])
    snr = np.array([-5.0, 0.0, 0.0, 9.9, np.nan])
    bands = [(-10, 0), (0, 10), (10, 20)]
    assert accuracy_by_snr(truth, predicted, snr, bands) == [
        {"snr_db": [-10, 0], "items": 1, "accuracy": 1.0},
        {"snr_db": [0, 10], "items": 3, "accuracy": pytest.approx(2 / 3)},
    ]


def test_intersection_over_union() -> None:
    """Class 1: 2 of 2 + 3 - 2 = 3; class 3 is nowhere and does not count."""
    truth = np.array([[0, 0, 1, 1], [2, 2, 2, 2]], np.uint8)
    predicted = np.array([[0, 1, 1, 1], [2, 2, 2, 0]], np.uint8)
    result = intersection_over_union(pixel_counts(truth, predicted, 4))
    assert result["iou"] == [pytest.approx(1 / 3), pytest.approx(2 / 3), 0.75, None]
    assert result["miou"] == pytest.approx((1 / 3 + 2 / 3 + 0.75) / 3)
    assert result["pixel_accuracy"] == 0.75


def test_segmentation_by_snr_adds_pixels_not_slices() -> None:
    tables = np.array([[[3, 1], [0, 4]], [[1, 0], [6, 1]], [[0, 0], [0, 8]]])
    (low, high) = segmentation_by_snr(tables, np.array([0.0, 4.0, 15.0]), [(0, 10), (10, 20)])
    assert low["items"] == 2 and low["iou"] == [pytest.approx(4 / 11), pytest.approx(5 / 12)]
    assert high["miou"] == 1 and high["iou"] == [None, 1]
