"""The encoder: a pre-norm vision transformer over the patches of a slice.

"Building 6G Radio Foundation Models with Transformer Architectures" (Aboulfotouh et al., 2024),
section III and Table III, after ViT (Dosovitskiy et al. 2021) and MAE (He et al. 2021). Positions
are fixed 2-D sines and cosines, computed for the grid at hand: any image that patches divide fits.

Letters in shape comments: B batch, C channels, H frequency, W time, P pixels of a patch (p*p*C),
M patches, T = 1 + M tokens (token 0 is CLS), D width.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer
from torch import Tensor, nn

from radiofm.errors import UsageError

NORM_EPS = 1e-6
TAIL_BLOCKS = 2  # the last blocks and the norm form the tail


class ViTConfig(BaseModel):
    """Sizes of an encoder and of the decoder that pretrains it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dim: int
    depth: int
    heads: int
    decoder_dim: int
    decoder_depth: int
    decoder_heads: int
    patch: int = 16
    channels: int | dict[str, int] = 1  # of a slice; or of each modality's slices, by its name
    norm_eps: float = NORM_EPS  # of the blocks' norms
    film: bool = False  # scale and shift tokens where they enter the trunk, as WavesFM v1 does

    @model_serializer(mode="wrap")
    def _as_written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What came later is written only where it is used: a config of before stays the same."""
        values: dict[str, Any] = write(self)
        later = {"norm_eps": NORM_EPS, "film": False}
        return {k: v for k, v in values.items() if k not in later or v != later[k]}


def _preset(encoder: tuple[int, int, int], decoder: tuple[int, int, int]) -> ViTConfig:
    dim, depth, heads = encoder
    e_dim, e_depth, e_heads = decoder
    return ViTConfig(
        dim=dim, depth=depth, heads=heads,
        decoder_dim=e_dim, decoder_depth=e_depth, decoder_heads=e_heads,
    )  # fmt: skip


# (width, depth, attention heads) of encoder and decoder; small, medium and large are Table III.
PRESETS: dict[str, ViTConfig] = {
    "nano": _preset((128, 6, 4), (64, 2, 4)),
    "tiny": _preset((192, 12, 3), (128, 4, 4)),
    "small": _preset((512, 12, 8), (256, 8, 16)),
    "medium": _preset((768, 12, 12), (512, 8, 16)),
    "large": _preset((1024, 24, 16), (512, 8, 16)),
}


def patchify(image: Tensor, patch: int) -> Tensor:
    """Images [B, C, H, W] -> patches [B, M, P]; patch (i, j) is number i * (W / patch) + j.

    A patch's pixels are in rows, channel after channel: runs of `patch` that stay together, which
    makes the way back cheap where a head is served.
    """
    b, c, h, w = image.shape
    if h % patch or w % patch:
        raise UsageError(f"slices of {h} x {w}: resize them to whole patches of {patch} x {patch}")
    image = image.reshape(b, c, h // patch, patch, w // patch, patch)
    image = image.permute(0, 2, 4, 1, 3, 5)  # [B, H/p, W/p, C, p, p]
    return image.reshape(b, (h // patch) * (w // patch), patch * patch * c)


def unpatchify(patches: Tensor, grid: tuple[int, int], patch: int) -> Tensor:
    """The inverse of `patchify`: [B, M, P] -> [B, C, H, W]."""
    b, _, pixels = patches.shape
    c = pixels // patch**2
    image = patches.reshape(b, *grid, c, patch, patch)
    image = image.permute(0, 3, 1, 4, 2, 5)  # [B, C, H/p, p, W/p, p]
    return image.reshape(b, c, grid[0] * patch, grid[1] * patch)


@functools.lru_cache(maxsize=16)
def positions(
    grid: tuple[int, int],
    dim: int,
    device: torch.device = torch.device("cpu"),  # noqa: B008
) -> Tensor:
    """Fixed position encodings float32 [1 + M, dim]: half frequency, half time; CLS is zero."""
    omega = 10000.0 ** -(np.arange(dim // 4) / (dim / 4))
    axes = np.meshgrid(*(np.arange(n) for n in grid), indexing="ij")
    angles = [axis.reshape(-1, 1) * omega for axis in axes]  # 2 x [M, dim / 4]
    encoding = np.concatenate([f(a) for a in angles for f in (np.sin, np.cos)], axis=1)
    table = np.concatenate([np.zeros((1, dim)), encoding]).astype(np.float32)
    return torch.from_numpy(table).to(device)


class Block(nn.Module):
    """One pre-norm transformer block: 12 D^2 + 13 D parameters."""

    def __init__(self, dim: int, heads: int, eps: float = NORM_EPS) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(dim, eps=eps)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.norm2 = nn.LayerNorm(dim, eps=eps)
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.fc2 = nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:  # [B, T, D]
        b, t, d = x.shape
        qkv = self.qkv(self.norm1(x)).reshape(b, t, 3, self.heads, d // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # each [B, heads, T, D / heads]
        mixed = F.scaled_dot_product_attention(q, k, v)
        x = x + self.proj(mixed.transpose(1, 2).reshape(b, t, d))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x))))  # type: ignore[no-any-return]


class Film(nn.Module):
    """Scale and shift of each feature of all tokens [B, T, D]: feature-wise linear modulation.

    What the released code of WavesFM calls a conditional norm; here of one modality only.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(dim))
        self.shift = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.shift


def initialise(module: nn.Module) -> None:
    """Xavier-uniform matrices and zero biases, as in MAE. For `Module.apply`."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


def per_modality(config: ViTConfig, make: Callable[[int], nn.Linear]) -> nn.Module:
    """`make(P)`; where there are several modalities, of each one's P, in a ModuleDict by name."""
    if isinstance(config.channels, int):
        return make(config.patch**2 * config.channels)
    return nn.ModuleDict({name: make(config.patch**2 * c) for name, c in config.channels.items()})


def of_modality(layers: nn.Module, modality: str | None) -> nn.Module:
    """The one of `per_modality`'s layers that is for `modality`; None where there is but one."""
    if not isinstance(layers, nn.ModuleDict):
        if modality is not None:
            raise UsageError(f"modality {modality!r}: this encoder has but one, without a name")
        return layers
    if modality is None or modality not in layers:
        raise UsageError(f"modality {modality!r}: this encoder has {', '.join(layers)}: name one")
    return layers[modality]


class Encoder(nn.Module):
    """Slices -> tokens. `forward` is `tail(trunk(image))`; heads tap either."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.config = config
        self.patch_embed = per_modality(config, lambda pixels: nn.Linear(pixels, config.dim))
        self.cls = nn.Parameter(torch.zeros(config.dim))
        self.film = Film(config.dim) if config.film else nn.Identity()
        self.blocks = nn.ModuleList(
            Block(config.dim, config.heads, config.norm_eps) for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(config.dim, eps=NORM_EPS)
        self.apply(initialise)
        nn.init.normal_(self.cls, std=0.02)

    def embed(
        self, image: Tensor, keep: Tensor | None = None, modality: str | None = None
    ) -> Tensor:
        """EMBED and POS_EMBED: [B, C, H, W] -> [B, T, D], of the patches `keep` int64 [B, K]."""
        p, d = self.config.patch, self.config.dim
        where = positions((image.shape[2] // p, image.shape[3] // p), d, image.device)
        patches, places = patchify(image, p), where[1:]  # [B, M, P], [M, D]
        if keep is not None:
            patches = patches.gather(1, keep[..., None].expand(-1, -1, patches.shape[2]))
            places = places[keep]  # [B, K, D]
        tokens = of_modality(self.patch_embed, modality)(patches) + places
        cls = (self.cls + where[0]).expand(image.shape[0], 1, d)
        return self.film(torch.cat([cls, tokens], dim=1))  # type: ignore[no-any-return]

    def trunk(
        self, image: Tensor, keep: Tensor | None = None, modality: str | None = None
    ) -> Tensor:
        """Slices [B, C, H, W] -> tap `trunk`: tokens [B, T, D] after block depth - 2."""
        tokens = self.embed(image, keep, modality)
        for block in self.blocks[:-TAIL_BLOCKS]:
            tokens = block(tokens)
        return tokens

    def tail(self, tokens: Tensor) -> Tensor:
        """Tap `trunk` -> tap `tokens`: [B, T, D] after the last two blocks and the norm."""
        for block in self.blocks[-TAIL_BLOCKS:]:
            tokens = block(tokens)
        return self.norm(tokens)  # type: ignore[no-any-return]

    def forward(
        self, image: Tensor, keep: Tensor | None = None, modality: str | None = None
    ) -> Tensor:
        """Slices [B, C, H, W] -> tokens [B, T, D], of the patches `keep` [B, K] where given."""
        return self.tail(self.trunk(image, keep, modality))
