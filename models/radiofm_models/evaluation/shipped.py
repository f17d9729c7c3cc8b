"""A bundle that is about to be shipped, on slices of scenes that no training saw.

Its ONNX graphs as they are served, beside encoders that learnt less, and answers of no network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from radiofm.bundle import Bundle
from radiofm_models.data import Indices
from radiofm_models.joint import Joint
from radiofm_models.served import ServedBundle
from radiofm_models.tasks.task import Outputs, Task

BATCH = 32


@dataclass(frozen=True)
class Exam:
    """A head, and its task on the test slices of a set."""

    head: str
    set: str
    task: Task

    @property
    def rows(self) -> Indices:
        return np.arange(len(self.task.material))


def evaluate_shipped(
    bundle: Bundle, exams: Sequence[Exam], rivals: Mapping[str, Joint]
) -> list[dict[str, Any]]:
    """Each exam's `head`, `set`, number of `slices`, and `figures` by who answered: the bundle's
    name, the rivals' that have such a head, and trivial answers'.
    """
    served = ServedBundle(bundle.manifest, bundle.read)
    results = []
    for exam in exams:
        task, rows = exam.task, exam.rows
        temperature = bundle.head(exam.head).temperature
        answers = {bundle.manifest.name: _served(served, exam) / np.float32(temperature)}
        answers |= {
            name: rival.outputs(exam.head, task, rows)
            for name, rival in rivals.items()
            if exam.head in rival.heads
        }
        answers |= task.trivial(rows)
        figures = {name: task.metrics(outputs, rows) for name, outputs in answers.items()}
        results.append(
            {"head": exam.head, "set": exam.set, "slices": len(rows), "figures": figures}
        )
    return results


def _served(served: ServedBundle, exam: Exam) -> Outputs:
    rows = exam.rows
    parts = [
        served(exam.task.images(rows[at : at + BATCH]))[exam.head]
        for at in range(0, len(rows), BATCH)
    ]
    return np.concatenate(parts)
