"""Heads on the ConvLSTM, whose weights stay as they are: sections III-C and III-D of
"Self-Supervised Radio Pre-training" (Aboulfotouh et al., 2024). Letters as in `convlstm`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from radiofm_models.convlstm import ConvLSTM, ConvLSTMConfig, ToTokens, join


class ForecastHead(nn.Module):
    """Section III-C: features [B, T, K, H, W] of W_1 ... W_T -> the next token, [B, 1, H, W].

    The paper takes "only the initial token" of the Conv3D's output, yet a ConvLSTM's first output
    has not seen the sentence: here it is the last one, which has seen all of it.
    """

    def __init__(self, config: ConvLSTMConfig) -> None:
        super().__init__()
        self.to_tokens = ToTokens(config)

    def forward(self, features: Tensor) -> Tensor:
        return self.to_tokens(features)[:, -1]  # type: ignore[no-any-return]


@torch.no_grad()
def forecast(encoder: ConvLSTM, head: ForecastHead, tokens: Tensor, ahead: int) -> Tensor:
    """The next `ahead` tokens [B, ahead, 1, H, W] of sentences, each foretold from those before."""
    count = tokens.shape[1]
    for _ in range(ahead):
        following = head(encoder(tokens[:, -count:]))
        tokens = torch.cat([tokens, following[:, None]], dim=1)
    return tokens[:, count:]


class ConvSegmentation(nn.Module):
    """Section III-D: features, joined along time, through two Conv2D -> [B, labels, H, T * W].

    Their width and kernel, which the paper does not give, are the encoder's.
    """

    def __init__(self, config: ConvLSTMConfig, labels: int) -> None:
        super().__init__()
        self.hidden = nn.Conv2d(config.kernels, config.kernels, config.kernel, padding="same")
        self.out = nn.Conv2d(config.kernels, labels, config.kernel, padding="same")

    def forward(self, features: Tensor) -> Tensor:
        return self.out(F.relu(self.hidden(join(features))))  # type: ignore[no-any-return]
