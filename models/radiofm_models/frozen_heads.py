"""Training heads on a frozen encoder, whose tokens are computed once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from rich.progress import track
from torch import Tensor, nn

from radiofm.spectrogram import Image
from radiofm_models.data import Indices
from radiofm_models.heads import Classifier, PixelHead, pool
from radiofm_models.pretrain import adamw
from radiofm_models.recipe import HeadRecipe
from radiofm_models.trainer import cosine_lr
from radiofm_models.vit import Encoder

BATCH = 64


@torch.no_grad()
def tokens_of(encoder: Encoder, images: Image, tap: str, title: str) -> Tensor:
    """Tap `trunk` or `tokens` of all `images` [n, 1, H, W]: float16 [n, 1 + M, D], in memory."""
    compute = encoder.trunk if tap == "trunk" else encoder
    parts = [
        compute(torch.from_numpy(images[start : start + BATCH])).half()
        for start in track(range(0, len(images), BATCH), title)
    ]
    return torch.cat(parts)


def fit(
    head: nn.Module,
    step_loss: Callable[[Indices], Tensor],
    count: int,
    recipe: HeadRecipe,
    title: str,
) -> float:
    """Minimise `step_loss(rows)` over batches of rows in [0, count). Returns the last loss."""
    optimizer = adamw(head, recipe.lr, (0.9, 0.999), recipe.weight_decay)
    rng = np.random.default_rng(recipe.seed)
    loss = torch.tensor(0.0)
    for step in track(range(recipe.steps), title):
        for group in optimizer.param_groups:
            group["lr"] = cosine_lr(step, recipe.steps, recipe.lr, warmup=0.05)
        loss = step_loss(rng.integers(0, count, recipe.batch))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimizer.step()
    return loss.item()


@torch.no_grad()
def predict(head: nn.Module, tokens: Tensor) -> Image:
    """The head's output for all `tokens` [n, 1 + M, D]."""
    parts = [head(part.float()).numpy() for part in torch.split(tokens, BATCH)]
    return np.concatenate(parts)


def train_classifier(
    head: Classifier, tokens: Tensor, classes: Indices, recipe: HeadRecipe
) -> None:
    """Train `head` on `tokens` [n, 1 + M, D] with the class numbers `classes` [n]."""
    pooled = torch.cat([pool(part.float(), head.grid) for part in torch.split(tokens, BATCH)])
    mean, std = pooled.mean(dim=0), pooled.std(dim=0) + 1e-6
    pooled = (pooled - mean) / std
    truth = torch.from_numpy(classes)

    def step_loss(rows: Indices) -> Tensor:
        logits = head.classify(pooled[rows])
        return F.cross_entropy(logits, truth[rows], label_smoothing=recipe.label_smoothing)

    fit(head, step_loss, len(pooled), recipe, "signals")
    head.fold(mean, std)


def train_segmentation(
    head: PixelHead, tokens: Tensor, masks: npt.NDArray[np.uint8], recipe: HeadRecipe
) -> None:
    """Train `head` (2 channels: empty, occupied) on `tokens` and `masks` [n, H, W]."""

    def step_loss(rows: Indices) -> Tensor:
        truth = torch.from_numpy(masks[rows]).long()
        logits = head(tokens[rows].float())
        return F.cross_entropy(logits, truth, label_smoothing=recipe.label_smoothing)

    fit(head, step_loss, len(tokens), recipe, "segmentation")


def train_reconstruction(
    head: PixelHead, tokens: Tensor, images: Image, recipe: HeadRecipe
) -> None:
    """Train `head` (1 channel) to give back `images` [n, 1, H, W], in standardised units."""

    def step_loss(rows: Indices) -> Tensor:
        return F.mse_loss(head(tokens[rows].float()), torch.from_numpy(images[rows]))

    fit(head, step_loss, len(tokens), recipe, "anomaly")
