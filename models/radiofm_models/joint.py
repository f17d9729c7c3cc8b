"""One encoder that learns several tasks at once, which take turns: a batch of each set in its turn.

    joint = train_together(pretrained, lessons, recipe, folder)

Masked modeling gives features that little labelled data can use; where a simulator labels all it
makes, the features of a small encoder get better by learning from the labels, too. Masked modeling
may take its turn among the tasks, so that they are not forgotten for what has labels, and the
encoder can be adapted by it later. What comes of it serves heads of other tasks, too.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from radiofm.errors import UsageError
from radiofm.patches import count
from radiofm.spectrogram import Image, SpectrogramSpec
from radiofm_models.checkpoint import CONFIG, load_weights, save_weights
from radiofm_models.data import Indices
from radiofm_models.encoders import Pretrained
from radiofm_models.finetuning import BATCH
from radiofm_models.material import Material
from radiofm_models.msm import MaskedAutoencoder
from radiofm_models.pretrain import adamw, config_of
from radiofm_models.probes import Head
from radiofm_models.recipe import JointRecipe
from radiofm_models.tasks.task import Outputs, Task
from radiofm_models.trainer import train
from radiofm_models.vit import Encoder
from radiofm_models.world import World, device

OF_PIXELS = ("segmentation", "reconstruction", "forecast")  # heads that need every token
VALIDATED = 384  # items of a set that the best weights are chosen by


@dataclass(frozen=True)
class Lesson:
    """A set, and the tasks that its labels are for, by the names of their heads; none of them:
    masked modeling of its slices.
    """

    material: Material
    tasks: Mapping[str, Task] = field(default_factory=dict)
    turns: int = 1  # of each round
    keep: float = 1.0  # share of the patches that the encoder is given, drawn anew for each slice

    def __post_init__(self) -> None:
        whole = [name for name, task in self.tasks.items() if task.wire in OF_PIXELS]
        if self.keep < 1 and whole:
            raise UsageError(
                f"keep {self.keep}: head {whole[0]} says something of every pixel: give it a "
                "lesson of its own, of whole slices"
            )

    def rows(self, step: int, batch: int, seed: int) -> Indices:
        """The batch of the set's `step`th turn; epochs are permutations, the last batch filled."""
        train_rows = self.material.split.train
        per_epoch = -(-len(train_rows) // batch)
        epoch, place = divmod(step, per_epoch)
        order = np.random.default_rng((seed, epoch)).permutation(len(train_rows))
        chosen: Indices = np.resize(order, per_epoch * batch)[place * batch :][:batch]
        return train_rows[chosen]


def turns(counts: Sequence[int]) -> list[int]:
    """Whose turn it is, through a round in which number i has `counts[i]` turns, evenly spread."""
    places = [((k + 0.5) / n, i) for i, n in enumerate(counts) for k in range(n)]
    return [i for _, i in sorted(places)]


class Joint(nn.Module):
    """A masked autoencoder and heads by name; heads of one name that several sets train are one."""

    def __init__(self, autoencoder: MaskedAutoencoder, heads: Mapping[str, Head]) -> None:
        super().__init__()
        self.autoencoder, self.heads = autoencoder, nn.ModuleDict(heads)

    @property
    def encoder(self) -> Encoder:
        return self.autoencoder.encoder

    def forward(
        self, images: Tensor, names: Sequence[str], keep: Tensor | None = None
    ) -> list[Tensor]:
        """What heads say of slices [B, C, H, W], of the patches `keep` [B, K] where given."""
        tokens = self.encoder(images, keep)
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

    A step's loss is the mean over the tasks of one lesson; lessons take turns, those without a task
    only where the encoder learns. Slices are made louder or softer by up to +-`recipe.gain_db`.
    Those weights are kept that do best on validation items, by the mean of the tasks' scores;
    `folder`/encoder is the encoder, with its decoder, as a checkpoint.
    """
    learns = recipe.mode != "strict"
    lessons = [lesson for lesson in lessons if lesson.tasks or learns]
    material = lessons[0].material
    torch.manual_seed(recipe.seed)
    autoencoder = copy.deepcopy(pretrained.model).requires_grad_(learns)
    config = autoencoder.config
    grid = (material.size[0] // config.patch, material.size[1] // config.patch)
    heads: dict[str, Head] = {}
    for lesson in lessons:
        for name, task in lesson.tasks.items():
            heads.setdefault(name, task.head(config, grid))
    model = Joint(autoencoder, heads)

    order = turns([lesson.turns for lesson in lessons])

    def inputs(step: int) -> tuple[int, Indices, np.random.Generator]:
        past, place = divmod(step, len(order))
        number = order[place]
        turn = past * lessons[number].turns + order[:place].count(number)
        rng = np.random.default_rng((recipe.seed, 1, step))
        return number, lessons[number].rows(turn, recipe.batch, recipe.seed), rng

    def loss(number: int, rows: Indices, rng: np.random.Generator) -> Tensor:
        lesson = lessons[number]
        gain_db = rng.uniform(-1, 1) * recipe.gain_db
        images = torch.from_numpy(_louder(lesson.material, rows, gain_db)).to(device())
        if not lesson.tasks:
            noise = torch.from_numpy(rng.random((len(rows), grid[0] * grid[1]), np.float32))
            return autoencoder.loss(images, noise.to(device()), recipe.mask_ratio)
        keep = _drawn(rng, len(rows), grid[0] * grid[1], lesson.keep)
        outputs = model(images, list(lesson.tasks), None if keep is None else keep.to(device()))
        losses = [
            task.loss(out, rows) for task, out in zip(lesson.tasks.values(), outputs, strict=True)
        ]
        return torch.stack(losses).mean()

    def evaluate(step: int) -> dict[str, float]:
        found = {
            f"{number}.{name}": float(task.metrics(model.outputs(name, task, rows), rows)["score"])
            for number, lesson in enumerate(lessons)
            if lesson.tasks
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
    if learns:
        save_weights(folder / "encoder", autoencoder)
        config_json = config_of(autoencoder, {material.modality: material.scaling})
        (folder / "encoder" / CONFIG).write_text(json.dumps(config_json, indent=1) + "\n", "utf-8")
    return model.eval()


def _drawn(rng: np.random.Generator, slices: int, patches: int, share: float) -> Tensor | None:
    """Numbers [slices, K] of patches that are kept; None: all. What is learnt from fewer costs
    less, and holds for fewer."""
    if share == 1:
        return None
    order = rng.random((slices, patches)).argsort(axis=1)
    return torch.from_numpy(order[:, : count(share, patches)])


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
