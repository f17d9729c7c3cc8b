"""Encoder graphs that take an adapter's matrices as optional inputs, and adapters for them.

Where a run brings none, the matrices are empty: a product over rank 0 is zero, so that the graph
gives exactly what the encoder gives. The scale of the adapter is worked into its B.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from radiofm.adapter import Matrices
from radiofm.errors import BundleError
from radiofm_models.lora import LoRAConfig, attach
from radiofm_models.vit import Encoder

EXAMPLE_RANK = 2
PARAMETER = re.compile(r".*\b(\d+)\.qkv\.((query|value)_[ab])")


@dataclass(frozen=True)
class TrainedAdapter:
    """An adapter as `lora.adapter_of` gives it. Heads that share one name it alike."""

    name: str
    tensors: Mapping[str, Tensor]  # such as `blocks.0.qkv.query_a`
    config: LoRAConfig

    def on(self, encoder: Encoder) -> Encoder:
        """A copy of `encoder`, which has none, with this adapter."""
        adapted = copy.deepcopy(encoder)
        attach(adapted, self.config)
        adapted.load_state_dict(dict(self.tensors), strict=False)
        return adapted.eval()

    def matrices(self) -> Matrices:
        """What the graphs are given, by the names of their inputs."""
        found: Matrices = {}
        for name, tensor in self.tensors.items():
            scale = self.config.scale if name.endswith("_b") else 1.0
            values = (scale * tensor).detach().cpu().numpy()
            found[name.replace(".qkv.", ".")] = np.ascontiguousarray(values, np.float32)
        return found


class OpenQKV(nn.Module):
    """The query-key-value layer `base` with an adapter's matrices, their scale in B."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base
        down, up = (base.in_features, EXAMPLE_RANK), (EXAMPLE_RANK, base.in_features)
        # Values that differ: the exporter must neither fold nor share them.
        self.query_a, self.query_b = nn.Parameter(torch.randn(down)), nn.Parameter(torch.randn(up))
        self.value_a, self.value_b = nn.Parameter(torch.randn(down)), nn.Parameter(torch.randn(up))

    def forward(self, x: Tensor) -> Tensor:  # [B, T, D] -> [B, T, 3 D]
        q, k, v = self.base(x).chunk(3, dim=-1)
        q = q + x @ self.query_a @ self.query_b
        v = v + x @ self.value_a @ self.value_b
        return torch.cat([q, k, v], dim=-1)


def opened(encoder: Encoder) -> Encoder:
    """A copy of `encoder` whose blocks take an adapter's matrices; only to be exported."""
    copied = copy.deepcopy(encoder)
    with torch.random.fork_rng(devices=[]):  # that nobody else draws other numbers for it
        for block in copied.blocks:
            block.qkv = OpenQKV(block.qkv)  # type: ignore[arg-type]
    return copied.eval()


def open_inputs(model: Any) -> None:
    """Turn the matrices of an exported `opened` encoder into optional, empty inputs, in place."""
    names: dict[str, str] = {}
    for tensor in model.graph.initializer:
        if match := PARAMETER.fullmatch(tensor.name):
            name = names[tensor.name] = f"blocks.{match[1]}.{match[2]}"
            shape: list[Any] = list(tensor.dims)
            shape[1 if name.endswith("a") else 0] = "rank"
            empty = np.zeros([0 if n == "rank" else n for n in shape], np.float32)
            tensor.CopyFrom(numpy_helper.from_array(empty, name))
            model.graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
    used = {name for node in model.graph.node for name in node.input}
    if not set(names.values()) <= used or len(names) % 4:
        raise BundleError("export: the exporter has folded an adapter's matrices away")
