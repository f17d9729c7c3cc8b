"""What `radiofm finetune --task beams|aoa` embeds blocks by: a network, and its inputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import nn

from radiofm.errors import UsageError
from radiofm.spectrogram import SpectrogramSpec
from radiofm_models.finetune_run import RANDOM
from radiofm_models.lora import LoRAConfig
from radiofm_models.probes import Head
from radiofm_models.protobeam.blocks import Blocks
from radiofm_models.protobeam.densenet import DenseNet
from radiofm_models.protobeam.encoder import EncoderEmbedding, embedding_of
from radiofm_models.protobeam.episodes import EpisodeRecipe
from radiofm_models.protobeam.evaluation import Vectors, computed
from radiofm_models.protobeam.inputs import Inputs, IqInputs
from radiofm_models.protobeam.recipe import EncoderRecipe, load_recipe
from radiofm_models.tuning import tune
from radiofm_models.vit import PRESETS
from radiofm_models.world import device

DENSENET = "densenet"
PROTOTYPES = "prototypes.safetensors"  # in a run's folder
NAME = "protobeam-table-1"  # the recipe whose networks are taken


class FewShotRecipe(EpisodeRecipe):
    """Episodes, what they train of an encoder, and what is asked of it."""

    mode: Literal["strict", "linear", "last", "lora", "full"] = "full"
    last: Annotated[int, Field(ge=1)] = 2
    lora_rank: Annotated[int, Field(ge=1)] = 32
    lora_alpha: float = 8.0
    shots: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (2, 32)
    preset: str = "small"  # of an untrained network
    seed: Annotated[int, Field(ge=0)] = 0

    @property
    def trains(self) -> bool:
        """Whether there are episodes at all; prototypes are normalised only where they were."""
        return self.mode != "strict"

    def episodes(self, classes: int) -> EpisodeRecipe:
        """Of no more ways than classes; milestones that are not given move with the epochs."""
        known = EpisodeRecipe()
        settings = self.model_dump(include=set(EpisodeRecipe.model_fields))
        settings["ways"] = min(self.ways, classes)
        if "milestones" not in self.model_fields_set:
            settings["milestones"] = [m * self.epochs // known.epochs for m in known.milestones]
        return EpisodeRecipe.model_validate(settings)


class Embedding:
    """A network and what blocks are to it; inputs are made once. `config` says how to make both."""

    def __init__(
        self, network: nn.Module, inputs: Callable[[Blocks], Inputs], config: dict[str, Any]
    ) -> None:
        self.network, self._make, self.config = network.to(device()), inputs, config
        self._made: dict[int, Inputs] = {}

    @property
    def trained(self) -> int:
        """Parameters that episodes train."""
        return sum(p.numel() for p in self.network.parameters() if p.requires_grad)

    def inputs(self, blocks: Blocks) -> Inputs:
        if id(blocks) not in self._made:
            self._made[id(blocks)] = self._make(blocks)
        return self._made[id(blocks)]

    def __call__(self, blocks: Blocks) -> Vectors:
        return computed(self.network, self.inputs(blocks), len(blocks), self.network)


def densenet(task: str, recipe: FewShotRecipe) -> Embedding:
    """ProtoBeam's network on IQ, as it is drawn."""
    if recipe.preset not in ("small", "nano"):
        raise UsageError(f"preset {recipe.preset!r}: take small (ProtoBeam's own) or nano")
    if recipe.mode != "full":
        raise UsageError(f"mode {recipe.mode}: {DENSENET} begins with no weights: leave --mode out")
    known = load_recipe(NAME, "paper" if recipe.preset == "small" else "smoke")
    config = (known.beams if task == "beams" else known.angles).network
    torch.manual_seed(recipe.seed)
    return Embedding(
        DenseNet(config),
        lambda blocks: IqInputs(blocks.iq, True, True),
        {"network": config.model_dump(mode="json")},
    )


def shared(encoder: str, recipe: FewShotRecipe) -> tuple[EncoderEmbedding, SpectrogramSpec]:
    """The shared encoder, made ready to train in the recipe's mode, and its spec."""
    if encoder == RANDOM and recipe.preset not in PRESETS:
        raise UsageError(f"preset {recipe.preset!r}: take one of {', '.join(PRESETS)}")
    network, spec = embedding_of(
        EncoderRecipe(preset=recipe.preset, spec=load_recipe(NAME, "paper").encoder.spec),
        None if encoder == RANDOM else Path(encoder),
        recipe.seed,
    )
    torch.manual_seed(recipe.seed)  # of adapters
    lora = LoRAConfig(rank=recipe.lora_rank, alpha=recipe.lora_alpha)
    tune(network.encoder, Head(), recipe.mode, recipe.lr, last=recipe.last, lora=lora)
    return network, spec
