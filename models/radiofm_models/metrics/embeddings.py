"""How far embeddings alone tell classes apart: few shots, and nearest neighbours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from radiofm.errors import UsageError
from radiofm_models.data import Indices

Vectors = npt.NDArray[np.floating]  # [n, dimensions]

CHUNK = 512  # queries at a time


def n_shot_folds(
    embeddings: Vectors, classes: Indices, shots: int, normalise_prototypes: bool = True
) -> Iterator[tuple[Indices, Indices]]:
    """Rows asked about and the classes they are given, over disjoint folds of `shots` a class.

    The items of each class are cut into folds of `shots`, in their order: shuffle them before. Each
    fold in turn gives the prototypes (the mean, then of length 1, where that is asked for), and all
    other items are classified by the nearest one in Euclidean distance (ProtoBeam, Table I and its
    code: prototypes normalised, queries not). Raises UsageError where there is no fold.
    """
    names, of = np.unique(classes, return_inverse=True)
    members = [np.flatnonzero(of == number) for number in range(len(names))]
    folds = min(len(rows) for rows in members) // shots
    if folds < 1 or max(len(rows) for rows in members) <= shots:
        raise UsageError(f"{shots} shots need a class of more items, and {shots} of every class")
    vectors = embeddings.astype(np.float64)
    for fold in range(folds):
        support = [rows[fold * shots : (fold + 1) * shots] for rows in members]
        prototypes = np.stack([vectors[rows].mean(axis=0) for rows in support])
        if normalise_prototypes:
            prototypes /= np.maximum(np.linalg.norm(prototypes, axis=1, keepdims=True), 1e-12)
        # |q - p|^2 without |q|^2, which is the same for all prototypes
        distance = np.square(prototypes).sum(axis=1) - 2 * vectors @ prototypes.T
        asked = np.ones(len(of), bool)
        asked[np.concatenate(support)] = False
        yield np.flatnonzero(asked), names[distance[asked].argmin(axis=1)]


def n_shot_accuracy(
    embeddings: Vectors, classes: Indices, shots: int, normalise_prototypes: bool = True
) -> dict[str, Any]:
    """Accuracy by prototypes of `shots` items a class: mean and std (n - 1) over `n_shot_folds`."""
    accuracies = [
        float((given == classes[rows]).mean())
        for rows, given in n_shot_folds(embeddings, classes, shots, normalise_prototypes)
    ]
    spread = float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else 0.0
    return {
        "shots": shots,
        "folds": len(accuracies),
        "accuracy": float(np.mean(accuracies)),
        "std": spread,
    }


def knn_accuracy(
    train: Vectors,
    train_classes: Indices,
    test: Vectors,
    test_classes: Indices,
    k: int = 10,
    metric: Literal["cosine", "euclidean"] = "cosine",
) -> float:
    """Share of `test` that the `k` nearest of `train` name rightly, by an unweighted vote.

    A tie goes to the class whose nearest member is nearest. (Cover and Hart, 1967; cosine as in
    self-supervised evaluation, Wu et al., CVPR 2018, without their weights.)
    """
    if not 1 <= k <= len(train):
        raise UsageError(f"k {k} is not between 1 and the {len(train)} items to vote")
    names, of = np.unique(train_classes, return_inverse=True)
    known, asked = train.astype(np.float64), test.astype(np.float64)
    if metric == "cosine":
        known, asked = (
            x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12) for x in (known, asked)
        )
    lengths = np.square(known).sum(axis=1)
    right = 0
    for start in range(0, len(asked), CHUNK):
        part = asked[start : start + CHUNK]
        order = np.argsort(lengths - 2 * part @ known.T, axis=1, kind="stable")[:, :k]
        votes = np.zeros((len(part), len(names)))
        for rank in range(k):  # less than one vote, most for the nearest: it breaks ties
            votes[np.arange(len(part)), of[order[:, rank]]] += 1 + 2.0 ** -(rank + 2)
        right += int((names[votes.argmax(axis=1)] == test_classes[start : start + CHUNK]).sum())
    return right / len(asked)


def nearest_mean(
    train: Vectors, values: npt.NDArray[np.float32], asked: Vectors, k: int
) -> npt.NDArray[np.float32]:
    """The mean of `values` [n, ...] of the `k` of `train` nearest to each of `asked`, [m, ...].

    In Euclidean distance; fingerprinting of positions by received powers (Bahl and Padmanabhan,
    INFOCOM 2000).
    """
    if not 1 <= k <= len(train):
        raise UsageError(f"k {k} is not between 1 and the {len(train)} items to take the mean of")
    lengths = np.square(train, dtype=np.float64).sum(axis=1)
    means = np.empty((len(asked), *values.shape[1:]), np.float32)
    for start in range(0, len(asked), CHUNK):
        part = asked[start : start + CHUNK]
        order = np.argsort(lengths - 2 * part @ train.T, axis=1, kind="stable")[:, :k]
        means[start : start + CHUNK] = values[order].mean(axis=1)
    return means
