"""Equation 19 of WavesFM by hand; outputs are in the labels' own unit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from radiofm.errors import UsageError
from radiofm_models.tasks.regression import Regression
from tests.models.tiny import VIT, material, recipe

# of training, the first four: x from 0 to 10, y from -1 to 3
NUMBERS = [[0, 1], [10, -1], [5, 3], [1, 1], [2, 2], [3, 3], [20, 0], [4, 4]]


def task(**settings: object) -> Regression:
    return Regression(material(np.array(NUMBERS, float)), recipe(**settings))


def test_the_loss_is_of_labels_in_minus_one_to_one() -> None:
    output = torch.tensor([[5.0, 1.0], [10.0, -1.0]])
    loss = task().loss(output, np.array([0, 1]))  # (5 / 5)^2 + 0, and 0
    assert loss.item() == pytest.approx(0.5)
    assert task().loss(output[:1], np.array([2])).item() == pytest.approx((2 / 2) ** 2)


def test_errors_are_distances() -> None:
    figures = task().metrics(np.array([[3, 6], [2, 2]], np.float32), np.array([5, 4]))
    assert figures["mean"] == 1.5 and figures["median"] == 1.5 and figures["score"] == -1.5


def test_the_trivial_answer_is_the_mean_of_training() -> None:
    (answer,) = task().trivial(np.array([6, 7])).values()
    assert answer.tolist() == [[4, 1], [4, 1]]


@pytest.mark.parametrize("mode", ["strict", "attentive"])
def test_a_head_answers_in_units(mode: str) -> None:
    head = task(mode=mode).head(VIT, (2, 3)).eval()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.zero_()  # says 0 of -1 to 1
        assert head(torch.randn(3, 7, 16)).tolist() == [[5, 1]] * 3
    assert torch.equal(head.state_dict()["high"], torch.tensor([10.0, 3.0]))


def test_one_number_an_item_and_one_that_never_changes() -> None:
    one = Regression(material(np.arange(8.0)), recipe())
    assert one.loss(torch.tensor([[3.0]]), np.array([0])).item() == pytest.approx(4.0)
    same = Regression(material(np.ones(8)), recipe())
    assert np.isfinite(same.loss(torch.ones(2, 1), np.array([0, 1])).item())


def test_classes_and_masks_are_no_numbers() -> None:
    with pytest.raises(UsageError, match="tiny has no numbers to predict"):
        Regression(material([0, 1] * 4, ("a", "b"), classified=True), recipe())
    with pytest.raises(UsageError, match="tiny has no numbers to predict"):
        Regression(material(np.zeros((8, 2, 2))), recipe())
