"""Fine-tuning modes: what of encoder and head is trained, and how fast each layer.

| mode | of the encoder is trained | source |
|---|---|---|
| strict | nothing | |
| attentive | nothing; the head is an attentive probe | |
| linear | patch embedding, CLS token, norm | the "frozen" encoder of the papers' code |
| last | the last blocks and the norm | WavesFM section IV-B, conventional fine-tuning |
| lora | adapters of query and value | WavesFM equations 15 and 16 |
| full | all | |
| scratch | all, from new weights | the papers' supervised baseline |

Positions are fixed here; the papers' code trains them in every mode: T * D parameters more.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from radiofm.errors import UsageError
from radiofm_models.lora import LoRAConfig, adapter_of, attach
from radiofm_models.probes import Head
from radiofm_models.vit import Encoder

Mode = Literal["strict", "attentive", "linear", "last", "lora", "full", "scratch"]
Part = Literal["tokenizer", "blocks", "norm", "adapter", "head"]

TRAINED: dict[Mode, tuple[Part, ...]] = {
    "strict": ("head",),
    "attentive": ("head",),
    "linear": ("tokenizer", "norm", "head"),
    "last": ("blocks", "norm", "head"),
    "lora": ("adapter", "head"),
    "full": ("tokenizer", "blocks", "norm", "head"),
    "scratch": ("tokenizer", "blocks", "norm", "head"),
}


@dataclass(frozen=True)
class Tuning:
    """An encoder and a head made ready to train, and an optimiser's parameter groups of them.

    A group is {"params", "lr", "lr_scale", "weight_decay"}; a schedule sets lr to its own value
    times lr_scale. `parameters` counts those trained, by part.
    """

    mode: Mode
    encoder: Encoder
    head: Head
    groups: list[dict[str, Any]]
    parameters: dict[Part, int]

    def __str__(self) -> str:
        parts = ", ".join(f"{part} {count:,}" for part, count in self.parameters.items())
        return f"{self.mode}: {sum(self.parameters.values()):,} parameters are trained: {parts}"


def tune(
    encoder: Encoder,
    head: Head,
    mode: Mode,
    lr: float,
    weight_decay: float = 0.05,
    layer_decay: float = 0.75,
    last: int = 2,
    lora: LoRAConfig | None = None,
    tokenizer: bool = False,
) -> Tuning:
    """Set `requires_grad` for `mode` and group what is trained.

    A layer learns at lr * layer_decay^(layers above it), as in BEiT and MAE: head and norm at lr,
    the last block at lr * layer_decay, the patch embedding slowest; from scratch, all at lr.
    Biases, norms and single tokens do not decay. With `tokenizer`, patch embedding, CLS token and
    norm are trained in any mode: as the papers' code does, and as a new patch embedding needs.
    `encoder` is altered in place, except from scratch: go on with the one returned. One that has
    adapters already (`load_adapter`) keeps them in mode lora.
    """
    depth = encoder.config.depth
    if not 1 <= last <= depth:
        raise UsageError(f"last {last}: the encoder has {depth} blocks: name 1 to {depth}")
    if mode == "scratch":
        encoder = Encoder(encoder.config).to(encoder.cls.device)
        layer_decay = 1.0
    if mode == "lora" and not adapter_of(encoder):
        if lora is None:
            raise UsageError("mode lora needs a rank and an alpha")
        attach(encoder, lora)
    trained = {*TRAINED[mode], *(("tokenizer", "norm") if tokenizer else ())}
    first = depth - last if mode == "last" else 0
    adapters = adapter_of(encoder).keys()
    parameters: Counter[Part] = Counter()
    groups: dict[tuple[int, bool], dict[str, Any]] = {}

    def add(part: Part, parameter: nn.Parameter, layer: int) -> None:
        decays = parameter.ndim > 1
        scale = layer_decay ** (depth + 1 - layer)
        group = {
            "params": [], "lr": lr * scale, "lr_scale": scale,
            "weight_decay": weight_decay if decays else 0.0,
        }  # fmt: skip
        groups.setdefault((layer, decays), group)["params"].append(parameter)
        parameters[part] += parameter.numel()

    for name, parameter in encoder.named_parameters():
        part, layer = _place(name, depth)
        if name in adapters:
            part = "adapter"
        parameter.requires_grad_(part in trained and (part != "blocks" or layer > first))
        if parameter.requires_grad:
            add(part, parameter, layer)
    for parameter in head.parameters():
        parameter.requires_grad_(True)
        add("head", parameter, depth + 1)
    return Tuning(mode, encoder, head, list(groups.values()), dict(parameters))


def _place(name: str, depth: int) -> tuple[Part, int]:
    """The part that an encoder's parameter belongs to, and its layer: 0, ..., depth + 1."""
    if name.startswith("blocks."):
        return "blocks", int(name.split(".")[1]) + 1
    return ("norm", depth + 1) if name.startswith("norm.") else ("tokenizer", 0)
