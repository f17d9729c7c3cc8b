"""Checkpoints: a folder of safetensors and JSON, never pickle.

model.safetensors      weights
optimizer.safetensors  AdamW's moments and step counts, named <parameter>/<state>
config.json            the model's sizes and the spectrogram spec
trainer.json           step, recipe and history; written last, so a folder with it is whole
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from radiofm.errors import RadiofmError

CONFIG, TRAINER = "config.json", "trainer.json"


class CheckpointError(RadiofmError):
    """A checkpoint that cannot be read or does not fit the model."""


def save_checkpoint(
    folder: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    config: dict[str, Any],
    trainer: dict[str, Any],
) -> None:
    """Write `folder/step-<step>` and remove older ones; `trainer` holds `step`."""
    target = folder / f"step-{trainer['step']:07d}"
    target.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), target / "model.safetensors")
    state = {
        f"{name}/{key}": value
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state[parameter].items()
    }
    save_file(state, target / "optimizer.safetensors")
    (target / CONFIG).write_text(json.dumps(config, indent=1) + "\n", "utf-8")
    (target / TRAINER).write_text(json.dumps(trainer, indent=1) + "\n", "utf-8")
    for older in folder.glob("step-*"):
        if older != target:
            shutil.rmtree(older)


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint under `folder`, if there is one."""
    whole = [path.parent for path in folder.glob(f"step-*/{TRAINER}")]
    return max(whole, default=None)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from `path`, or CheckpointError."""
    try:
        value: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"checkpoint {path}: {error}: train it anew") from None
    return value


def load_weights(path: Path, model: nn.Module) -> None:
    """Weights of the checkpoint folder `path` into `model`; every name and shape must agree."""
    try:
        model.load_state_dict(load_file(path / "model.safetensors"))
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"checkpoint {path}: {reason}: train it anew") from None


def load_optimizer(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """The optimiser's state of the checkpoint folder `path`."""
    try:
        state = load_file(path / "optimizer.safetensors")
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"checkpoint {path}: {error}: train it anew") from None
    parameters = dict(model.named_parameters())
    for name, value in state.items():
        parameter, key = name.rsplit("/", 1)
        optimizer.state[parameters[parameter]][key] = value
