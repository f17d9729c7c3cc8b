"""Weights of 16 bits in a file of half the size; graphs compute in 32.

A weight that was rounded to 16 bits loses nothing when it is stored so: what is served is what was
measured. ONNX Runtime widens the weights once, when it loads the graph.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

LEAST = 256  # numbers; smaller ones are not worth an operator


@torch.no_grad()
def round_weights(module: nn.Module) -> None:
    """Round all parameters and buffers of floats in place to what 16 bits hold."""
    for value in (*module.parameters(), *module.buffers()):
        if value.is_floating_point():
            value.copy_(value.half().float())


def halve(model: Any) -> None:
    """Store what 16 bits hold exactly of a graph's constants in 16 bits, widened by a Cast."""
    graph, casts = model.graph, []
    for constant in graph.initializer:
        if constant.data_type != onnx.TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(constant)
        with np.errstate(over="ignore"):
            narrow = values.astype(np.float16)
        if values.size < LEAST or not np.array_equal(narrow.astype(np.float32), values):
            continue
        name = constant.name
        constant.CopyFrom(numpy_helper.from_array(narrow, f"{name}.half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=1))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
