"""Pretraining by masked modeling, of spectrograms alone or of several modalities on one trunk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from radiofm.errors import UsageError
from radiofm.spectrogram import Image, SpectrogramSpec
from radiofm_models.data import Indices, augment
from radiofm_models.masks import arrange
from radiofm_models.material import How
from radiofm_models.modalities import turn_of
from radiofm_models.msm import MaskedAutoencoder
from radiofm_models.recipe import PretrainRecipe
from radiofm_models.trainer import Evaluate, train
from radiofm_models.vit import PRESETS
from radiofm_models.world import Parallel, World


class Images(Protocol):
    """What is trained on: images float32 [rows, C, H, W] by row, and how they are made."""

    @property
    def scaling(self) -> How: ...

    @property
    def modality(self) -> str: ...

    def __len__(self) -> int: ...

    def images(self, rows: Indices) -> Image: ...


def adamw(
    model: nn.Module, lr: float, betas: tuple[float, float], weight_decay: float
) -> torch.optim.AdamW:
    """AdamW with `weight_decay` on matrices and none on biases, norms and single tokens."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=lr, betas=betas, fused=True)


class Batches:
    """The batch and mask noise of each step, of one set at a time, which take turns."""

    def __init__(self, sets: Mapping[str, Images], recipe: PretrainRecipe, world: World) -> None:
        self._sets, self._recipe, self._world = sets, recipe, world
        self._share = world.share(recipe.batch)
        self._patch = recipe.patch
        self._several = len({images.modality for images in sets.values()}) > 1

    def __call__(self, step: int) -> tuple[Tensor, Tensor, float, str | None]:
        """Of this process: float32 [B, C, H, W] and [B, M], the mask ratio, the modality's name."""
        recipe, sets = self._recipe, self._sets
        sizes = {name: len(images) for name, images in sets.items()}
        turn = turn_of(step, sizes, recipe.batch, recipe.seed)
        images = sets[turn.name]
        rng = np.random.default_rng((recipe.seed, 1, step))
        scaling, spectrograms = images.scaling, isinstance(images.scaling, SpectrogramSpec)
        if spectrograms and recipe.augment:
            assert isinstance(scaling, SpectrogramSpec)
            low, high = scaling.range_db
            gain = recipe.gain_db / ((high - low) * scaling.std)
            batch = augment(images.images(turn.rows), rng, gain, self._share)
        else:
            batch = images.images(turn.rows[self._share])
        grid = (batch.shape[2] // self._patch, batch.shape[3] // self._patch)
        noise = rng.random((recipe.batch, grid[0] * grid[1]), np.float32)[self._share]
        values = arrange(torch.from_numpy(noise), grid, recipe.geometry)
        device = self._world.device
        modality = images.modality if self._several else None
        return (
            torch.from_numpy(batch).to(device), values.to(device), recipe.mask_ratio, modality
        )  # fmt: skip


def model_of(channels: Mapping[str, int], recipe: PretrainRecipe) -> MaskedAutoencoder:
    """The model that `recipe` begins with: its weights are drawn by its seed."""
    torch.manual_seed(recipe.seed)
    several: int | dict[str, int] = dict(channels)
    if len(channels) == 1:
        (several,) = channels.values()
    sizes = {"channels": several, "patch": recipe.patch}
    return MaskedAutoencoder(PRESETS[recipe.preset].model_copy(update=sizes))


def config_of(model: MaskedAutoencoder, inputs: Mapping[str, How]) -> dict[str, Any]:
    """What a checkpoint says of the model: its sizes, and how each modality's input is made."""
    return {
        "vit": model.config.model_dump(),
        "inputs": {name: how.model_dump(mode="json") for name, how in inputs.items()},
    }


def pretrain(
    sets: Mapping[str, Images],
    recipe: PretrainRecipe,
    folder: Path,
    world: World,
    data: Mapping[str, Any] | None = None,
    *,
    evaluate: Callable[[MaskedAutoencoder], Evaluate] | None = None,
    stop_at: int | None = None,
    parallel: Parallel = "ddp",
    tensorboard: bool = False,
) -> tuple[MaskedAutoencoder, dict[str, Any]]:
    """Train on `sets`, by name, or go on from the newest checkpoint in `folder`.

    Sets of one modality share its patch embedding, and are to share its scaling. `data` is what
    else says that a run is this one. Returns the model and the trainer's record; see
    `trainer.train`.
    """
    if recipe.preset not in PRESETS:
        raise UsageError(f"preset {recipe.preset!r} is unknown: take one of {', '.join(PRESETS)}")
    first = np.zeros(1, np.int64)
    channels = {s.modality: s.images(first).shape[1] for s in sets.values()}
    model = model_of(channels, recipe)
    record = train(
        model,
        model.loss,
        Batches(sets, recipe, world),
        lambda: adamw(model, recipe.lr, recipe.betas, recipe.weight_decay),
        recipe,
        folder,
        config_of(model, {s.modality: s.scaling for s in sets.values()}),
        recipe.model_dump(mode="json") | dict(data or {}),
        "pretrain",
        evaluate=evaluate and evaluate(model),
        stop_at=stop_at,
        world=world,
        parallel=parallel,
        partial=len(channels) > 1,
        tensorboard=tensorboard,
    )
    return model, record
