"""Pretraining of the ConvLSTM by masked spectrogram modeling, and what came of it, read again.

"Self-Supervised Radio Pre-training" (Aboulfotouh et al., 2024), section III-B and equation 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from radiofm.spectrogram import Image, SpectrogramSpec
from radiofm_models.checkpoint import (
    CONFIG,
    EMA,
    MODEL,
    CheckpointError,
    latest_checkpoint,
    load_weights,
    read_json,
)
from radiofm_models.convlstm import ConvLSTMConfig, MaskedConvLSTM, mask_tokens
from radiofm_models.material import open_material
from radiofm_models.pretrain import adamw
from radiofm_models.recipe import ConvLSTMRecipe
from radiofm_models.sentences import Sentences, SentenceShape
from radiofm_models.trainer import Evaluate, report, train
from radiofm_models.world import World, device, joined

HELD_OUT = 64  # sentences that are looked at between steps
BATCH = 8  # sentences at a time, where none is trained on


class Batches:
    """The sentences, mask noise and white noise of each step."""

    def __init__(self, sentences: Sentences, recipe: ConvLSTMRecipe, world: World) -> None:
        self._sentences, self._recipe, self._world = sentences, recipe, world
        self._share = world.share(recipe.batch)

    def __call__(self, step: int) -> tuple[Tensor, Tensor, Tensor, float]:
        """Of this process: [B, T, 1, H, W], [B, T] and [B, T, 1, H, W] float32; the mask ratio."""
        recipe = self._recipe
        share = range(recipe.batch)[self._share]
        tokens = self._sentences.batch((recipe.seed, step), share)
        noise, white = noises((recipe.batch, *tokens.shape[1:]), (recipe.seed, step))
        where = self._world.device
        return (
            torch.from_numpy(tokens).to(where),
            torch.from_numpy(noise[self._share]).to(where),
            torch.from_numpy(white[self._share]).to(where),
            recipe.mask_ratio,
        )


def noises(shape: tuple[int, ...], key: tuple[int, ...]) -> tuple[Image, Image]:
    """What chooses the tokens to replace, uniform [B, T], and what replaces them, white `shape`."""
    rng = np.random.default_rng((*key, shape[0]))  # one more than the sentences'
    return rng.random(shape[:2], np.float32), rng.standard_normal(shape, np.float32)


def pretrain_convlstm(
    sentences: Sentences,
    recipe: ConvLSTMRecipe,
    folder: Path,
    world: World,
    data: Mapping[str, Any] | None = None,
    *,
    held_out: Sentences | None = None,
    stop_at: int | None = None,
    tensorboard: bool = False,
) -> tuple[MaskedConvLSTM, dict[str, Any]]:
    """Train on `sentences`, or go on from the newest checkpoint in `folder`; see `trainer.train`.

    Sentences have the recipe's shape; those `held_out` are looked at in between. `data` is what
    else says that a run is this one. Returns the model and the trainer's record.
    """
    torch.manual_seed(recipe.seed)
    model = MaskedConvLSTM(recipe.model)
    record = train(
        model,
        model.loss,
        Batches(sentences, recipe, world),
        lambda: adamw(model, recipe.lr, recipe.betas, recipe.weight_decay),
        recipe,
        folder,
        config_of(recipe, sentences.material.scaling),
        recipe.model_dump(mode="json") | dict(data or {}),
        "pretrain",
        evaluate=_held_out(model, held_out, recipe) if held_out else None,
        stop_at=stop_at,
        world=world,
        tensorboard=tensorboard,
    )
    return model, record


def config_of(recipe: ConvLSTMRecipe, scaling: Any) -> dict[str, Any]:
    """What a checkpoint says of the model: its sizes, and how its input is made."""
    return {
        "convlstm": recipe.model.model_dump(),
        "sentence": recipe.sentence.model_dump(),
        "inputs": {"spectrogram": scaling.model_dump(mode="json")},
    }


@torch.no_grad()
def masked_error(model: MaskedConvLSTM, tokens: Image, ratio: float, seed: int) -> dict[str, float]:
    """Mean squared error on the replaced tokens of `tokens` [n, T, 1, H, W]: the model's, and that
    of the mean of each row's kept pixels; 1 is the variance of an average slice."""
    chooser, white = noises(tokens.shape, (seed,))
    model.eval()
    where = next(model.parameters()).device
    square, guess, pixels = 0.0, 0.0, 0
    for start in range(0, len(tokens), BATCH):
        here = slice(start, start + BATCH)
        true, uniform, noise = (
            torch.from_numpy(values[here]).to(where) for values in (tokens, chooser, white)
        )
        masked, mask = mask_tokens(true, uniform, noise, ratio)
        weight = mask[:, :, None, None, None]
        kept = (1 - weight).sum(dim=1, keepdim=True)
        rows = (true * (1 - weight)).sum(dim=1, keepdim=True).mean(dim=4, keepdim=True) / kept
        square += float(((model(masked) - true).square() * weight).sum())
        guess += float(((rows - true).square() * weight).sum())
        pixels += int(mask.sum()) * true[0, 0].numel()
    return {"masked_mse": square / pixels, "row_mean_mse": guess / pixels}


def _held_out(model: MaskedConvLSTM, sentences: Sentences, recipe: ConvLSTMRecipe) -> Evaluate:
    tokens = sentences.batch((recipe.seed,), range(min(HELD_OUT, len(sentences))))

    def evaluate(step: int) -> dict[str, float]:
        return masked_error(model, tokens, recipe.mask_ratio, recipe.seed)

    return evaluate


def run_convlstm(
    source: str,
    out: Path,
    recipe: ConvLSTMRecipe,
    *,
    epochs: int | None = None,
    tensorboard: bool = False,
) -> dict[str, Any] | None:
    """Pretrain on the corpus `source` in `out`, or go on with what is there: `radiofm pretrain`.

    Returns what came of it; None in all processes but the first. With `epochs`, the recipe's steps
    are as many as show the model so often as many sentences as lie beside each other.
    """
    with joined() as world:
        with world.first_alone():
            material = open_material(source, out / "data", recipe.seed)
        sentences = Sentences(material, material.split.train, recipe.sentence)
        held_out = Sentences(material, material.split.validation, recipe.sentence)
        if epochs is not None:
            steps = max(1, epochs * len(sentences) // recipe.batch)
            recipe = recipe.model_copy(update={"steps": steps})
        model, record = pretrain_convlstm(
            sentences, recipe, out, world, {"data": material.dataset.fingerprint()},
            held_out=held_out, tensorboard=tensorboard,
        )  # fmt: skip
        if not world.first:
            return None
    return {
        "out": str(out),
        "parameters": sum(p.numel() for p in model.encoder.parameters()),
        "sets": {source: len(sentences)},
        **report(record),
    }


@dataclass(frozen=True)
class PretrainedConvLSTM:
    """A ConvLSTM, the shape of its sentences, and how their slices are made."""

    model: MaskedConvLSTM
    sentence: SentenceShape
    spec: SpectrogramSpec


def is_convlstm(folder: Path) -> bool:
    """Whether a run's newest checkpoint, or the checkpoint, at `folder` is one of a ConvLSTM."""
    found = latest_checkpoint(folder) or folder
    return (found / CONFIG).is_file() and "convlstm" in read_json(found / CONFIG)


def load_convlstm(folder: Path) -> PretrainedConvLSTM:
    """The newest checkpoint of a run, or the checkpoint, at `folder`; its average if it kept one.

    Raises CheckpointError where there is none.
    """
    found = latest_checkpoint(folder) or folder
    config = read_json(found / CONFIG)
    try:
        model = MaskedConvLSTM(ConvLSTMConfig.model_validate(config["convlstm"]))
        shape = SentenceShape.model_validate(config["sentence"])
        spec = SpectrogramSpec.model_validate(config["inputs"]["spectrogram"])
    except (LookupError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"checkpoint {found}: {CONFIG}: {reason}: train it anew") from None
    load_weights(found, model, EMA if (found / EMA).exists() else MODEL)
    return PretrainedConvLSTM(model.eval().to(device()), shape, spec)
