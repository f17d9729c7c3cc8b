"""Weights under other names: where each belongs, in which order, and what does not fit.

The blocks are timm's (`norm1`, `attn.qkv`, `attn.proj`, `norm2`, `mlp.fc1`, `mlp.fc2`), as in
facebookresearch/mae and all that came of it. Three things differ from ours:

- a patch is embedded by a convolution [D, C, p, p], which is our matrix with its columns folded;
- pixels are predicted in the order p, p, C; ours are in C, p, p;
- the position table's first half encodes the column (time), ours the row (frequency). Positions are
  computed here, so the two halves of the residual stream change places instead, in every weight
  that reads or writes it. Tokens come out with their halves exchanged, and nothing else changes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from radiofm_models.checkpoint import CheckpointError
from radiofm_models.vit import positions

Weights = Mapping[str, Tensor]
Order = Tensor | None  # of rows or columns, int64; None: as they are

POSITION_TOLERANCE = 1e-4  # their tables are computed in float32


class Weight(NamedTuple):
    """A tensor of theirs, its name in ours, and the order that its rows and columns are put in."""

    theirs: str
    ours: str
    rows: Order = None
    columns: Order = None


def layer(theirs: str, ours: str, rows: Order = None, columns: Order = None) -> list[Weight]:
    """Weight and bias of one layer, whose outputs are `rows` and whose inputs are `columns`."""
    return [
        Weight(f"{theirs}.weight", f"{ours}.weight", rows, columns),
        Weight(f"{theirs}.bias", f"{ours}.bias", rows),
    ]


def block(theirs: str, ours: str, stream: Order) -> list[Weight]:
    """A transformer block of timm's; `stream` is the order of the residual stream's features."""
    return [
        *layer(f"{theirs}.norm1", f"{ours}.norm1", rows=stream),
        *layer(f"{theirs}.attn.qkv", f"{ours}.qkv", columns=stream),
        *layer(f"{theirs}.attn.proj", f"{ours}.proj", rows=stream),
        *layer(f"{theirs}.norm2", f"{ours}.norm2", rows=stream),
        *layer(f"{theirs}.mlp.fc1", f"{ours}.fc1", columns=stream),
        *layer(f"{theirs}.mlp.fc2", f"{ours}.fc2", rows=stream),
    ]


def halves(dim: int) -> Tensor:
    """The order int64 [dim] that exchanges the halves of a width."""
    return torch.arange(dim).roll(dim // 2)


def pixels(channels: int, patch: int) -> Tensor:
    """Where each pixel of our patches, in the order C, p, p, is in theirs: int64 [C * p * p]."""
    theirs = torch.arange(patch * patch * channels).reshape(patch, patch, channels)
    return theirs.permute(2, 0, 1).flatten()


def stream_order(name: str, table: Tensor) -> Order:
    """The order that makes the position table [1, 1 + M, D] of a square grid ours.

    CheckpointError where it is neither MAE's table nor ours: such positions were trained.
    """
    side = math.isqrt(max(0, table.shape[1] - 1)) if table.ndim == 3 and len(table) == 1 else 0
    if side and side**2 == table.shape[1] - 1 and table.shape[2] % 4 == 0:
        ours = positions((side, side), table.shape[2])
        for order in (halves(table.shape[2]), None):
            theirs = table[0] if order is None else table[0][:, order]
            if torch.allclose(theirs, ours, rtol=0, atol=POSITION_TOLERANCE):
                return order
    raise CheckpointError(
        f"{name} {list(table.shape)} is not the fixed sine-cosine table of a square grid: "
        "weights with trained positions cannot be imported"
    )


def read_weights(file: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file as float32; CheckpointError where one is not a number."""
    try:
        weights = load_file(file)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{file} is no safetensors file ({error}): `radiofm models convert` makes one of a .pth"
        ) from None
    for name, value in weights.items():
        if not value.is_floating_point() or not value.numel() or not value.isfinite().all():
            raise CheckpointError(f"{file}: {name} is not of finite floating-point numbers")
    return {name: value.float() for name, value in weights.items()}


def named(weights: Weights, name: str, dimensions: int) -> Tensor:
    """The tensor `name`, which sizes are read from, or a CheckpointError."""
    if name not in weights:
        raise CheckpointError(f"{name} is missing: --from names another layout than the file's")
    if weights[name].ndim != dimensions:
        shape = list(weights[name].shape)
        raise CheckpointError(f"{name} {shape} should have {dimensions} dimensions")
    return weights[name]


def count_blocks(weights: Weights, prefix: str) -> int:
    """How many blocks there are under `prefix`."""
    return len({n[len(prefix) :].split(".")[0] for n in weights if n.startswith(prefix)})


def renamed(
    weights: Weights, layout: Iterable[Weight], model: nn.Module, left_out: Iterable[str] = ()
) -> dict[str, Tensor]:
    """Their `weights` under our names, in our order, for `model`, which may be on device meta.

    CheckpointError names what is missing, has another shape, or has no place in `layout` and is not
    among `left_out`.
    """
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    layout = list(layout)
    missing = [w.theirs for w in layout if w.theirs not in weights]
    if missing:
        raise CheckpointError(f"{_list(missing)} missing: the file is not whole")
    extra = sorted(weights.keys() - {w.theirs for w in layout} - set(left_out))
    if extra:
        raise CheckpointError(f"{_list(extra)} left over: the file is of another model")
    state = {}
    for theirs, ours, rows, columns in layout:
        value, shape = weights[theirs], shapes[ours]
        flat = value.flatten() if len(shape) == 1 else value.flatten(min(1, value.ndim - 1))
        if flat.shape != shape:
            raise CheckpointError(
                f"{theirs} {list(value.shape)} does not fit {list(shape)}: "
                "the file is of another model"
            )
        if rows is not None:
            flat = flat[rows]
        if columns is not None:
            flat = flat[:, columns]
        state[ours] = flat.contiguous()
    return state


def _list(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more} {'is' if len(names) == 1 else 'are'}"
