"""Heads: small networks on the tokens of a frozen encoder.

All take tokens float32 [B, 1 + M, D] (token 0 is CLS) of their tap; outputs are those that
`radiofm.bundle.HeadRecord` states.
"""

from __future__ import annotations

from torch import Tensor, nn

from radiofm_models.probes import Head
from radiofm_models.vit import NORM_EPS, Block, ViTConfig, initialise, positions, unpatchify

BOTTLENECK = 16  # numbers a token that a slice is given back from


class Decoder(nn.Module):
    """Tokens [B, 1 + M, D] -> `depth` transformer blocks -> tokens [B, 1 + M, width].

    With `bottleneck`, each token first passes through that few numbers.
    """

    def __init__(
        self,
        dim: int,
        width: int,
        grid: tuple[int, int],
        bottleneck: int | None = None,
        depth: int = 2,
        heads: int = 4,
    ) -> None:
        super().__init__()
        self.grid, self.width = grid, width
        self.squeeze = nn.Linear(dim, bottleneck) if bottleneck else nn.Identity()
        self.embed = nn.Linear(bottleneck or dim, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=NORM_EPS)
        self.apply(initialise)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(self.squeeze(tokens)) + positions(self.grid, self.width, tokens.device)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)  # type: ignore[no-any-return]


class PixelHead(Head):
    """A decoder -> `channels` values a pixel, [B, channels, H, W].

    `out` is the grid of patches to give out, where it is not that of the tokens: the first tokens
    are its patches, row after row, and those left over are not used.
    """

    def __init__(
        self, body: Decoder, channels: int, patch: int, out: tuple[int, int] | None = None
    ) -> None:
        super().__init__()
        self.body, self.patch, self.grid = body, patch, out or body.grid
        self.out = nn.Linear(body.width, patch**2 * channels)
        self.out.apply(initialise)

    def answer(self, tokens: Tensor) -> Tensor:
        patches = self.out(self.body(tokens))[:, 1 : 1 + self.grid[0] * self.grid[1]]  # [B, M, P]
        return unpatchify(patches, self.grid, self.patch)


class NextColumns(PixelHead):
    """A decoder -> the columns after the slice's last, [B, channels, H, columns].

    Each patch that is to come is told by a token of its frequency: that of the patch which lies as
    many patches before it as are foretold.
    """

    def answer(self, tokens: Tensor) -> Tensor:
        grid, (_, ahead) = self.body.grid, self.grid
        last = self.body(tokens)[:, 1:].unflatten(1, grid)[:, :, -ahead:]  # [B, H/p, ahead, width]
        return unpatchify(self.out(last.flatten(1, 2)), self.grid, self.patch)


def segmentation_head(config: ViTConfig, grid: tuple[int, int], labels: int) -> PixelHead:
    """The paper's: two blocks as wide as the pretraining decoder's -> logits [B, labels, H, W]."""
    return PixelHead(_decoder(config, grid, depth=2), labels, config.patch)


def channel_head(config: ViTConfig, grid: tuple[int, int], out: tuple[int, int]) -> PixelHead:
    """Channel estimation in WavesFM, section IV-C: one block -> real and imaginary part of
    [antennas, symbols * subcarriers] as [B, 2, H, W].

    `out` counts patches: (1, 42) for 16 antennas, 14 symbols of 48 subcarriers.
    """
    return PixelHead(_decoder(config, grid, depth=1), 2, config.patch, out)


def forecast_head(
    config: ViTConfig, grid: tuple[int, int], channels: int, ahead: int
) -> NextColumns:
    """Two blocks -> the next `ahead` columns of patches, [B, channels, H, ahead * patch]."""
    body = _decoder(config, grid, depth=2)
    return NextColumns(body, channels, config.patch, (grid[0], ahead))


def reconstruction_head(config: ViTConfig, grid: tuple[int, int], channels: int) -> PixelHead:
    """A bottleneck and two blocks -> the slice again, [B, channels, H, W]."""
    return PixelHead(_decoder(config, grid, 2, BOTTLENECK), channels, config.patch)


def _decoder(
    config: ViTConfig, grid: tuple[int, int], depth: int, bottleneck: int | None = None
) -> Decoder:
    width, heads = config.decoder_dim, config.decoder_heads
    return Decoder(config.dim, width, grid, bottleneck, depth, heads)
