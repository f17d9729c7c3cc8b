"""`radiofm finetune --task beams|aoa`: prototypes of a few shots, from an embedding of episodes.

ProtoBeam and ProtoAoA (Mashaal et al.), Algorithm 1 with data and prototype normalisation and
augmentation; on IQ by their DenseNet, or on spectrograms of blocks by the shared encoder.

run.json                  what the run is, and test figures of network and trivial answers
step-*/                   the embedding network's last weights
prototypes.safetensors    `prototypes` [labels, D] of the blocks trained on, of length 1
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from safetensors.torch import save_file
from torch import nn

from radiofm.errors import UsageError
from radiofm_models.finetune_run import RANDOM, weights_hash
from radiofm_models.protobeam.blocks import Blocks, Material
from radiofm_models.protobeam.densenet import DenseNet
from radiofm_models.protobeam.encoder import Pictures, embedding_of
from radiofm_models.protobeam.episodes import EpisodeRecipe, train_by_episodes
from radiofm_models.protobeam.evaluation import (
    Vectors,
    accuracies,
    angle_errors,
    computed,
    covariances,
    middle_angle,
    most_frequent,
    settle,
)
from radiofm_models.protobeam.inputs import ImageInputs, Inputs, IqInputs, min_max
from radiofm_models.protobeam.recipe import EncoderRecipe, load_recipe
from radiofm_models.protobeam.sources import open_angles, open_beams
from radiofm_models.prototypes import prototypes
from radiofm_models.vit import PRESETS
from radiofm_models.world import device

DENSENET = "densenet"
PROTOTYPES = "prototypes.safetensors"
NAME = "protobeam-table-1"  # the recipe whose networks are taken
Figures = dict[str, float]
Judge = Callable[[Callable[[Blocks], Vectors], bool], Figures]


class FewShotRecipe(EpisodeRecipe):
    """Episodes, and what is asked of them."""

    shots: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (2, 32)
    preset: str = "small"  # of an untrained network
    seed: Annotated[int, Field(ge=0)] = 0

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

    def inputs(self, blocks: Blocks) -> Inputs:
        if id(blocks) not in self._made:
            self._made[id(blocks)] = self._make(blocks)
        return self._made[id(blocks)]

    def __call__(self, blocks: Blocks) -> Vectors:
        return computed(self.network, self.inputs(blocks), len(blocks), self.network)


def run(
    task: str, data: str, encoder: str, recipe: FewShotRecipe, out: Path, tensorboard: bool
) -> dict[str, Any]:
    """Train in `out` on the blocks `data`, or go on with what is there; then classify other blocks.

    Returns what came of it, as run.json: `test` has, by name of the answer and over all folds,
    accuracies of TTSA and TOTA (`accuracies`) or mean absolute errors in degrees (`angle_errors`).
    """
    material = (open_beams if task == "beams" else open_angles)(data, recipe.seed)
    judge = partial(_accuracies if task == "beams" else _errors, material, recipe.shots)
    test = _trivial(task, material, judge)  # first: too many shots are found out before training
    if encoder == DENSENET:
        embedding, plain = _densenet(task, material, recipe, judge)
    else:
        embedding, plain = _encoder(material, encoder, recipe, judge)
    train = material.train
    taught = np.unique(train.classes)
    episodes = recipe.episodes(len(taught))
    about: dict[str, Any] = {
        "task": task, "data": data, "encoder": encoder, "labels": list(train.labels),
        "encoder_sha256": None if encoder == DENSENET else weights_hash(encoder),
    }  # fmt: skip
    blocks = hashlib.sha256(train.iq.tobytes() + train.classes.tobytes()).hexdigest()
    record = train_by_episodes(
        embedding.network, embedding.inputs(train), train.classes, episodes, True, recipe.seed, out,
        about | {"blocks": blocks} | embedding.config, task, tensorboard=tensorboard,
    )  # fmt: skip
    _save(embedding, train, out / PROTOTYPES)
    count = sum(p.numel() for p in embedding.network.parameters())
    return about | {
        "recipe": recipe.model_dump(mode="json"),
        "parameters": {"network": count},
        "tuning": f"by episodes: {count:,} parameters are trained",
        "step": record["step"],
        "best": None,
        "blocks": material.describe(),
        "prototypes": [train.labels[number] for number in taught],
        "test": {
            name: figures | {"score": _score(figures)}
            for name, figures in ({"model": judge(embedding, True)} | plain | test).items()
        },
    }


def _densenet(
    task: str, material: Material, recipe: FewShotRecipe, judge: Judge
) -> tuple[Embedding, dict[str, Figures]]:
    """ProtoBeam's network, and figures of one that is as it was drawn but for its norms."""
    if recipe.preset not in ("small", "nano"):
        raise UsageError(f"preset {recipe.preset!r}: take small (ProtoBeam's own) or nano")
    known = load_recipe(NAME, "paper" if recipe.preset == "small" else "smoke")
    config = (known.beams if task == "beams" else known.angles).network

    def drawn() -> Embedding:
        torch.manual_seed(recipe.seed)
        return Embedding(
            DenseNet(config),
            lambda blocks: IqInputs(blocks.iq, True, True),
            {"network": config.model_dump(mode="json")},
        )

    untrained, train = drawn(), material.train
    settle(untrained.network, untrained.inputs(train), len(train), recipe.seed)
    return drawn(), {"untrained network": judge(untrained, False)}


def _encoder(
    material: Material, encoder: str, recipe: FewShotRecipe, judge: Judge
) -> tuple[Embedding, dict[str, Figures]]:
    """The shared encoder, and figures of it as it comes and of what it sees."""
    rows = material.train.iq.shape[1]
    if rows != 2:
        raise UsageError(
            f"encoder {encoder}: blocks have {rows // 2} channels, and spectrograms do not tell "
            f"the phase between them: take {DENSENET}"
        )
    if encoder == RANDOM and recipe.preset not in PRESETS:
        raise UsageError(f"preset {recipe.preset!r}: take one of {', '.join(PRESETS)}")
    spec = load_recipe(NAME, "paper").encoder.spec
    network, spec = embedding_of(
        EncoderRecipe(preset=recipe.preset, spec=spec),
        None if encoder == RANDOM else Path(encoder),
        recipe.seed,
    )
    pictures = Pictures(spec, material.train)
    config = {
        "vit": network.encoder.config.model_dump(),
        "spec": pictures.spec.model_dump(mode="json"),
    }
    embedding = Embedding(network, pictures, config)

    def pixels(blocks: Blocks) -> Vectors:
        inputs = embedding.inputs(blocks)
        assert isinstance(inputs, ImageInputs)
        return inputs.images.reshape(len(blocks), -1)

    return embedding, {
        "encoder, frozen": judge(embedding, False),
        "spectrogram pixels": judge(pixels, False),
    }


def _trivial(task: str, material: Material, judge: Judge) -> dict[str, Figures]:
    """Answers that nothing was learnt for."""

    def samples(blocks: Blocks) -> Vectors:
        return min_max(blocks.iq).reshape(len(blocks), -1)

    if task == "beams":
        return {
            "samples": judge(samples, False),
            "most frequent beam": most_frequent(material),
        }
    asked = _asked(material)
    middle = middle_angle(asked, np.unique(material.train.classes))
    if asked.iq.shape[1] == 2:  # of one channel the covariance says nothing
        return {"samples": judge(samples, False), "middle angle": middle}
    return {"covariance of the channels": judge(covariances, False), "middle angle": middle}


def _accuracies(
    material: Material, shots: tuple[int, ...], embed: Callable[[Blocks], Vectors], normalise: bool
) -> Figures:
    return accuracies(embed, material, shots, normalise)


def _errors(
    material: Material, shots: tuple[int, ...], embed: Callable[[Blocks], Vectors], normalise: bool
) -> Figures:
    asked, taught = _asked(material), np.unique(material.train.classes)
    vectors, figures = embed(asked), Figures()
    for count in shots:
        figures |= angle_errors(vectors, asked, count, taught, normalise)
    return figures


def _asked(material: Material) -> Blocks:
    """Angles' test blocks."""
    (blocks,) = material.other.values()
    return blocks


def _score(figures: Figures) -> float:
    """The mean accuracy, or minus the mean error over all angles."""
    known = {name: value for name, value in figures.items() if not name.endswith(" std")}
    errors = [value for name, value in known.items() if name.startswith("all ")]
    return -float(np.mean(errors)) if errors else float(np.mean(list(known.values())))


def _save(embedding: Embedding, train: Blocks, path: Path) -> None:
    """Prototypes of the classes that were trained on, in the order of their numbers."""
    _, classes = np.unique(train.classes, return_inverse=True)
    vectors = torch.from_numpy(embedding(train))
    found = prototypes(vectors, torch.from_numpy(classes), int(classes.max()) + 1, True)
    save_file({"prototypes": found.contiguous()}, path)
