"""Prototypical networks: a class is the mean of its examples' embeddings (Snell et al. 2017).

ProtoBeam (Mashaal et al.), Algorithm 1 and Table I: squared Euclidean distances, and prototypes
that may be normalised to unit length, though what is compared with them is not.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from radiofm.errors import UsageError
from radiofm_models.probes import Pooling, pooled


def prototypes(embeddings: Tensor, classes: Tensor, count: int, normalise: bool) -> Tensor:
    """Embeddings [n, D] of the classes int64 [n] -> the mean of each of `count`, [count, D]."""
    examples = torch.bincount(classes, minlength=count)
    if not examples.all():
        missing = int((examples == 0).nonzero()[0])
        raise UsageError(f"class {missing} has no examples: a prototype needs one or more")
    zeros = embeddings.new_zeros(count, embeddings.shape[1])
    means = zeros.index_add(0, classes, embeddings) / examples[:, None]
    return F.normalize(means, dim=1) if normalise else means


def squared_distances(embeddings: Tensor, to: Tensor) -> Tensor:
    """Embeddings [n, D] and prototypes [N, D] -> [n, N]."""
    return (embeddings[:, None] - to).square().sum(dim=2)


def episode_loss(support: Tensor, query: Tensor, normalise: bool) -> Tensor:
    """Algorithm 1's loss of an episode: embeddings [N, shots, D] and [N, queries, D] -> a scalar.

    Cross-entropy with minus the squared distances for logits, averaged over N * queries.
    """
    ways, queries, _ = query.shape
    of = torch.arange(ways, device=support.device)
    means = prototypes(
        support.flatten(0, 1), of.repeat_interleave(support.shape[1]), ways, normalise
    )
    logits = -squared_distances(query.flatten(0, 1), means)
    return F.cross_entropy(logits, of.repeat_interleave(queries))


class PrototypeHead(nn.Module):
    """Tokens [B, 1 + M, D] -> logits [B, N]: how much nearer N prototypes are than their mean.

    That is minus their squared distances, but for one number a slice, which no softmax sees: of the
    distances themselves, float32 would lose what tells near prototypes apart. Made from prototypes
    [N, D] of tokens pooled the same way; nothing in it is trained.
    """

    prototypes: Tensor

    def __init__(self, prototypes: Tensor, pooling: Pooling) -> None:
        super().__init__()
        self.pooling: Pooling = pooling
        self.register_buffer("prototypes", prototypes)

    def forward(self, tokens: Tensor) -> Tensor:
        middle = self.prototypes.mean(dim=0)
        apart = self.prototypes - middle
        embeddings = pooled(tokens, self.pooling) - middle
        return 2 * embeddings @ apart.T - apart.square().sum(dim=1)
