"""Training by episodes: ProtoBeam's Algorithm 1, and the supervised run that it is held against.

What step s draws depends on the seed and s alone, so a run resumes to the bit (see trainer.py).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from radiofm.errors import UsageError
from radiofm_models.data import Indices
from radiofm_models.protobeam.inputs import Inputs
from radiofm_models.protobeam.supervised import Classifier
from radiofm_models.prototypes import episode_loss
from radiofm_models.recipe import Schedule
from radiofm_models.trainer import train

NO_CLIP = 1e9  # the papers tell of no limit to the gradient


class EpisodeRecipe(BaseModel):
    """`ways` classes of `support` + `query` blocks a step; AdamW, stepwise falling rate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ways: Annotated[int, Field(ge=2)] = 8
    support: Annotated[int, Field(ge=1)] = 4
    query: Annotated[int, Field(ge=1)] = 4
    epochs: Annotated[int, Field(gt=0)] = 110
    steps: int | None = None  # of an epoch; None: as many as see each block once, in the mean
    milestones: tuple[int, ...] = (50, 80)  # epochs after which the rate is a tenth of before
    lr: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: float = 0.01
    checkpoint_every: Annotated[int, Field(gt=0)] = 500

    @property
    def batch(self) -> int:
        return self.ways * (self.support + self.query)

    def steps_an_epoch(self, blocks: int) -> int:
        return self.steps or max(1, blocks // self.batch)

    def rate(self, blocks: int) -> Callable[[int], float]:
        """The learning rate of each step, over `blocks` training blocks."""
        an_epoch = self.steps_an_epoch(blocks)
        return lambda step: (
            self.lr * 0.1 ** sum(step // an_epoch >= epoch for epoch in self.milestones)
        )

    def schedule(self, blocks: int, seed: int) -> Schedule:
        return Schedule(
            steps=self.epochs * self.steps_an_epoch(blocks), batch=self.batch, lr=self.lr,
            betas=(0.9, 0.999), weight_decay=self.weight_decay, warmup=0, clip=NO_CLIP, seed=seed,
            checkpoint_every=self.checkpoint_every,
        )  # fmt: skip


class Episodes:
    """The rows of each step: int64 [ways, support + query], the first `support` of each the shots.

    Classes, and blocks of each, are drawn without replacement; raises UsageError where there are
    too few.
    """

    def __init__(self, classes: Indices, recipe: EpisodeRecipe, seed: int) -> None:
        self._recipe, self._seed = recipe, seed
        self._members = [np.flatnonzero(classes == one) for one in np.unique(classes)]
        blocks = recipe.support + recipe.query
        fewest = min(len(rows) for rows in self._members)
        if len(self._members) < recipe.ways:
            raise UsageError(f"ways {recipe.ways}: there are {len(self._members)} classes to draw")
        if fewest < blocks:
            raise UsageError(f"an episode takes {blocks} blocks of a class: one has but {fewest}")

    def rows(self, step: int) -> Indices:
        rng = np.random.default_rng((self._seed, 0, step))
        blocks = self._recipe.support + self._recipe.query
        drawn = rng.choice(len(self._members), self._recipe.ways, replace=False)
        return np.stack([rng.choice(self._members[c], blocks, replace=False) for c in drawn])


class EpisodeLoss:
    """Algorithm 1's loss; support and query go through the network as one batch."""

    def __init__(self, network: nn.Module, support: int, normalise_prototypes: bool) -> None:
        self._network, self._support, self._normalise = network, support, normalise_prototypes

    def __call__(self, blocks: Tensor, ways: int) -> Tensor:
        embeddings = self._network(blocks).unflatten(0, (ways, -1))
        support, query = embeddings[:, : self._support], embeddings[:, self._support :]
        return episode_loss(support, query, self._normalise)


def optimizer_of(network: nn.Module, recipe: EpisodeRecipe) -> torch.optim.AdamW:
    """Of all that is trained; as in the authors' code norms decay, too."""
    trained = [p for p in network.parameters() if p.requires_grad]
    return torch.optim.AdamW(trained, lr=recipe.lr, weight_decay=recipe.weight_decay)


def device_of(network: nn.Module) -> torch.device:
    return next(network.parameters()).device


def train_by_episodes(
    network: nn.Module,
    inputs: Inputs,
    classes: Indices,
    recipe: EpisodeRecipe,
    normalise_prototypes: bool,
    seed: int,
    folder: Path,
    config: dict[str, Any],
    title: str,
    stop_at: int | None = None,
    tensorboard: bool = False,
) -> dict[str, Any]:
    """Train `network`, or go on from the newest checkpoint in `folder`; the trainer's record."""
    episodes = Episodes(classes, recipe, seed)

    def inputs_of(step: int) -> tuple[Tensor, int]:
        rng = np.random.default_rng((seed, 1, step))
        blocks = inputs(episodes.rows(step).reshape(-1), rng)
        return blocks.to(device_of(network)), recipe.ways

    return train(
        network, EpisodeLoss(network, recipe.support, normalise_prototypes), inputs_of,
        lambda: optimizer_of(network, recipe), recipe.schedule(len(classes), seed), folder,
        config, recipe.model_dump(mode="json") | {"seed": seed, "prototypes": normalise_prototypes},
        title, rate=recipe.rate(len(classes)), stop_at=stop_at, tensorboard=tensorboard,
    )  # fmt: skip


def train_supervised(
    network: Classifier,
    inputs: Inputs,
    classes: Indices,
    recipe: EpisodeRecipe,
    seed: int,
    folder: Path,
    config: dict[str, Any],
    title: str,
) -> dict[str, Any]:
    """The same steps, rate and number of blocks, drawn from all classes at once; cross-entropy."""

    def inputs_of(step: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((seed, 2, step))
        rows = rng.choice(len(classes), recipe.batch, replace=len(classes) < recipe.batch)
        device = device_of(network)
        return inputs(rows, rng).to(device), torch.from_numpy(classes[rows]).to(device)

    return train(
        network, network.loss, inputs_of, lambda: optimizer_of(network, recipe),
        recipe.schedule(len(classes), seed), folder, config,
        recipe.model_dump(mode="json") | {"seed": seed, "supervised": True}, title,
        rate=recipe.rate(len(classes)),
    )  # fmt: skip
