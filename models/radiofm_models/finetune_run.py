"""`radiofm finetune`: from an encoder, a data set and a task to a run's folder.

run.json    what the run is and what came of it: all that `evaluate` and `export` need
best/       the weights that did best on validation items; those of a frozen encoder are not in it
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from radiofm.array_set import sha256_of
from radiofm.errors import UsageError
from radiofm.spectrogram import SpectrogramSpec
from radiofm_models.checkpoint import CheckpointError, read_json
from radiofm_models.datasets.scaling import Scaling
from radiofm_models.encoders import Pretrained, load_pretrained, untrained, weights_file
from radiofm_models.finetuning import Tuned, finetune, judge
from radiofm_models.material import How, Material, open_material
from radiofm_models.recipe import TuneRecipe, recipe_of
from radiofm_models.tasks.presets import preset
from radiofm_models.vit import PRESETS

RUN = "run.json"
RANDOM = "random"
NEEDED = (
    "task", "data", "encoder", "encoder_sha256", "preset", "patch", "size", "epochs", "recipe",
    "modality", "split", "parameters", "tuning", "test",
)  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """What a command line asks for; None leaves it to the task's preset."""

    task: str
    data: str
    encoder: str  # folder of a pretraining run, checkpoint or bundle; RANDOM: untrained
    preset: str = "nano"  # of an untrained encoder
    patch: int = 16  # of an untrained encoder
    size: tuple[int, int] = (224, 224)
    epochs: int = 200
    settings: Mapping[str, Any] | None = None  # of the recipe
    cache: Path | None = None  # of the data set as arrays and its split; None: in the run

    def recipe(self) -> TuneRecipe:
        """The recipe, its steps not yet counted."""
        settings = {"steps": 1, "batch": 256, "lr": 1e-3, "betas": (0.9, 0.999)}
        given = {k: v for k, v in (self.settings or {}).items() if v is not None}
        return recipe_of(TuneRecipe, settings | dict(preset(self.task).recipe) | given)


_WANTED: TypeAdapter[Wanted] = TypeAdapter(Wanted)


def open_encoder(wanted: Wanted) -> Pretrained:
    if wanted.encoder == RANDOM:
        if wanted.preset not in PRESETS:
            raise UsageError(f"preset {wanted.preset!r}: take one of {', '.join(PRESETS)}")
        sizes = PRESETS[wanted.preset].model_copy(update={"patch": wanted.patch})
        return untrained(sizes, wanted.recipe().seed)
    return load_pretrained(Path(wanted.encoder))


def open_task_material(wanted: Wanted, pretrained: Pretrained, cache: Path) -> Material:
    """The data set, made as the encoder knows its modality, or measured where it does not."""
    recipe, task = wanted.recipe(), preset(wanted.task)
    spec = pretrained.inputs.get("spectrogram")
    spec = spec if isinstance(spec, SpectrogramSpec) else None
    options: dict[str, Any] = {"target": task.target, "spec": spec}
    material = open_material(wanted.data, cache, recipe.seed, wanted.size, **options)
    known = pretrained.inputs.get(material.modality)
    if known is not None and _channels(known) == material.channels:
        material = open_material(wanted.data, cache, recipe.seed, wanted.size, known, **options)
    if task.next:
        material = material.followed()
    return material.few(recipe.per_class, recipe.seed) if recipe.per_class else material


def run(wanted: Wanted, out: Path, tensorboard: bool = False) -> dict[str, Any]:
    """Fine-tune in `out`, or go on with what is there. Returns what came of it, as run.json."""
    one_process()
    tuned, report = tune_in(wanted, out, tensorboard)
    report |= {
        "validation": judge(tuned, tuned.task.material.split.validation),
        "test": judge(tuned, tuned.task.material.split.test),
    }
    (out / RUN).write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    return report


def one_process() -> None:
    """UsageError under torchrun."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError("finetune is one process's work: run it without torchrun")


def tune_in(wanted: Wanted, out: Path, tensorboard: bool = False) -> tuple[Tuned, dict[str, Any]]:
    """The same without looking at test items: what was trained, and what the run is."""
    pretrained = open_encoder(wanted)
    material = open_task_material(wanted, pretrained, wanted.cache or out / "data")
    recipe = wanted.recipe()
    per_epoch = -(-len(material.split.train) // recipe.batch)
    steps = wanted.epochs * per_epoch
    recipe = recipe.model_copy(
        update={"steps": steps, "evaluate_every": min(recipe.evaluate_every, per_epoch * 5)}
    )
    task = preset(wanted.task).make(material, recipe)
    about: dict[str, Any] = {
        "task": wanted.task,
        "data": wanted.data,
        "encoder": wanted.encoder,
        "encoder_sha256": weights_hash(wanted.encoder),
        "preset": wanted.preset,
        "patch": wanted.patch,
        "size": list(material.size),
        "modality": material.modality,
        "input": material.scaling.model_dump(mode="json"),
        "labels": list(task.labels),
        "split": {
            "train": len(material.split.train),
            "validation": len(material.split.validation),
            "test": len(material.split.test),
        },
    }
    identity = {"fingerprint": material.dataset.fingerprint(), "about": about}
    tuned = finetune(
        pretrained, task, out, {"input": about["input"]}, identity, wanted.task, tensorboard
    )
    about |= {
        "epochs": wanted.epochs,
        "recipe": recipe.model_dump(mode="json"),
        "parameters": {str(part): n for part, n in tuned.tuning.parameters.items()},
        "tuning": str(tuned.tuning),
        "new_tokenizer": tuned.new_tokenizer,
        "best": tuned.record["best"],
    }
    return tuned, about


def read_run(folder: Path) -> tuple[Wanted, dict[str, Any]]:
    """What a finished run in `folder` was asked for, and its run.json; CheckpointError."""
    about = read_json(folder / RUN, NEEDED)
    given = {field.name: about[field.name] for field in fields(Wanted) if field.name in about}
    try:
        return _WANTED.validate_python(given | {"settings": about["recipe"]}), about
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise CheckpointError(
            f"checkpoint {folder / RUN}: {first['loc'][0]} {first['input']!r}: "
            f"{first['msg'].lower()}: train it anew"
        ) from None


def _channels(how: How) -> int:
    return len(how.mean) if isinstance(how, Scaling) else 1


def weights_hash(encoder: str) -> str | None:
    """Of the encoder's weights: a run does not go on with others."""
    if encoder == RANDOM:
        return None
    return sha256_of(weights_file(Path(encoder)))
