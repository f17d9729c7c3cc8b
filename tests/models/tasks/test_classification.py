"""Equations 17 and 18 of WavesFM by hand, and what is said of answers."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch

from radiofm.errors import UsageError
from radiofm_models.probes import AttentiveProbe, Probe
from radiofm_models.tasks.classification import Classification
from tests.models.tiny import VIT, material, recipe

CLASSES = [0, 0, 0, 1, 0, 1, 1, 0]  # of training, the first four


def task(**settings: object) -> Classification:
    data = material(CLASSES, ("a", "b"), classified=True, snr_db=[-5, np.nan, 5, 5, 1, 12, 15, 15])
    return Classification(data, recipe(**settings))


def test_label_smoothing_by_hand() -> None:
    """Equation 17: softmax (1/4, 3/4); theta 0.1 of 2 classes makes the truth (0.95, 0.05)."""
    output = torch.tensor([[0.0, log(3)], [log(3), 0.0]])
    plain = task().loss(output, np.array([0, 0]))
    assert plain.item() == pytest.approx((log(4) + log(4 / 3)) / 2)
    smooth = task(label_smoothing=0.1).loss(output[:1], np.array([0]))
    assert smooth.item() == pytest.approx(0.95 * log(4) + 0.05 * log(4 / 3))


def test_class_weights_by_hand() -> None:
    """Equation 18: shares 3/4 and 1/4 give weights 4/3 and 4, of mean 1: 0.5 and 1.5; the mean is
    over items and does not divide the weights out."""
    output = torch.tensor([[0.0, log(3)], [0.0, log(3)]])
    loss = task(weighted=True).loss(output, np.array([0, 3]))
    assert loss.item() == pytest.approx((0.5 * log(4) + 1.5 * log(4 / 3)) / 2)


def test_metrics_by_hand() -> None:
    outputs = np.array([[2, 0], [0, 2], [0, 2], [0, 2]], np.float32)
    figures = task().metrics(outputs, np.array([0, 2, 3, 6]))
    assert figures["accuracy"] == 0.75 and figures["recall"] == [0.5, 1.0]
    assert figures["score"] == figures["mean_class_accuracy"] == 0.75
    confidence = 1 / (1 + np.exp(-2))
    assert figures["calibration_error"] == pytest.approx(confidence - 0.75, abs=1e-5)
    bands = [(band["snr_db"], band["items"], band["accuracy"]) for band in figures["by_snr"]]
    assert bands == [([-10, 0], 1, 1.0), ([5, 10], 2, 0.5), ([10, 20], 1, 1.0)]


def test_the_trivial_answer_is_the_commonest_class_in_training() -> None:
    (answer,) = task().trivial(np.array([5, 6])).values()
    assert answer.argmax(axis=1).tolist() == [0, 0]


def test_heads() -> None:
    assert isinstance(task(mode="attentive").head(VIT, (2, 3)), AttentiveProbe)
    head = task(pooling="token", layers=2).head(VIT, (2, 3))
    assert isinstance(head, Probe) and len(head.hidden) == 1 and head.pooling == "token"
    assert head(torch.randn(4, 7, 16)).shape == (4, 2)


def test_without_classes() -> None:
    with pytest.raises(UsageError, match="tiny has no classes: its items are labelled otherwise"):
        Classification(material([1.0] * 8), recipe())
