"""Heads of fine-tuned encoders: what fine-tuning has changed, and what is exported for it.

| changed | served as |
|---|---|
| the last two blocks, the norm | the head's own tail, with it in one graph on tap `trunk` |
| patch embedding, CLS token | a modality of its own: an `embeds` graph of its own |
| query and value (LoRA) | an adapter |
| anything else | a bundle of its own |
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from radiofm_models.vit import TAIL_BLOCKS, Encoder

Part = Literal["embedding", "trunk", "tail"]


class TunedTail(nn.Module):
    """The last two blocks and the norm of `encoder`, and a head on them: tap `trunk` -> output."""

    def __init__(self, encoder: Encoder, head: nn.Module) -> None:
        super().__init__()
        self.blocks, self.norm = encoder.blocks[-TAIL_BLOCKS:], encoder.norm
        self.head = head

    def forward(self, tokens: Tensor) -> Tensor:
        for block in self.blocks:
            tokens = block(tokens)
        return self.head(self.norm(tokens))  # type: ignore[no-any-return]


def changed(base: Encoder, tuned: Encoder) -> set[Part]:
    """The parts of `tuned` that differ from `base`; neither has adapters."""
    first = base.config.depth - TAIL_BLOCKS
    before, after = base.state_dict(), tuned.state_dict()
    found: set[Part] = set()
    for name, value in before.items():
        if torch.equal(value, after[name]):
            continue
        if name.startswith(("patch_embed.", "cls")):
            found.add("embedding")
        elif name.startswith("norm.") or int(name.split(".")[1]) >= first:
            found.add("tail")
        else:
            found.add("trunk")
    return found
