"""Prototypes: means, distances and Algorithm 1's loss, worked by hand."""

import math

import pytest
import torch

from radiofm.errors import UsageError
from radiofm_models.prototypes import (
    PrototypeHead,
    episode_loss,
    prototypes,
    squared_distances,
)

EMBEDDINGS = torch.tensor([[2.0, 0.0], [0.0, 5.0], [4.0, 8.0]])
CLASSES = torch.tensor([0, 1, 0])


def test_means_and_distances_by_hand() -> None:
    means = prototypes(EMBEDDINGS, CLASSES, 2, normalise=False)
    assert means.tolist() == [[3, 4], [0, 5]]
    assert squared_distances(torch.tensor([[3.0, 5.0]]), means).tolist() == [[1, 9]]
    unit = prototypes(EMBEDDINGS, CLASSES, 2, normalise=True)
    torch.testing.assert_close(unit, torch.tensor([[0.6, 0.8], [0.0, 1.0]]))


def test_a_class_without_examples() -> None:
    with pytest.raises(UsageError, match="class 2 has no examples"):
        prototypes(EMBEDDINGS, CLASSES, 3, normalise=False)


def test_episode_loss_by_hand() -> None:
    """Prototypes (3, 4) and (0, 5), one query of each class."""
    support = torch.tensor([[[2.0, 0.0], [4.0, 8.0]], [[0.0, 5.0], [0.0, 5.0]]])
    query = torch.tensor([[[3.0, 5.0]], [[0.0, 4.0]]])
    # Squared distances: (1, 9) for the query of class 0, (9, 1) for that of class 1.
    expected = 1 + math.log(math.exp(-1) + math.exp(-9))
    loss = episode_loss(support, query, normalise=False)
    assert loss.item() == pytest.approx(expected, rel=1e-3)


def test_head_calls_the_nearest_class() -> None:
    means = prototypes(EMBEDDINGS, CLASSES, 2, normalise=False)
    head = PrototypeHead(means, "avg")
    tokens = torch.tensor([[[9.0, 9.0], [2.0, 4.0], [4.0, 6.0]]])  # CLS; average (3, 5)
    # Squared distances 1 and 9; to the prototypes' mean, (1.5, 4.5), it is 2.5.
    assert head(tokens).tolist() == [[2.5 - 1, 2.5 - 9]]
    assert not list(head.parameters()) and list(head.state_dict()) == ["prototypes"]
