"""`radiofm models convert`: a .pth becomes a safetensors file, and runs no code on the way.

The one place that calls `torch.load`, with `weights_only=True`: torch's own unpickler, which makes
tensors and plain values. Checkpoints of MAE's training scripts hold their arguments, an
`argparse.Namespace`, which is let through by name; nothing else is.
"""

from __future__ import annotations

import argparse
import re
import struct
import warnings
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from radiofm.errors import UsageError
from radiofm_models.checkpoint import CheckpointError

# What torch raises of files that are cut off, altered or of another kind.
_BROKEN = (
    OSError, EOFError, RuntimeError, LookupError, ValueError, TypeError, AttributeError,
    AssertionError, struct.error,
)  # fmt: skip


def convert(file: Path, out: Path) -> int:
    """Write the tensors of `file`, or of its entry `model`, to `out`; their number of elements."""
    if out.exists():
        raise UsageError(f"--out {out} is there already: name another file")
    state = _state(file)
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.detach().clone() for name, value in state.items()}, out)
    return sum(value.numel() for value in state.values())


def _state(file: Path) -> dict[str, Tensor]:
    loaded = _load(file)
    if isinstance(loaded, dict) and isinstance(loaded.get("model"), dict):
        loaded = loaded["model"]
    if not isinstance(loaded, dict) or not loaded:
        raise CheckpointError(f"{file} holds no weights: name a checkpoint or a state dict")
    for name, value in loaded.items():
        whole = isinstance(value, Tensor) and value.layout is torch.strided
        if not isinstance(name, str) or not whole or value.is_quantized:
            raise CheckpointError(f"{file}: {name!r} is no plain tensor: name a state dict")
    return {name: value.contiguous() for name, value in loaded.items()}


def _load(file: Path) -> Any:
    try:
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch about protocols and its own storages
            return torch.load(file, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        reason = _reason(str(error))
        raise CheckpointError(
            f"{file} is refused: {reason}: only files of tensors and plain values are read"
        ) from None
    except _BROKEN as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(
            f"{file} is no checkpoint of torch ({reason}): name another"
        ) from None


def _reason(text: str) -> str:
    """Of torch's long explanation, what the file would load or do."""
    would_load = re.search(r"GLOBAL (\S+)", text)
    if would_load:
        return f"it would load {would_load[1]}"
    return text.partition("WeightsUnpickler error:")[2].strip().partition("\n")[0] or "it is broken"
