"""Segmentation: pixel cross-entropy by hand, the nearest label, two labels, trivial answers."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch

from radiofm.errors import UsageError
from radiofm_models.tasks.segmentation import Segmentation
from tests.models.tiny import VIT, material, recipe


def masks() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The lower half is 2, of it the left quarter of the columns 1."""
    made = np.zeros((8, 32, 48), np.uint8)
    made[:, :16], made[:, :16, :12] = 2, 1
    return made


def task(binary: bool = False, **settings: object) -> Segmentation:
    snr_db = [0, 1, 2, 3, 4, 5, 6, np.nan]
    data = material(masks(), ("noise", "lte", "nr"), snr_db=snr_db)
    return Segmentation(data, recipe(**settings), binary)


def test_the_loss_is_the_mean_over_pixels() -> None:
    """Logit ln 2 for label 2: half of the chance where it is right, a quarter where not."""
    output = torch.zeros(1, 3, 32, 48)
    output[:, 2] = log(2)
    right = 16 * 36 / (32 * 48)
    expected = right * log(2) + (1 - right) * log(4)
    assert task().loss(output, np.array([0])).item() == pytest.approx(expected, rel=1e-5)


def test_all_labels_together_are_signal() -> None:
    both = task(binary=True)
    assert both.labels == ("noise", "signal")
    assert np.array_equal(both.masks(np.array([1]))[0], np.minimum(masks()[1], 1))
    assert both.head(VIT, (2, 3))(torch.randn(1, 7, 16)).shape == (1, 2, 32, 48)


def test_metrics_by_hand() -> None:
    outputs = np.zeros((2, 3, 32, 48), np.float32)
    outputs[:, 2] = 1  # all is nr
    figures = task().metrics(outputs, np.array([0, 7]))
    assert figures["iou"] == [0, 0, pytest.approx(3 / 8)] and figures["recall"] == [0, 0, 1]
    assert figures["score"] == figures["miou"] == pytest.approx(1 / 8)
    assert [band["items"] for band in figures["by_snr"]] == [1]  # of the other none is known


def test_masks_of_another_size_are_brought_to_the_slices_by_the_nearest() -> None:
    small = np.zeros((8, 2, 4), np.uint8)
    small[:, 0, 3] = 1
    brought = Segmentation(material(small, ("noise", "x")), recipe()).masks(np.array([0]))
    assert brought.shape == (1, 32, 48)
    assert brought[0, :16, 36:].all() and brought.sum() == 16 * 12


def test_trivial_answers() -> None:
    assert list(task().trivial(np.array([6]))) == ["all empty"]
    data = material(np.repeat(np.eye(32, 48, dtype=np.uint8)[None], 8, 0), ("noise", "x"))
    data.values[:, 0][np.asarray(data.targets) > 0] = 9
    two = Segmentation(data, recipe())
    answers = two.trivial(np.array([6, 7]))
    figures = {name: two.metrics(given, np.array([6, 7])) for name, given in answers.items()}
    assert figures["all empty"]["iou"][1] == 0
    assert figures["energy above median"]["iou"][1] > 0.4


def test_without_masks() -> None:
    with pytest.raises(UsageError, match="tiny has no masks: its items are labelled otherwise"):
        Segmentation(material([0, 1] * 4, ("a", "b"), classified=True), recipe())
