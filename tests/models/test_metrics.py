"""Metrics and the baselines beside them, against counts made by hand."""

import numpy as np
import pytest
import torch

from radiofm_models.metrics import (
    above_median,
    best_energy_threshold,
    calibration_error,
    classification_metrics,
    confusion,
    intersection_over_union,
    pixel_counts,
)
from radiofm_models.msm import MaskedAutoencoder
from radiofm_models.reconstruction import reconstruct, reconstruction_metrics
from radiofm_models.vit import ViTConfig


def test_classification() -> None:
    truth, predicted = np.array([0, 0, 1, 1, 1, 2]), np.array([0, 1, 1, 1, 0, 1])
    table = confusion(truth, predicted, 3)
    assert table.tolist() == [[1, 1, 0], [1, 2, 0], [0, 1, 0]]
    metrics = classification_metrics(table)
    assert metrics["accuracy"] == pytest.approx(0.5)
    assert metrics["recall"] == pytest.approx([1 / 2, 2 / 3, 0])
    assert metrics["macro_f1"] == pytest.approx((1 / 2 + 4 / 7 + 0) / 3)


def test_segmentation() -> None:
    truth = np.array([[[1, 1, 0, 0]]], np.uint8)
    metrics = intersection_over_union(pixel_counts(truth, np.array([[[1, 0, 1, 0]]]), 2))
    assert metrics["pixel_accuracy"] == pytest.approx(0.5)
    assert metrics["iou"] == pytest.approx([1 / 3, 1 / 3])
    empty = intersection_over_union(pixel_counts(truth, np.zeros((1, 1, 4)), 2))
    assert empty["pixel_accuracy"] == pytest.approx(0.5)
    assert empty["iou"] == pytest.approx([0.5, 0]) and empty["miou"] == pytest.approx(0.25)


def test_energy_threshold_finds_a_bright_box() -> None:
    rng = np.random.default_rng(0)
    images = 0.1 * rng.normal(size=(4, 1, 32, 32)).astype(np.float32)
    masks = np.zeros((4, 32, 32), np.uint8)
    masks[:, 4:12, 8:20] = 1
    images[:, 0] += 2 * masks
    threshold = best_energy_threshold(images, masks)
    assert np.array_equal(above_median(images) > threshold, masks.astype(bool))


def test_calibration_error() -> None:
    """Nine of ten right at a confidence of 0.9 is calibrated; all right is 0.1 too modest."""
    scores = np.tile(np.array([[0.9, 0.1]], np.float32), (10, 1))
    assert calibration_error(scores, np.array([0] * 9 + [1])) == pytest.approx(0, abs=1e-6)
    assert calibration_error(scores, np.zeros(10, np.int64)) == pytest.approx(0.1, abs=1e-6)


def test_row_mean_baseline_is_exact_where_rows_are_constant() -> None:
    """Every row is one value, so its mean is right wherever the row has a kept patch."""
    torch.manual_seed(0)
    model = MaskedAutoencoder(
        ViTConfig(dim=16, depth=2, heads=1, decoder_dim=8, decoder_depth=1, decoder_heads=1)
    )
    rows = np.random.default_rng(0).normal(size=(3, 1, 32, 1)).astype(np.float32)
    images = np.broadcast_to(rows, (3, 1, 32, 320)).copy()  # 2 x 20 patches, 10 kept
    result = reconstruction_metrics(images, *reconstruct(model, images, 0.75, seed=1))
    assert result["row_mean"]["masked_mse"] == pytest.approx(0, abs=1e-10)
    assert result["model"]["masked_mse"] > 0.1
