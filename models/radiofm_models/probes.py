"""Probes: heads that see a slice as one vector. Classification and regression differ by their loss.

All take tokens float32 [B, 1 + M, D] (token 0 is CLS) and give [B, outputs].
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from radiofm_models.vit import initialise

Pooling = Literal["token", "avg"]


def pooled(tokens: Tensor, pooling: Pooling) -> Tensor:
    """Tokens [B, 1 + M, D] -> [B, D]: the CLS token, or the average of all others."""
    return tokens[:, 0] if pooling == "token" else tokens[:, 1:].mean(dim=1)


class Head(nn.Module):
    """A head in two parts, so that what a frozen encoder gives is computed and pooled but once."""

    def pool(self, tokens: Tensor) -> Tensor:
        """Tokens [B, 1 + M, D] -> what `answer` takes; nothing here is trained."""
        return tokens

    def answer(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, tokens: Tensor) -> Tensor:
        return self.answer(self.pool(tokens))


class Probe(Head):
    """Pooled tokens -> `layers` linear layers: 1 is the papers' linear head, more make an MLP.

    D * outputs + outputs parameters, and D^2 + D for each layer more. Before them the features are
    standardised, by statistics gathered in training (He et al. 2021, appendix A.1): features of a
    frozen encoder differ much in size.
    """

    def __init__(self, dim: int, outputs: int, pooling: Pooling, layers: int = 1) -> None:
        super().__init__()
        self.pooling: Pooling = pooling
        self.standardise = nn.BatchNorm1d(dim, affine=False)
        self.hidden = nn.ModuleList(nn.Linear(dim, dim) for _ in range(layers - 1))
        self.out = nn.Linear(dim, outputs)
        self.apply(initialise)

    def pool(self, tokens: Tensor) -> Tensor:
        """Tokens [B, 1 + M, D] -> [B, D]."""
        return pooled(tokens, self.pooling)

    def answer(self, x: Tensor) -> Tensor:
        """Pooled tokens [B, D] -> [B, outputs]."""
        x = self.standardise(x)
        for layer in self.hidden:
            x = F.gelu(layer(x))
        return self.out(x)  # type: ignore[no-any-return]


class AttentiveProbe(Head):
    """A learned query attends to all tokens; what it finds goes through one linear layer.

    Attention pooling (Lee et al. 2019) with one query; 2 D^2 + 3 D + D * outputs + outputs
    parameters.
    """

    def __init__(self, dim: int, outputs: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Parameter(torch.zeros(dim))
        self.kv = nn.Linear(dim, 2 * dim)
        self.out = nn.Linear(dim, outputs)
        self.apply(initialise)
        nn.init.normal_(self.query, std=0.02)

    def answer(self, tokens: Tensor) -> Tensor:
        b, t, d = tokens.shape
        kv = self.kv(tokens).reshape(b, t, 2, self.heads, d // self.heads)
        k, v = kv.permute(2, 0, 3, 1, 4).unbind(0)  # each [B, heads, T, D / heads]
        q = self.query.reshape(1, self.heads, 1, d // self.heads).expand(b, -1, -1, -1)
        found = F.scaled_dot_product_attention(q, k, v)  # [B, heads, 1, D / heads]
        return self.out(found.reshape(b, d))  # type: ignore[no-any-return]
