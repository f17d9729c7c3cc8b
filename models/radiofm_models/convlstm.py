"""The second encoder family: a convolutional LSTM over a sentence of spectrogram tokens.

"Self-Supervised Radio Pre-training" (Aboulfotouh et al., 2024), section III and Table IV; the cell
is that of Shi et al. 2015. What the paper leaves open is chosen thus: no peephole weights (the
table counts kernels only); sigmoid gates; the table's ReLU where an LSTM has tanh, on candidate and
output; a forget bias of 1; no normalisation between layers; and a linear output, as tokens are
standardised values of either sign.

Letters in shape comments: B batch, T tokens of a sentence, K kernels, H frequency, W time of one
token. The paper's sentence is 16 tokens of 256 x 16.
"""

from __future__ import annotations

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from radiofm_models.msm import msm_loss


class ConvLSTMConfig(BaseModel):
    """Table IV."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    layers: int = 5
    kernels: int = 64  # of each layer
    kernel: int = 3  # edge of each, pixels


def cut(image: Tensor, tokens: int) -> Tensor:
    """Spectrograms [B, 1, H, T * W] -> sentences [B, T, 1, H, W], cut along time."""
    return torch.stack(image.chunk(tokens, dim=3), dim=1)


def join(tokens: Tensor) -> Tensor:
    """The inverse of `cut`, for any number of channels."""
    return torch.cat(tokens.unbind(dim=1), dim=3)


class ConvLSTMLayer(nn.Module):
    """[B, T, C, H, W] -> [B, T, K, H, W]; output t has seen the tokens up to t.

    4 K (n^2 (C + K) + 1) parameters, n the edge of a kernel.
    """

    def __init__(self, channels: int, kernels: int, kernel: int) -> None:
        super().__init__()
        self.kernels = kernels
        self.from_input = nn.Conv2d(channels, 4 * kernels, kernel, padding="same")
        self.from_state = nn.Conv2d(kernels, 4 * kernels, kernel, padding="same", bias=False)
        for convolution in (self.from_input, self.from_state):
            nn.init.xavier_uniform_(convolution.weight)
        assert self.from_input.bias is not None
        nn.init.zeros_(self.from_input.bias)
        nn.init.ones_(self.from_input.bias[kernels : 2 * kernels])  # of the forget gate

    def forward(self, tokens: Tensor) -> Tensor:
        b, t, _, h, w = tokens.shape
        pushed = self.from_input(tokens.flatten(0, 1)).reshape(b, t, -1, h, w)  # [B, T, 4K, H, W]
        state = cell = pushed.new_zeros(b, self.kernels, h, w)
        outputs = []
        for now in pushed.unbind(dim=1):
            i, f, o, g = (now + self.from_state(state)).chunk(4, dim=1)
            cell = f.sigmoid() * cell + i.sigmoid() * g.relu()
            state = o.sigmoid() * cell.relu()
            outputs.append(state)
        return torch.stack(outputs, dim=1)


class ConvLSTM(nn.Module):
    """The encoder: sentences [B, T, 1, H, W] -> features [B, T, K, H, W]."""

    def __init__(self, config: ConvLSTMConfig) -> None:
        super().__init__()
        self.config = config
        channels = [1] + [config.kernels] * (config.layers - 1)
        self.layers = nn.ModuleList(
            ConvLSTMLayer(c, config.kernels, config.kernel) for c in channels
        )

    def forward(self, tokens: Tensor) -> Tensor:
        for layer in self.layers:
            tokens = layer(tokens)
        return tokens


class ToTokens(nn.Module):
    """The final Conv3D: features [B, T, K, H, W] -> tokens [B, T, 1, H, W].

    Of all layers it alone looks ahead, by one token.
    """

    def __init__(self, config: ConvLSTMConfig) -> None:
        super().__init__()
        self.convolution = nn.Conv3d(config.kernels, 1, config.kernel, padding="same")
        nn.init.xavier_uniform_(self.convolution.weight)
        assert self.convolution.bias is not None
        nn.init.zeros_(self.convolution.bias)

    def forward(self, features: Tensor) -> Tensor:
        return self.convolution(features.transpose(1, 2)).transpose(1, 2)  # type: ignore[no-any-return]


def mask_tokens(
    tokens: Tensor, noise: Tensor, white: Tensor, mask_ratio: float
) -> tuple[Tensor, Tensor]:
    """Section III-B: sentences [B, T, 1, H, W] with some tokens replaced, and the mask [B, T].

    The round(T * mask_ratio) tokens of largest `noise` (uniform, [B, T]) are replaced by those of
    `white`, white noise in the shape of `tokens`: 3 of 16 at the paper's 20 %. The paper gives the
    noise no power; standard normal has that of an average slice. Mask: 0 = kept, 1 = replaced.
    """
    count = round(noise.shape[1] * mask_ratio)
    replaced = noise.argsort(dim=1, descending=True)[:, :count]
    mask = torch.zeros_like(noise).scatter(1, replaced, 1.0)
    return torch.where(mask[:, :, None, None, None] > 0, white, tokens), mask


class MaskedConvLSTM(nn.Module):
    """The encoder and its final Conv3D, which learn to put replaced tokens back."""

    def __init__(self, config: ConvLSTMConfig) -> None:
        super().__init__()
        self.encoder = ConvLSTM(config)
        self.to_tokens = ToTokens(config)

    def forward(self, tokens: Tensor) -> Tensor:  # [B, T, 1, H, W] -> the same
        return self.to_tokens(self.encoder(tokens))  # type: ignore[no-any-return]

    def loss(self, tokens: Tensor, noise: Tensor, white: Tensor, mask_ratio: float) -> Tensor:
        """Mean squared error over replaced tokens only (a scalar).

        Equation 1 is the sum over pixels, tokens and batch; this is equation 1 over the number of
        replaced pixels, a constant.
        """
        masked, mask = mask_tokens(tokens, noise, white, mask_ratio)
        return msm_loss(self(masked).flatten(2), tokens.flatten(2), mask)
