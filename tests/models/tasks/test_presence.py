"""Presence: binary cross-entropy, average precision and thresholds, by hand."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from radiofm.errors import UsageError
from radiofm_models.metrics import average_precision, best_threshold, f1_score
from radiofm_models.tasks.presence import Presence
from tests.models.tiny import VIT, material, recipe

PRESENT = np.array([[1, 0], [1, 1], [0, 0], [1, 0], [1, 1], [0, 1], [1, 0], [0, 0]], np.uint8)


def task(**settings: object) -> Presence:
    return Presence(material(PRESENT, ("fm", "lte")), recipe(**settings))


def test_the_loss_by_hand() -> None:
    output = torch.tensor([[log(3), 0.0]])  # 3/4 and 1/2
    expected = (log(4 / 3) + log(2)) / 2
    assert task().loss(output, np.array([0])).item() == pytest.approx(expected)
    smooth = (0.9 * log(4 / 3) + 0.1 * log(4) + log(2)) / 2
    loss = task(label_smoothing=0.2).loss(output, np.array([0]))
    assert loss.item() == pytest.approx(smooth)


def test_average_precision_by_hand() -> None:
    """Hits at ranks 1 and 3: (1 + 2 / 3) / 2; of equal scores all are taken at once."""
    truth = np.array([True, False, True, False])
    assert average_precision(truth, np.array([4, 3, 2, 1], np.float32)) == pytest.approx(5 / 6)
    assert average_precision(truth, np.ones(4, np.float32)) == 0.5
    assert average_precision(~truth & truth, np.ones(4, np.float32)) is None


def test_f1_by_hand() -> None:
    truth = np.array([True, True, False])
    assert f1_score(truth, np.array([True, False, True])) == 0.5
    assert f1_score(truth & ~truth, truth & ~truth) is None


@given(
    items=st.lists(
        st.tuples(st.booleans(), st.floats(2**-10, 1, width=32)), min_size=1, max_size=20
    )
)
@example(items=[(True, 0.25)])
@example(items=[(False, 0.25), (True, 0.25)])
def test_no_threshold_is_better_than_the_best(items: list[tuple[bool, float]]) -> None:
    truth = np.array([here for here, _ in items])
    scores = np.array([score for _, score in items], np.float32)
    best = f1_score(truth, scores >= best_threshold(truth, scores)) or 0.0
    if truth.any():
        others = [f1_score(truth, scores >= score) or 0.0 for score in scores]
        assert best >= max(others) - 1e-9 or truth.all()


def test_thresholds_are_of_validation_items() -> None:
    one = task()
    rows = np.array([4, 5])
    outputs = np.array([[-1, 3], [-3, 2]], np.float32)
    assert one.metrics(outputs, rows)["f1"] == {"fm": 0, "lte": 1}
    one.calibrate(outputs, rows)
    figures = one.metrics(outputs, rows)
    assert figures["f1"] == {"fm": 1, "lte": 1} and figures["exact"] == 1
    fm, lte = one.served(outputs, rows)["thresholds"]
    assert 1 / (1 + np.exp(3)) < fm < 1 / (1 + np.exp(1)) and lte == 0.5


def test_trivial_answers_are_of_training() -> None:
    one = task()
    answers = one.trivial(np.array([6, 7]))
    share = 1 / (1 + np.exp(-answers["training frequencies"]))
    assert share == pytest.approx(np.array([[0.75, 0.25]] * 2), rel=1e-5)
    assert one.metrics(answers["all present"], np.array([4, 5]))["f1"]["lte"] == 1


def test_one_label_an_item_is_no_presence() -> None:
    with pytest.raises(UsageError, match="tiny does not say which of several labels"):
        Presence(material([0, 1] * 4, ("a", "b"), classified=True), recipe())
    assert task().head(VIT, (2, 3))(torch.randn(3, 7, 16)).shape == (3, 2)
