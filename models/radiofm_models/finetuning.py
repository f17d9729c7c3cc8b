"""Fine-tuning: an encoder and a head, trained for one task in one of the modes of `tuning`.

Best on validation is what is kept; test items are looked at once, at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from radiofm_models.checkpoint import TRAINER, latest_checkpoint, load_weights, read_json
from radiofm_models.data import Indices
from radiofm_models.encoders import Pretrained
from radiofm_models.probes import Head
from radiofm_models.progress import tracked
from radiofm_models.recipe import TuneRecipe
from radiofm_models.tasks.task import Figures, Outputs, Task
from radiofm_models.trainer import train
from radiofm_models.tuning import Tuning, tune
from radiofm_models.vit import Encoder
from radiofm_models.world import World, device

BATCH = 64
IN_MEMORY = 4 << 30  # bytes of a frozen encoder's tokens; where they are more, they are made anew


@dataclass(frozen=True)
class Tuned:
    """A fine-tuned encoder and head, and what is known of them."""

    task: Task
    tuning: Tuning
    record: dict[str, Any]  # the trainer's
    new_tokenizer: bool  # the encoder had never seen slices like these

    def outputs(self, rows: Indices) -> Outputs:
        """The head's outputs for `rows`."""
        compute = Whole(self.tuning.encoder, self.tuning.head, self.task)
        return outputs_of(compute, rows)


class Whole(nn.Module):
    """An encoder and a head that answers for rows of a material."""

    def __init__(self, encoder: Encoder, head: nn.Module, task: Task) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head
        self._images = task.images

    def forward(self, rows: Indices) -> Tensor:
        where = self.encoder.cls.device
        return self.head(self.encoder(torch.from_numpy(self._images(rows)).to(where)))  # type: ignore[no-any-return]


class OnFrozen(nn.Module):
    """A head that answers for rows of a material from what a frozen encoder said of them."""

    def __init__(self, encoder: Encoder, head: Head, task: Task) -> None:
        super().__init__()
        self.head = head
        self._place = np.full(len(task.material), -1)
        split = task.material.split
        rows = np.concatenate([split.train, split.validation])
        self._place[rows] = np.arange(len(rows))
        self._known = features(encoder, task, rows, head.pool)

    def forward(self, rows: Indices) -> Tensor:
        places = torch.from_numpy(self._place[rows])
        where = next(self.head.parameters()).device
        return self.head.answer(self._known[places].to(where).float())


@torch.no_grad()
def features(
    encoder: Encoder,
    task: Task,
    rows: Indices,
    pool: Callable[[Tensor], Tensor],
    title: str = "encode",
) -> Tensor:
    """`pool` of the tokens of `rows`, in memory: whole tokens as float16, vectors as float32."""
    encoder.to(device()).eval()
    parts = []
    for start in tracked(range(0, len(rows), BATCH), title):
        images = torch.from_numpy(task.images(rows[start : start + BATCH])).to(device())
        pooled = pool(encoder(images)).cpu()
        parts.append(pooled if pooled.ndim == 2 else pooled.half())
    return torch.cat(parts)


@torch.no_grad()
def outputs_of(compute: nn.Module, rows: Indices) -> Outputs:
    """What `compute` answers for `rows`, float32 [rows, ...]."""
    compute.eval()
    parts = [
        compute(rows[start : start + BATCH]).float().cpu().numpy()
        for start in range(0, len(rows), BATCH)
    ]
    return np.concatenate(parts)


def finetune(
    pretrained: Pretrained,
    task: Task,
    folder: Path,
    config: dict[str, Any] | None = None,
    identity: dict[str, Any] | None = None,
    title: str = "finetune",
    tensorboard: bool = False,
) -> Tuned:
    """Train by `task.recipe` in `folder`, or go on with what is there; see `trainer.train`."""
    recipe, material = task.recipe, task.material
    torch.manual_seed(recipe.seed)  # of a new patch embedding, and of the head
    encoder, new = pretrained.encoder(material.modality, material.channels)
    patch = encoder.config.patch
    grid = (material.size[0] // patch, material.size[1] // patch)
    tuning = tune(
        encoder, task.head(encoder.config, grid), recipe.mode, recipe.lr,
        recipe.weight_decay, recipe.layer_decay, recipe.last, recipe.lora, tokenizer=new,
    )  # fmt: skip
    model = Whole(tuning.encoder, tuning.head, task)
    compute: nn.Module = model
    frozen = not any(parameter.requires_grad for parameter in tuning.encoder.parameters())
    if frozen and not _finished(folder, recipe) and _fits(tuning, task, grid):
        compute = OnFrozen(tuning.encoder, tuning.head, task)
    train_rows, validation = material.split.train, material.split.validation

    def inputs(step: int) -> tuple[Indices]:
        per_epoch = -(-len(train_rows) // recipe.batch)
        epoch, place = divmod(step, per_epoch)
        order = np.random.default_rng((recipe.seed, epoch)).permutation(len(train_rows))
        chosen = np.resize(order, per_epoch * recipe.batch)  # the last batch is filled up
        return (train_rows[chosen[place * recipe.batch :][: recipe.batch]],)

    def evaluate(step: int) -> dict[str, float]:
        figures = task.metrics(outputs_of(compute, validation), validation)
        return {name: value for name, value in figures.items() if isinstance(value, float)}

    record = train(
        model,
        lambda rows: task.loss(compute(rows), rows),
        inputs,
        lambda: torch.optim.AdamW(tuning.groups, lr=recipe.lr, betas=recipe.betas),
        recipe,
        folder,
        {"task": task.name, "parameters": dict(tuning.parameters)} | (config or {}),
        recipe.model_dump(mode="json") | (identity or {}),
        title,
        evaluate=evaluate,
        world=World(0, 1, device()),
        tensorboard=tensorboard,
    )
    load_weights(folder / "best", model)
    task.calibrate(outputs_of(compute, validation), validation)
    return Tuned(task, tuning, record, new)


def judge(tuned: Tuned, rows: Indices) -> Figures:
    """The task's metrics for `rows`, beside those of its combined and trivial answers."""
    task = tuned.task
    return {
        "model": task.metrics(tuned.outputs(rows), rows),
        **task.combined(tuned.outputs, rows),
        **{name: task.metrics(outputs, rows) for name, outputs in task.trivial(rows).items()},
    }


def _finished(folder: Path, recipe: TuneRecipe) -> bool:
    """Whether nothing is left to train."""
    found = latest_checkpoint(folder)
    return found is not None and read_json(found / TRAINER)["step"] >= recipe.steps


def _fits(tuning: Tuning, task: Task, grid: tuple[int, int]) -> bool:
    """Whether all that a frozen encoder says of the material fits in memory."""
    tokens = torch.zeros(1, 1 + grid[0] * grid[1], tuning.encoder.config.dim)
    pooled = tuning.head.pool(tokens)
    size = 4 if pooled.ndim == 2 else 2
    return pooled.numel() * size * len(task.material) <= IN_MEMORY
