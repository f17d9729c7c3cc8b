"""Few shots and nearest neighbours: by hand, and against independent plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from radiofm.errors import UsageError
from radiofm_models.metrics import knn_accuracy, n_shot_accuracy


def test_n_shot_by_hand() -> None:
    """On a line: 0, 1, 6 of class a, 5, 7, 20 of class b; one shot, three folds.

    Prototypes 0 and 5: of 1, 6, 7, 20 all but 6 are right. 1 and 7: of 0, 6, 5, 20 all but 6.
    6 and 20: 0 and 1 are right, 5 and 7 are nearer 6.
    """
    line = np.array([[0.0], [1.0], [6.0], [5.0], [7.0], [20.0]])
    classes = np.array([0, 0, 0, 1, 1, 1])
    result = n_shot_accuracy(line, classes, 1, normalise_prototypes=False)
    assert result["folds"] == 3
    assert result["accuracy"] == pytest.approx(np.mean([3 / 4, 3 / 4, 2 / 4]))
    assert result["std"] == pytest.approx(np.std([3 / 4, 3 / 4, 2 / 4], ddof=1))


@pytest.mark.parametrize("normalise", [False, True])
def test_n_shot_as_plain_loops(normalise: bool) -> None:
    rng = np.random.default_rng(1)
    classes = rng.permutation(np.repeat([3, 5, 9], [21, 20, 23]))
    embeddings = rng.normal(size=(64, 5)) + 0.4 * classes[:, None] * [1, -1, 0, 0.5, 0]
    accuracies = []
    for fold in range(5):
        support = [np.flatnonzero(classes == c)[4 * fold : 4 * fold + 4] for c in (3, 5, 9)]
        prototypes = np.array([embeddings[rows].mean(axis=0) for rows in support])
        if normalise:
            prototypes = np.array([p / np.sqrt((p**2).sum()) for p in prototypes])
        rest = np.setdiff1d(np.arange(64), np.concatenate(support))
        nearest = cdist(embeddings[rest], prototypes).argmin(axis=1)
        accuracies.append((np.array([3, 5, 9])[nearest] == classes[rest]).mean())
    result = n_shot_accuracy(embeddings, classes, 4, normalise)
    assert result["folds"] == 5 and result["accuracy"] == pytest.approx(np.mean(accuracies))


def test_more_shots_than_items() -> None:
    with pytest.raises(UsageError, match="5 shots need a class of more items"):
        n_shot_accuracy(np.zeros((8, 2)), np.repeat([0, 1], 4), 5)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_knn_as_plain_loops(metric: str) -> None:
    rng = np.random.default_rng(2)
    train, test = rng.normal(size=(200, 6)), rng.normal(size=(90, 6))
    known, asked = (np.argmax(x[:, :3] + 0.5 * rng.normal(size=(len(x), 3)), axis=1)
                    for x in (train, test))  # fmt: skip
    right = 0
    for row, truth in zip(cdist(test, train, metric), asked, strict=True):  # type: ignore[call-overload]
        votes = [known[i] for i in np.argsort(row)[:10]]
        most = max(votes.count(v) for v in votes)
        right += truth == next(v for v in votes if votes.count(v) == most)
    accuracy = knn_accuracy(train, known, test, asked, 10, metric)  # type: ignore[arg-type]
    assert accuracy == pytest.approx(right / 90)
    assert 0.4 < accuracy < 0.95


def test_knn_direction_against_distance() -> None:
    """(10, 1) points as (1, 0) does, but lies nearer (6, 6)."""
    train, classes = np.array([[1.0, 0.0], [6.0, 6.0]]), np.array([4, 8])
    query = np.array([[10.0, 1.0]])
    assert knn_accuracy(train, classes, query, np.array([4]), 1, "cosine") == 1
    assert knn_accuracy(train, classes, query, np.array([8]), 1, "euclidean") == 1
    with pytest.raises(UsageError, match="k 3 is not between 1 and the 2 items"):
        knn_accuracy(train, classes, query, np.array([4]), 3)
