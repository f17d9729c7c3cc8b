"""Masked spectrogram modeling: Algorithm 1 and equation 1 of "Building 6G Radio Foundation Models
with Transformer Architectures" (Aboulfotouh et al., 2024), a masked autoencoder (He et al. 2021);
over several modalities, masked wireless modeling ("6G WavesFM", 2025, Algorithm 1, equation 13).

Mask polarity, everywhere: 0 = kept (the encoder sees it), 1 = removed (to be reconstructed).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from radiofm_models.vit import (
    NORM_EPS,
    Block,
    Encoder,
    ViTConfig,
    initialise,
    of_modality,
    patchify,
    per_modality,
    positions,
)


def sample(noise: Tensor, mask_ratio: float) -> tuple[Tensor, Tensor]:
    """SAMPLE: uniform noise [B, M] -> kept patches int64 [B, K] and the mask float32 [B, M].

    K = int(M * (1 - mask_ratio)) patches of each slice are kept, one at least, those of the
    smallest noise.
    """
    kept = max(1, int(noise.shape[1] * (1 - mask_ratio)))
    keep = noise.argsort(dim=1)[:, :kept]
    return keep, torch.ones_like(noise).scatter(1, keep, 0.0)


def msm_loss(decoded: Tensor, patches: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error over the pixels of removed patches only.

    `decoded` and `patches` [B, M, P], `mask` [B, M]. Equation 1 is the sum over N * M; this is
    equation 1 times M / (removed patches * P), a constant, so that 1.0 is a slice's variance; and
    equation 13 of WavesFM over P: modalities of more channels weigh no more.
    """
    error = (decoded - patches).square().mean(dim=2)  # [B, M]
    return (error * mask).sum() / mask.sum()


class MaskedAutoencoder(nn.Module):
    """An encoder over the kept patches and a smaller decoder over all of them."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        width = config.decoder_dim
        self.config = config
        self.encoder = Encoder(config)
        self.decoder_embed = nn.Linear(config.dim, width)
        self.mask_token = nn.Parameter(torch.zeros(width))
        self.decoder_blocks = nn.ModuleList(
            Block(width, config.decoder_heads, config.norm_eps) for _ in range(config.decoder_depth)
        )
        self.decoder_norm = nn.LayerNorm(width, eps=NORM_EPS)
        self.to_pixels = per_modality(config, lambda pixels: nn.Linear(width, pixels))
        for part in (self.decoder_embed, *self.decoder_blocks, self.to_pixels):
            part.apply(initialise)
        nn.init.normal_(self.mask_token, std=0.02)

    def decode(
        self, tokens: Tensor, keep: Tensor, grid: tuple[int, int], modality: str | None = None
    ) -> Tensor:
        """Tokens [B, 1 + K, D] of the patches `keep` [B, K] -> all patches [B, M, P]."""
        width = self.config.decoder_dim
        tokens = self.decoder_embed(tokens)  # [B, 1 + K, E]
        # APPEND_REORDER: every place starts as the mask token, kept ones are put back.
        places = self.mask_token.expand(tokens.shape[0], grid[0] * grid[1], width)
        places = places.scatter(1, keep[..., None].expand(-1, -1, width), tokens[:, 1:])
        tokens = torch.cat([tokens[:, :1], places], dim=1)
        tokens = tokens + positions(grid, width, tokens.device)
        for block in self.decoder_blocks:
            tokens = block(tokens)
        to_pixels = of_modality(self.to_pixels, modality)
        return to_pixels(self.decoder_norm(tokens))[:, 1:]  # type: ignore[no-any-return]

    def forward(
        self, image: Tensor, noise: Tensor, mask_ratio: float, modality: str | None = None
    ) -> tuple[Tensor, Tensor]:
        """Slices [B, C, H, W] and noise [B, M] -> decoded patches [B, M, P] and mask [B, M]."""
        p = self.config.patch
        keep, mask = sample(noise, mask_ratio)
        grid = (image.shape[2] // p, image.shape[3] // p)
        return self.decode(self.encoder(image, keep, modality), keep, grid, modality), mask

    def loss(
        self, image: Tensor, noise: Tensor, mask_ratio: float, modality: str | None = None
    ) -> Tensor:
        """The training loss of one batch (a scalar), of slices of one modality."""
        decoded, mask = self(image, noise, mask_ratio, modality)
        return msm_loss(decoded, patchify(image, self.config.patch), mask)
