"""A bundle that is about to be shipped, on slices of scenes that no training saw.

Its ONNX graphs as they are served, beside encoders that learnt less, and answers of no network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm.bundle import BundleManifest, HeadRecord, load_bundle
from radiofm_models.data import Indices
from radiofm_models.joint import Joint
from radiofm_models.predictions import Figures, Stored, figures, keep_predictions, kept
from radiofm_models.served import ServedBundle
from radiofm_models.tasks.segmentation import Segmentation
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
        """All; of a task that foretells, those that another slice goes on from."""
        split = self.task.material.split
        return np.sort(np.concatenate([split.train, split.validation, split.test]))

    @property
    def snr_db(self) -> npt.NDArray[np.float32] | None:
        """Of the slices that the truth is of."""
        snr_db = self.task.material.dataset.snr_db
        return None if snr_db is None else snr_db[self.rows + self.task.ahead].astype("f4")

    @property
    def truth(self) -> npt.NDArray[Any]:
        """As `predictions.predict` takes it."""
        if isinstance(self.task, Segmentation):
            return self.task.masks(self.rows)
        if self.task.wire == "reconstruction":
            return self.task.images(self.rows)
        return self.task.targets(self.rows)


def evaluate_shipped(
    folder: Path, exams: Sequence[Exam], rivals: Mapping[str, Joint]
) -> BundleManifest:
    """Judge the bundle in `folder`; its manifest, which predictions and figures were put into.

    `metrics["test"]` has, by head and set, figures by who answered: "model", the rivals that have
    such a head, and trivial answers.
    """
    bundle = load_bundle(folder)
    served = ServedBundle(bundle.manifest, bundle.read)
    stored: dict[str, Stored] = {}
    others: dict[str, dict[str, Figures]] = {}
    for exam in exams:
        name, record = f"{exam.head}/{exam.set}", bundle.head(exam.head)
        task, rows = exam.task, exam.rows
        stored[name] = _stored(exam, record, _served(served, exam, record.modality))
        plain = record.model_copy(update={"temperature": 1.0})
        answers = {who: rival.outputs(exam.head, task, rows)
                   for who, rival in rivals.items() if exam.head in rival.heads}  # fmt: skip
        others[name] = {
            who: figures(plain, _stored(exam, plain, outputs))
            for who, outputs in (answers | task.trivial(rows)).items()
        }
    manifest = keep_predictions(folder, bundle.manifest, stored)
    test = {name: own | others[name] for name, own in manifest.metrics["test"].items()}
    return manifest.model_copy(update={"metrics": manifest.metrics | {"test": test}})


def _stored(exam: Exam, record: HeadRecord, outputs: Outputs) -> Stored:
    stored = kept(record, outputs, exam.truth)
    if exam.snr_db is not None and record.task != "reconstruction":
        stored["snr_db"] = exam.snr_db
    return stored


def _served(served: ServedBundle, exam: Exam, modality: str | None) -> Outputs:
    rows = exam.rows
    parts = [
        served(exam.task.images(rows[at : at + BATCH]), modality)[exam.head]
        for at in range(0, len(rows), BATCH)
    ]
    return np.concatenate(parts)
