"""Heads of fine-tuned encoders: what fine-tuning has changed, and how that is served.

| changed | served as |
|---|---|
| the last two blocks, the norm | the head's own tail, with it in one graph on tap `trunk` |
| patch embedding, CLS token | a modality of its own: an `embeds` graph of its own |
| query and value (LoRA) | an adapter |
| anything else | a bundle of its own |
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn

from radiofm.errors import BundleError
from radiofm_models.adaptable import TrainedAdapter
from radiofm_models.export import Modality, TrainedHead
from radiofm_models.lora import AdaptedQKV, adapter_of, merge
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
    """The parts of `tuned` that differ from `base`, adapters apart."""
    first = base.config.depth - TAIL_BLOCKS
    after = {name.replace(".base.", "."): value for name, value in tuned.state_dict().items()}
    found: set[Part] = set()
    for name, value in base.state_dict().items():
        if torch.equal(value, after[name]):
            continue
        if name.startswith(("patch_embed.", "cls", "film.")):
            found.add("embedding")
        elif name.startswith("norm.") or int(name.split(".")[1]) >= first:
            found.add("tail")
        else:
            found.add("trunk")
    return found


def placed(
    base: Encoder, tuned: Encoder, head: TrainedHead, modality: Modality
) -> tuple[TrainedHead, dict[str, Modality]]:
    """How `head`, trained on the encoder `tuned`, is served beside others on `base`; and the
    modality that it needs besides `modality`, which it was trained on, by its name.

    Raises BundleError where so much was changed that it needs a bundle of its own.
    """
    parts = changed(base, tuned)
    if "trunk" in parts:
        raise BundleError(
            f"head {head.name}: fine-tuning changed the encoder's first blocks: export it in a "
            "bundle of its own"
        )
    if tensors := adapter_of(tuned):
        config = next(m.config for m in tuned.modules() if isinstance(m, AdaptedQKV))
        head = replace(head, adapter=TrainedAdapter(head.name, tensors, config))
    if "tail" in parts and head.tap == "tokens":
        merged = copy.deepcopy(tuned)
        merge(merged)
        head = replace(head, tap="trunk", module=TunedTail(merged, head.module))
    if "embedding" not in parts:
        return head, {}
    name = f"{head.modality}-{head.name}"
    own = replace(modality, encoder=tuned, slices=modality.slices or head.modality)
    return replace(head, modality=name), {name: own}
