"""A finished run of `radiofm finetune`, opened again as `radiofm export` takes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from radiofm.spectrogram import Image
from radiofm_models.data import Indices
from radiofm_models.encoders import Pretrained
from radiofm_models.export import Modality, TrainedHead
from radiofm_models.finetune_run import open_encoder, read_run, tune_in
from radiofm_models.material import How
from radiofm_models.tasks.task import Outputs
from radiofm_models.vit import Encoder

EXAMPLES = 16  # slices that graphs are compared on
HELD_OUT = 256  # slices that an 8-bit encoder is judged by


@dataclass(frozen=True)
class Finished:
    """What a run began with, what became of it, and slices that it was not trained on."""

    about: dict[str, Any]  # run.json
    begin: Callable[[], Pretrained]
    embedding: str | None  # the modality whose patch embedding it began with; None: a new one
    encoder: Encoder  # as it was tuned
    head: TrainedHead  # on tap `tokens`, as if the encoder were the bundle's
    scaling: How
    held_out: int
    images: Callable[[slice], Image]  # of the held-out slices
    score: Callable[
        [Outputs], float
    ]  # of the head's outputs for all of them: the higher the better
    samples: int | None = None  # of blocks of IQ, where slices are spectrograms of these

    @property
    def origin(self) -> str:
        """What tells the encoder that it began with from others."""
        about = self.about
        drawn = f"{about['preset']}, patch {about['patch']}, seed {about['recipe']['seed']}"
        return about["encoder_sha256"] or f"untrained, {drawn}"

    def modality(self) -> Modality:
        """Slices as it was trained on, the first held-out ones among them."""
        return Modality(self.scaling, self.images(slice(EXAMPLES)), samples=self.samples)


def spread(count: int) -> Indices:
    """Places of `HELD_OUT` of `count` items, evenly spread."""
    return np.unique(np.linspace(0, count - 1, HELD_OUT).astype(int))


def open_finished(folder: Path) -> Finished:
    """The run in `folder`; raises CheckpointError or UsageError where it is not what it was."""
    wanted, about = read_run(folder)
    tuned, _ = tune_in(wanted, folder)
    task, modality = tuned.task, str(about["modality"])
    validation = task.material.split.validation
    said = task.served(tuned.outputs(validation), validation)
    thresholds = tuple(said.pop("thresholds", ()))
    head = TrainedHead(
        folder.name, task.wire, "tokens", tuned.tuning.head.eval(), task.labels, said, thresholds,
        modality,
    )  # fmt: skip
    rows = validation[spread(len(validation))]
    return Finished(
        about,
        partial(open_encoder, wanted),
        None if tuned.new_tokenizer else modality,
        tuned.tuning.encoder,
        head,
        task.material.scaling,
        len(rows),
        lambda part: task.images(rows[part]),
        lambda outputs: float(task.metrics(outputs, rows)["score"]),
    )
