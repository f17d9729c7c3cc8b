"""Masked spectrogram modeling that goes on, on slices of one receiver: of the patch embedding only.

The rest of the encoder, and the decoder, stay as they are, so tokens go on meaning what heads have
learnt: the decoder that has to read them cannot learn another meaning.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from torch import Tensor

from radiofm.errors import UsageError
from radiofm.spectrogram import Image
from radiofm.wire import SPECTROGRAM
from radiofm_models.half import round_weights
from radiofm_models.material import How, Loaded
from radiofm_models.msm import MaskedAutoencoder
from radiofm_models.pretrain import Batches, adamw
from radiofm_models.recipe import PretrainRecipe, recipe_of
from radiofm_models.reconstruction import reconstruct, reconstruction_metrics
from radiofm_models.trainer import train
from radiofm_models.vit import of_modality
from radiofm_models.world import World, device

LEFT_OUT = 8  # each eighth slice is not learnt from, but judged by


@dataclass(frozen=True)
class WentOn:
    """The model as adapted, and its mean squared error on masked patches of slices left out."""

    model: MaskedAutoencoder
    before: float
    after: float


def recipe_of_msm(settings: Mapping[str, Any]) -> PretrainRecipe:
    """With these steps, batch, lr and seed; UsageError where one cannot be. Nothing is augmented:
    the receiver is to be learnt as it is."""
    fixed = {"preset": "", "augment": False, "weight_decay": 0.0}
    return recipe_of(PretrainRecipe, {**settings, **fixed})


def go_on(model: MaskedAutoencoder, images: Image, scaling: How, recipe: PretrainRecipe) -> WentOn:
    """Adapt a copy of `model` to `images`, float32 [n, 1, H, W], standardised by `scaling`.

    What it learns is rounded to 16 bits. Raises UsageError where there is too little to learn from.
    """
    left = np.arange(len(images)) % LEFT_OUT == LEFT_OUT - 1
    if np.count_nonzero(~left) < recipe.batch or not left.any():
        raise UsageError(
            f"{len(images)} slices are too few for batches of {recipe.batch}: record for longer, "
            "or lower --batch"
        )
    model = copy.deepcopy(model).to(device()).requires_grad_(False)
    name = None if isinstance(model.config.channels, int) else SPECTROGRAM
    embedding = of_modality(model.encoder.patch_embed, name).requires_grad_(True)

    def loss(image: Tensor, noise: Tensor, mask_ratio: float, _: None) -> Tensor:
        return model.loss(image, noise, mask_ratio, name)

    def error() -> float:
        removed = reconstruct(model, images[left], recipe.mask_ratio, recipe.seed, modality=name)
        return float(reconstruction_metrics(images[left], *removed)["model"]["masked_mse"])

    before = error()
    with TemporaryDirectory(prefix="radiofm-") as folder:
        train(
            model, loss,
            Batches({SPECTROGRAM: Loaded(images[~left], scaling)}, recipe, World(0, 1, device())),
            lambda: adamw(model, recipe.lr, recipe.betas, recipe.weight_decay),
            recipe, Path(folder), {}, {}, "adapt",
        )  # fmt: skip
    round_weights(embedding)
    return WentOn(model.cpu(), before, error())
