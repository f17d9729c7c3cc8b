"""How well a pretrained model gives back what was removed, and two guesses beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from radiofm.spectrogram import Image
from radiofm_models.masks import Geometry, arrange
from radiofm_models.metrics import grid_accuracy, row_mean, visible_mean
from radiofm_models.msm import MaskedAutoencoder
from radiofm_models.vit import unpatchify

BATCH = 32

Removed = npt.NDArray[np.bool_]


@torch.no_grad()
def reconstruct(
    model: MaskedAutoencoder,
    images: Image,
    mask_ratio: float,
    seed: int,
    geometry: Geometry = "random",
    modality: str | None = None,
) -> tuple[Image, Removed]:
    """Images [n, C, H, W] -> the model's, float32 of that shape, and the removed pixels [n, H, W].

    The mask of image i depends on i and the seed only.
    """
    p, device = model.config.patch, next(model.parameters()).device
    grid = (images.shape[2] // p, images.shape[3] // p)
    generator = torch.Generator().manual_seed(seed)
    decoded, removed = [], []
    for start in range(0, len(images), BATCH):
        image = torch.from_numpy(images[start : start + BATCH])
        noise = torch.rand(len(image), grid[0] * grid[1], generator=generator)
        values = arrange(noise, grid, geometry)
        patches, mask = model(image.to(device), values.to(device), mask_ratio, modality)
        decoded.append(unpatchify(patches, grid, p).cpu().numpy())
        pixels = mask[..., None].expand(-1, -1, p * p)  # of one channel
        removed.append(unpatchify(pixels, grid, p)[:, 0].cpu().numpy() > 0)
    return np.concatenate(decoded), np.concatenate(removed)


def reconstruction_metrics(images: Image, decoded: Image, removed: Removed) -> dict[str, Any]:
    """Of `reconstruct`'s answer: error on removed pixels in standardised units, and what is right
    seen through the resource grid (ViT-MSM, Fig. 6), for the model and for two guesses.

    The guesses: the mean of each frequency row over what was kept of it, and of the whole slice.
    """
    planes = images.reshape(-1, *images.shape[2:])  # channels apart
    hidden = np.repeat(removed, images.shape[1], axis=0)
    guesses = {
        "model": decoded.reshape(planes.shape),
        "row_mean": row_mean(planes, hidden),
        "visible_mean": visible_mean(planes, hidden),
    }
    return {
        name: {
            "masked_mse": float(np.square(guess - planes, dtype=np.float64)[hidden].mean()),
            **grid_accuracy(planes, guess, hidden),
        }
        for name, guess in guesses.items()
    }
