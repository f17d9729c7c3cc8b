"""Low-rank adaptation of query and value: equations 15 and 16 of "6G WavesFM" (2025).

    Q + s Z A_q B_q,  V + s Z A_v B_v;  A [D, R] and B [R, D], 4 D R parameters a block

An adapter file is safetensors: the tensors by their names in the encoder, and the `LoRAConfig` as
JSON in the metadata.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from radiofm_models.checkpoint import CheckpointError
from radiofm_models.vit import Encoder

METADATA = "lora"


class LoRAConfig(BaseModel):
    """Rank R and strength; the scale s is alpha, as in the paper, or alpha / sqrt(R)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank: Annotated[int, Field(gt=0)]
    alpha: float
    rank_stabilised: bool = False  # s = alpha / sqrt(R) (Kalajdzievski 2023)

    @property
    def scale(self) -> float:
        return self.alpha / math.sqrt(self.rank) if self.rank_stabilised else self.alpha


class AdaptedQKV(nn.Module):
    """The query-key-value layer `base` of a block, with adapters that start by changing nothing."""

    def __init__(self, base: nn.Linear, config: LoRAConfig) -> None:
        super().__init__()
        self.base, self.config = base, config
        down, up = (base.in_features, config.rank), (config.rank, base.in_features)
        like, std = base.weight, 1 / math.sqrt(config.rank)
        self.query_a = nn.Parameter(like.new_empty(down).normal_(std=std))
        self.query_b = nn.Parameter(like.new_zeros(up))
        self.value_a = nn.Parameter(like.new_empty(down).normal_(std=std))
        self.value_b = nn.Parameter(like.new_zeros(up))

    def forward(self, x: Tensor) -> Tensor:  # [B, T, D] -> [B, T, 3 D]
        q, k, v = self.base(x).chunk(3, dim=-1)
        q = q + self.config.scale * (x @ self.query_a @ self.query_b)
        v = v + self.config.scale * (x @ self.value_a @ self.value_b)
        return torch.cat([q, k, v], dim=-1)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """One linear layer that computes the same."""
        d = self.base.in_features
        layer = nn.Linear(d, 3 * d).to(self.base.weight)
        layer.load_state_dict(self.base.state_dict())
        layer.weight[:d] += self.config.scale * (self.query_a @ self.query_b).T
        layer.weight[2 * d :] += self.config.scale * (self.value_a @ self.value_b).T
        return layer


def attach(encoder: Encoder, config: LoRAConfig) -> None:
    """Put adapters into every block of `encoder`."""
    for block in encoder.blocks:
        block.qkv = AdaptedQKV(block.qkv, config)  # type: ignore[arg-type]


def merge(encoder: Encoder) -> None:
    """Work the adapters of `encoder` into its weights: it is an ordinary encoder again."""
    for block in encoder.blocks:
        if isinstance(block.qkv, AdaptedQKV):
            block.qkv = block.qkv.merged()


def adapter_of(encoder: Encoder) -> dict[str, Tensor]:
    """The adapters' tensors by name, such as `blocks.0.qkv.query_a`."""
    return {
        name: value for name, value in encoder.state_dict().items() if name.endswith(("_a", "_b"))
    }


def save_adapter(path: Path, encoder: Encoder) -> None:
    """Write the adapters of `encoder`, and nothing else of it, to `path`."""
    config = next(m.config for m in encoder.modules() if isinstance(m, AdaptedQKV))
    save_file(adapter_of(encoder), path, {METADATA: config.model_dump_json()})


def load_adapter(path: Path, encoder: Encoder) -> None:
    """Put the adapters of the file `path` into `encoder`, which has none yet."""
    try:
        with safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get(METADATA, "")
        state = load_file(path)
        config = LoRAConfig.model_validate_json(text)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"adapter {path}: {error}: train it anew") from None
    except ValidationError:
        raise CheckpointError(f"adapter {path}: no adapter's file: train it anew") from None
    with torch.device("meta"):
        probe = Encoder(encoder.config)
        attach(probe, config)
    expected = {name: value.shape for name, value in adapter_of(probe).items()}
    if expected != {name: value.shape for name, value in state.items()}:
        raise CheckpointError(f"adapter {path}: made for an encoder of other sizes: train it anew")
    attach(encoder, config)
    encoder.load_state_dict(state, strict=False)
