"""The authors' architectures in their own layout, from what is public: names, shapes, order.

Independent of ours: convolution, separate attention, shuffled tokens, tables with the column first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn


def table(side: int, dim: int) -> Tensor:
    """[1, 1 + side^2, dim]: CLS zero; the first half encodes the column, the second the row."""
    rows = [np.zeros(dim)]
    for i in range(side):
        for j in range(side):
            code = []
            for place in (j, i):
                angle = place / 10000 ** (np.arange(dim // 4) / (dim // 4))
                code += [np.sin(angle), np.cos(angle)]
            rows.append(np.concatenate(code))
    return torch.from_numpy(np.stack(rows).astype(np.float32))[None]


class Attention(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        mixed = []
        parts = (part.chunk(self.heads, -1) for part in self.qkv(x).chunk(3, -1))
        for q, k, v in zip(*parts, strict=True):
            mixed.append((q @ k.mT / math.sqrt(q.shape[-1])).softmax(-1) @ v)
        return self.proj(torch.cat(mixed, -1))  # type: ignore[no-any-return]


class Block(nn.Module):
    def __init__(self, dim: int, heads: int, eps: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim, eps=eps), nn.LayerNorm(dim, eps=eps)
        self.attn = Attention(dim, heads)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(dim, 4 * dim), "fc2": nn.Linear(4 * dim, dim)})

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        hidden = self.mlp["fc1"](self.norm2(x))
        hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
        return x + self.mlp["fc2"](hidden)  # type: ignore[no-any-return]


class Embed(nn.Module):
    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, dim, 16, 16)

    def forward(self, image: Tensor) -> Tensor:
        return self.proj(image).flatten(2).mT  # type: ignore[no-any-return]


class Film(nn.Module):
    """WavesFM's conditional norm; `weights` gives it the names that it has in a file."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.mod_ln_scale = nn.ParameterDict({k: torch.ones(dim) for k in ("vision", "iq")})
        self.mod_ln_bias = nn.ParameterDict({k: torch.zeros(dim) for k in ("vision", "iq")})

    def forward(self, x: Tensor) -> Tensor:
        scale, shift = self.mod_ln_scale["vision"], self.mod_ln_bias["vision"]
        return x * scale + shift  # type: ignore[no-any-return]


def weights(model: nn.Module) -> dict[str, Tensor]:
    """A model's weights as the authors' files name them."""
    return {k.removeprefix("film."): v.contiguous() for k, v in model.state_dict().items()}


def multimodal(model: nn.Module, separate: bool) -> dict[str, Tensor]:
    """A MAE's weights as WavesFM's pretrained `MultimodalMAE` names them, with an IQ path."""
    own = ".vision" if separate else ""
    names = {
        "decoder_pos_embed": "vis_dec_pos_embed", "pos_embed": "vis_pos_embed",
        "patch_embed.": "vis_patch_embed.", "decoder_pred.": "vis_decoder_pred.",
        "decoder_embed.": f"decoder_embed{own}.", "decoder_blocks.": f"decoder_blocks{own}.",
        "decoder_norm.": f"decoder_norm{own}.",
        "mask_token": "decoder_mask_token.vision" if separate else "mask_token",
    }  # fmt: skip
    state = {}
    for name, value in weights(model).items():
        old = next((prefix for prefix in names if name.startswith(prefix)), "")
        state[names.get(old, "") + name.removeprefix(old)] = value
    dim = state["cls_token"].shape[2]
    state["iq_segment_embed.weight"] = torch.ones(dim, 2, 16)
    state["iq_ant_embed.weight"] = torch.ones(16, dim)
    if separate:
        state["decoder_embed.iq.bias"] = torch.ones(16)
        state["decoder_mask_token.iq"] = torch.ones(1, 1, 16)
    return state


def blocks(dim: int, depth: int, heads: int, eps: float) -> nn.ModuleList:
    return nn.ModuleList(Block(dim, heads, eps) for _ in range(depth))


def unpatchify(pixels: Tensor, side: int) -> Tensor:
    """[B, M, 16 * 16 * C] in the order p, p, C -> [B, C, H, W]."""
    channels = pixels.shape[2] // 256
    image = pixels.reshape(len(pixels), side, side, 16, 16, channels)
    image = image.permute(0, 5, 1, 3, 2, 4)
    return image.reshape(len(pixels), channels, side * 16, side * 16)


class MAE(nn.Module):
    """facebookresearch/mae's names; with several channel counts, the hetero variant's."""

    def __init__(
        self,
        channels: int | Sequence[int],
        side: int = 3,
        dim: int = 32,
        decoder_dim: int = 16,
        heads: tuple[int, int] = (2, 4),
        eps: float = 1e-5,
        film: bool = False,
    ) -> None:
        super().__init__()
        self.film = Film(dim) if film else nn.Identity()
        self.side, self.counts = side, [channels] if isinstance(channels, int) else list(channels)
        embeds = [Embed(c, dim) for c in self.counts]
        predictions = [nn.Linear(decoder_dim, 256 * c) for c in self.counts]
        one = isinstance(channels, int)
        self.patch_embed = embeds[0] if one else nn.ModuleList(embeds)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(table(side, dim), requires_grad=False)
        self.blocks, self.norm = blocks(dim, 3, heads[0], eps), nn.LayerNorm(dim, eps=1e-6)
        self.decoder_embed = nn.Linear(dim, decoder_dim)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, decoder_dim))
        self.decoder_pos_embed = nn.Parameter(table(side, decoder_dim), requires_grad=False)
        self.decoder_blocks = blocks(decoder_dim, 2, heads[1], eps)
        self.decoder_norm = nn.LayerNorm(decoder_dim, eps=1e-6)
        self.decoder_pred = predictions[0] if one else nn.ModuleList(predictions)
        stir(self, keep=("pos_embed",))

    def of(self, layers: nn.Module, image: Tensor) -> nn.Module:
        if isinstance(layers, nn.ModuleList):
            return layers[self.counts.index(image.shape[1])]
        return layers

    def forward(self, image: Tensor, keep: Tensor) -> tuple[Tensor, Tensor]:
        """Image and the patches kept [B, K] -> tokens [B, 1 + K, D] and the reconstruction."""
        x = self.of(self.patch_embed, image)(image) + self.pos_embed[:, 1:]
        x = torch.stack([tokens[kept] for tokens, kept in zip(x, keep, strict=True)])
        x = torch.cat([(self.cls_token + self.pos_embed[:, :1]).expand(len(x), 1, -1), x], 1)
        x = self.film(x)
        for step in self.blocks:
            x = step(x)
        encoded = self.norm(x)
        y = self.decoder_embed(encoded)
        full = self.mask_token.repeat(len(x), self.side**2, 1)
        for row, kept in enumerate(keep):
            full[row, kept] = y[row, 1:]
        y = torch.cat([y[:, :1], full], 1) + self.decoder_pos_embed
        for step in self.decoder_blocks:
            y = step(y)
        pixels = self.of(self.decoder_pred, image)(self.decoder_norm(y))[:, 1:]
        return encoded, unpatchify(pixels, self.side)


class ModalityAdapterViT(nn.Module):
    """WavesFM's fine-tuned model of vision: tables outside the file, an adapter, FiLM, a head."""

    def __init__(self, channels: int = 1, side: int = 3, film: bool = True) -> None:
        super().__init__()
        dim = 128
        self.table = table(side, dim)
        self.vis_patch_embed = Embed(1, dim)
        if channels != 1:
            self.channel_adapter = nn.Conv2d(channels, 1, 1, bias=False)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.blocks, self.norm = blocks(dim, 4, 4, 1e-5), nn.LayerNorm(dim, eps=1e-6)
        self.film = Film(dim) if film else nn.Identity()
        self.head = nn.Linear(dim, 6)
        stir(self)

    def forward(self, image: Tensor) -> Tensor:
        """Image [B, C, H, W] -> tokens [B, 1 + M, D]."""
        if hasattr(self, "channel_adapter"):
            image = self.channel_adapter(image)
        x = self.vis_patch_embed(image) + self.table[:, 1:]
        x = torch.cat([self.cls_token.expand(len(x), 1, -1), x], 1)
        x = self.film(x)
        for step in self.blocks:
            x = step(x)
        return self.norm(x)  # type: ignore[no-any-return]


def stir(model: nn.Module, keep: Sequence[str] = ()) -> None:
    """Move every parameter: initial biases and norms hide what they would do."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not name.endswith(tuple(keep) or ("?",)):
                parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
