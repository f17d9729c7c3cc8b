"""One encoder that learns several tasks at once, which take turns: a batch of each set in its turn.

    joint = train_together(pretrained, lessons, recipe, folder)

Masked modeling gives features that little labelled data can use; where a simulator labels all it
makes, the features of a small encoder get better by learning from the labels, too. What comes of it
is frozen, and serves heads of other tasks as any encoder does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from radiofm.spectrogram import Image, SpectrogramSpec
from radiofm_models.checkpoint import CONFIG, load_weights, save_weights
from radiofm_models.data import Indices
from radiofm_models.encoders import Pretrained
from radiofm_models.finetuning import BATCH
from radiofm_models.material import Material
from radiofm_models.pretrain import adamw
from radiofm_models.probes import Head
from radiofm_models.recipe import JointRecipe
from radiofm_models.tasks.task import Outputs, Task
from radiofm_models.trainer import train
from radiofm_models.vit import Encoder
from radiofm_models.world import World, device

VALIDATED = 384  # items of a set that the best weights are chosen by


@dataclass(frozen=True)
class Lesson:
    """A set, and the tasks that its labels are for, by the names of their heads."""

    tasks: Mapping[str, Task]

    @property
    def material(self) -> Material:
        """The same images for all tasks."""
        return next(iter(self.tasks.values())).material

    def rows(self, step: int, batch: int, seed: int) -> Indices:
        """The batch of the set's `step`th turn; epochs are permutations, the last batch filled."""
        train_rows = self.material.split.train
        per_epoch = -(-len(train_rows) // batch)
        epoch, place = divmod(step, per_epoch)
        order = np.random.default_rng((seed, epoch)).permutation(len(train_rows))
        chosen: Indices = np.resize(order, per_epoch * batch)[place * batch :][:batch]
        return train_rows[chosen]


class Joint(nn.Module):
    """An encoder and heads by name; heads of one name that several sets train are one."""

    def __init__(self, encoder: Encoder, heads: Mapping[str, Head]) -> None:
        super().__init__()
        self.encoder, self.heads = encoder, nn.ModuleDict(heads)

    def forward(self, images: Tensor, names: Sequence[str]) -> list[Tensor]:
        tokens = self.encoder(images)
        return [self.heads[name](tokens) for name in names]

    @torch.no_grad()
    def outputs(self, name: str, task: Task, rows: Indices) -> Outputs:
        """Of head `name` for `rows`, float32 [rows, ...]."""
        self.eval()
        parts = [
            self(torch.from_numpy(task.images(rows[at : at + BATCH])).to(device()), [name])[0].cpu()
            for at in range(0, len(rows), BATCH)
        ]
        return torch.cat(parts).numpy()


def train_together(
    pretrained: Pretrained,
    lessons: Sequence[Lesson],
    recipe: JointRecipe,
    folder: Path,
    identity: Mapping[str, Any],
) -> Joint:
    """Train in `folder`, or go on with what is there: encoder and heads; in mode strict heads only.

    A step's loss is the mean over the tasks of one lesson; lessons take turns. Slices are made
    louder or softer by up to +-`recipe.gain_db`. Those weights are kept that do best on validation
    items, by the mean of the tasks' scores; `folder`/encoder is the encoder as a checkpoint.
    """
    material = lessons[0].material
    torch.manual_seed(recipe.seed)
    encoder, _ = pretrained.encoder(material.modality, material.channels)
    encoder.requires_grad_(recipe.mode != "strict")
    config = encoder.config
    grid = (material.size[0] // config.patch, material.size[1] // config.patch)
    heads: dict[str, Head] = {}
    for lesson in lessons:
        for name, task in lesson.tasks.items():
            heads.setdefault(name, task.head(config, grid))
    model = Joint(encoder, heads)

    def inputs(step: int) -> tuple[int, Indices, float]:
        turn, number = divmod(step, len(lessons))
        rng = np.random.default_rng((recipe.seed, 1, step))
        return number, lessons[number].rows(turn, recipe.batch, recipe.seed), rng.uniform(-1, 1)

    def loss(number: int, rows: Indices, gain: float) -> Tensor:
        lesson = lessons[number]
        images = torch.from_numpy(_louder(lesson.material, rows, gain * recipe.gain_db)).to(
            device()
        )
        outputs = model(images, list(lesson.tasks))
        losses = [
            task.loss(out, rows) for task, out in zip(lesson.tasks.values(), outputs, strict=True)
        ]
        return torch.stack(losses).mean()

    def evaluate(step: int) -> dict[str, float]:
        found = {
            f"{number}.{name}": float(task.metrics(model.outputs(name, task, rows), rows)["score"])
            for number, lesson in enumerate(lessons)
            for rows in [some(lesson.material)]
            for name, task in lesson.tasks.items()
        }
        return found | {"score": float(np.mean(list(found.values())))}

    train(
        model,
        loss,
        inputs,
        lambda: adamw(model, recipe.lr, recipe.betas, recipe.weight_decay),
        recipe,
        folder,
        {"task": "joint", "vit": config.model_dump()},
        recipe.model_dump(mode="json") | dict(identity),
        "joint",
        evaluate=evaluate,
        world=World(0, 1, device()),
    )
    load_weights(folder / "best", model)
    _save_encoder(folder / "encoder", model.encoder, material)
    return model.eval()


def _louder(material: Material, rows: Indices, decibels: float) -> Image:
    """Standardised images of a receiver with so much more gain."""
    images, scaling = material.images(rows), material.scaling
    if isinstance(scaling, SpectrogramSpec):
        low, high = scaling.range_db
        images = images + np.float32(decibels / ((high - low) * scaling.std))
    return images


def some(material: Material) -> Indices:
    """Validation rows, evenly spread, that weights and calibration are chosen by."""
    rows = material.split.validation
    spread: Indices = rows[np.unique(np.linspace(0, len(rows) - 1, VALIDATED).astype(int))]
    return spread


def _save_encoder(folder: Path, encoder: Encoder, material: Material) -> None:
    """As `load_pretrained` reads it; it has no decoder."""
    save_weights(folder, nn.ModuleDict({"encoder": encoder.requires_grad_(True)}))
    config = {
        "vit": encoder.config.model_dump(),
        "inputs": {material.modality: material.scaling.model_dump(mode="json")},
        "imported": {"from": "joint", "decoder": False},
    }
    (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n", "utf-8")
