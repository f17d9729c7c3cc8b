"""`radiofm finetune --task beams|aoa`: prototypes of a few shots, from an embedding of episodes.

ProtoBeam and ProtoAoA (Mashaal et al.), Algorithm 1 with data and prototype normalisation and
augmentation; on IQ by their DenseNet, or on spectrograms of blocks by the shared encoder. In mode
strict nothing is learnt: the encoder stays as it is, and prototypes are not normalised.

run.json                  what the run is, and test figures of network and trivial answers
step-*/                   what episodes trained of the embedding network, at last
prototypes.safetensors    `prototypes` [labels, D] of the blocks trained on
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from radiofm.errors import UsageError
from radiofm_models.finetune_run import RANDOM, weights_hash
from radiofm_models.protobeam.blocks import Blocks, Material
from radiofm_models.protobeam.embeddings import (
    DENSENET,
    PROTOTYPES,
    Embedding,
    FewShotRecipe,
    densenet,
    shared,
)
from radiofm_models.protobeam.encoder import EncoderEmbedding, Pictures
from radiofm_models.protobeam.episodes import train_by_episodes
from radiofm_models.protobeam.evaluation import (
    Vectors,
    accuracies,
    angle_errors,
    covariances,
    middle_angle,
    most_frequent,
    settle,
)
from radiofm_models.protobeam.inputs import ImageInputs, min_max
from radiofm_models.protobeam.sources import open_angles, open_beams
from radiofm_models.prototypes import prototypes
from radiofm_models.vit import Encoder

Figures = dict[str, float]
Judge = Callable[[Callable[[Blocks], Vectors], bool], Figures]


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
    about: dict[str, Any] = {
        "task": task, "data": data, "encoder": encoder, "preset": recipe.preset,
        "encoder_sha256": None if encoder == DENSENET else weights_hash(encoder),
        "labels": list(train.labels),
    }  # fmt: skip
    step, how = 0, ": a class is the mean of its blocks' embeddings"
    if recipe.trains:
        blocks = hashlib.sha256(train.iq.tobytes() + train.classes.tobytes()).hexdigest()
        record = train_by_episodes(
            embedding.network, embedding.inputs(train), train.classes,
            recipe.episodes(len(taught)), True, recipe.seed, out,
            about | {"blocks": blocks} | embedding.config, task, tensorboard=tensorboard,
        )  # fmt: skip
        step, how = record["step"], ", by episodes"
    out.mkdir(parents=True, exist_ok=True)
    _save(embedding, train, recipe.trains, out / PROTOTYPES)
    return (
        about
        | embedding.config
        | {
            "recipe": recipe.model_dump(mode="json"),
            "parameters": {"network": embedding.trained},
            "tuning": f"{recipe.mode}: {embedding.trained:,} parameters are trained{how}",
            "step": step,
            "best": None,
            "blocks": material.describe(),
            "samples": train.iq.shape[2],
            "prototypes": [train.labels[number] for number in taught],
            "test": {
                name: figures | {"score": _score(figures)}
                for name, figures in (
                    {"model": judge(embedding, recipe.trains)} | plain | test
                ).items()
            },
        }
    )


def _densenet(
    task: str, material: Material, recipe: FewShotRecipe, judge: Judge
) -> tuple[Embedding, dict[str, Figures]]:
    """ProtoBeam's network, and figures of one that is as it was drawn but for its norms."""
    untrained, train = densenet(task, recipe), material.train
    settle(untrained.network, untrained.inputs(train), len(train), recipe.seed)
    return densenet(task, recipe), {"untrained network": judge(untrained, False)}


def _encoder(
    material: Material, encoder: str, recipe: FewShotRecipe, judge: Judge
) -> tuple[Embedding, dict[str, Figures]]:
    """The shared encoder, and figures of what it sees, and of it as it comes or untrained."""
    rows = material.train.iq.shape[1]
    if rows != 2:
        raise UsageError(
            f"encoder {encoder}: blocks have {rows // 2} channels, and spectrograms do not tell "
            f"the phase between them: take {DENSENET}"
        )
    network, spec = shared(encoder, recipe)
    made = Pictures(spec, material.train)
    config = {
        "vit": network.encoder.config.model_dump(),
        "spec": made.spec.model_dump(mode="json"),
        "patch": network.encoder.config.patch,
        "tuned": recipe.model_dump(include={"mode", "last", "lora_rank", "lora_alpha"}),
    }
    embedding = Embedding(network, made, config)

    def pixels(blocks: Blocks) -> Vectors:
        inputs = embedding.inputs(blocks)
        assert isinstance(inputs, ImageInputs)
        return inputs.images.reshape(len(blocks), -1)

    plain = {"spectrogram pixels": judge(pixels, False)}
    if recipe.trains:
        return embedding, {"encoder, frozen": judge(embedding, False)} | plain
    if encoder == RANDOM:
        return embedding, plain
    torch.manual_seed(recipe.seed)
    untrained = EncoderEmbedding(Encoder(network.encoder.config))
    return embedding, {
        "encoder, untrained": judge(Embedding(untrained, embedding.inputs, {}), False)
    } | plain


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


def _save(embedding: Embedding, train: Blocks, normalise: bool, path: Path) -> None:
    """Prototypes of the classes that were trained on, in the order of their numbers."""
    _, classes = np.unique(train.classes, return_inverse=True)
    vectors = torch.from_numpy(embedding(train))
    found = prototypes(vectors, torch.from_numpy(classes), int(classes.max()) + 1, normalise)
    save_file({"prototypes": found.contiguous()}, path)
