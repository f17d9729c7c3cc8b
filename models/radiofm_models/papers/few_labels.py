"""What pretraining is worth where labels are few: frozen encoders, pretrained and untrained."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from radiofm_models.data import Indices
from radiofm_models.finetuning import features
from radiofm_models.metrics import knn_accuracy, n_shot_accuracy
from radiofm_models.papers.laboratory import Laboratory, Result
from radiofm_models.papers.plan import Plan, Row
from radiofm_models.papers.tuning import RANDOM
from radiofm_models.probes import pooled
from radiofm_models.report import Cell, Column, Measured, Part, Section, Table, embedding_pca

NEIGHBOURS = 10


def sections(plan: Plan, lab: Laboratory) -> list[Section]:
    """The probe, prototypes and neighbours of each row's encoder, frozen, and of an untrained one.

    Features are standardised by what the training items have, without their labels.
    """
    (column,) = plan.columns
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    pictures: list[Part] = []
    sizes = plan.rows[0].pretrain.preset if plan.rows[0].pretrain else plan.rows[0].preset
    for row in [*plan.rows, Row(name=RANDOM, preset=sizes)]:
        for seed in lab.run.seeds:
            settings = {"mode": "strict", "per_class": plan.per_class}
            result = lab.tuned(row, column, seed, **settings)
            score = result.figures[column.metric]
            found[row.name][f"probe, {plan.per_class} a class"].append(score)
            for name, figures in result.trivial.items():
                found[name][f"probe, {plan.per_class} a class"].append(figures[column.metric])
            embedded, classes, known, known_classes = _features(result, seed)
            for shots in plan.shots:
                accuracy = n_shot_accuracy(embedded, classes, shots)["accuracy"]
                found[row.name][f"{shots}-shot prototypes"].append(accuracy)
            found[row.name][f"{NEIGHBOURS} neighbours"].append(
                knn_accuracy(known, known_classes, embedded, classes, NEIGHBOURS)
            )
            if seed == lab.run.seeds[0]:
                pictures.append(
                    embedding_pca(
                        f"{row.name}: test items by their features", embedded, classes,
                        result.tuned.task.labels,
                    )
                )  # fmt: skip
    titles = list(found[plan.rows[0].name])
    columns = [Column("frozen encoder"), *(Column(title, ".1%", "max") for title in titles)]
    rows: list[list[Cell]] = [
        [name, *(Measured.over(of[title]) if of[title] else None for title in titles)]
        for name, of in found.items()
    ]
    parts: list[Part] = [plan.about] if plan.about else []
    parts += [Table(plan.title, columns, rows), _gains(plan, found, titles), *pictures]
    return [Section(plan.title, parts)]


def _features(result: Result, seed: int) -> tuple[np.ndarray, Indices, np.ndarray, Indices]:
    """Test items in an order drawn by `seed`, and training items, with their classes."""
    task, encoder = result.tuned.task, result.tuned.tuning.encoder
    classes = task.material.dataset.classes
    assert classes is not None
    test = np.random.default_rng(seed).permutation(result.test)
    train = task.material.split.train
    known, asked = (
        features(encoder, task, rows, lambda tokens: pooled(tokens, "avg")).numpy()
        for rows in (train, test)
    )
    mean, std = known.mean(axis=0), known.std(axis=0) + 1e-6
    return (asked - mean) / std, classes[test], (known - mean) / std, classes[train]


def _gains(plan: Plan, found: dict[str, dict[str, list[float]]], titles: list[str]) -> str:
    first = plan.rows[0].name
    gains = [
        f"{title} {np.mean(np.subtract(found[first][title], found[RANDOM][title])) * 100:+.1f}"
        for title in titles
    ]
    return f"{first} over the same encoder untrained, in points: {'; '.join(gains)}."
