"""Checkpoints: a folder of safetensors and JSON, never pickle.

model.safetensors      weights
ema.safetensors        their exponential moving average, where one is kept
optimizer.safetensors  AdamW's moments and step counts, named <parameter>/<state>
config.json            what the model is: sizes, how its input is made
trainer.json           step, recipe and history; written last, so a folder with it is whole
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from radiofm.errors import RadiofmError
from radiofm_models.world import like, whole

CONFIG, TRAINER = "config.json", "trainer.json"
MODEL, EMA, OPTIMIZER = "model.safetensors", "ema.safetensors", "optimizer.safetensors"


class CheckpointError(RadiofmError):
    """A checkpoint that cannot be read or does not fit the model."""


def trained_state(model: nn.Module) -> dict[str, Tensor]:
    """What training changes in `model`, by name: parameters with gradient, and all buffers."""
    fixed = {name for name, p in model.named_parameters() if not p.requires_grad}
    return {name: value for name, value in model.state_dict().items() if name not in fixed}


def save_weights(folder: Path, model: nn.Module) -> None:
    """Write what is trained of `model`, which is not sharded, to `folder`/model.safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(trained_state(model), folder / MODEL)


def load_weights(folder: Path, model: nn.Module, file: str = MODEL) -> None:
    """Weights from `folder` into what is trained of `model`; every name and shape must agree."""
    put_weights(_read(folder / file), model, folder)


def put_weights(state: Mapping[str, Tensor], model: nn.Module, folder: Path) -> None:
    """The same with those that were read from `folder`."""
    expected = trained_state(model)
    wrong = [
        name
        for name in sorted(state.keys() | expected.keys())
        if name not in state or name not in expected or state[name].shape != expected[name].shape
    ]
    if wrong:
        raise CheckpointError(f"checkpoint {folder}: {wrong[0]} does not fit: train it anew")
    model.load_state_dict(state, strict=False)


class Checkpoint:
    """Saves and loads what is trained of a model, its optimiser and its moving average."""

    def __init__(self, model: nn.Module, ema: float | None = None) -> None:
        self._model, self._decay = model, ema
        self._ema: dict[str, Tensor] = {}
        if ema is not None:
            self._ema = {n: v.detach().clone() for n, v in trained_state(model).items()}

    @torch.no_grad()
    def follow(self) -> None:
        """Let the average follow the weights by one step."""
        if self._decay is None:
            return
        for name, value in trained_state(self._model).items():
            now = whole(value)
            if now.is_floating_point():
                self._ema[name].lerp_(now, 1 - self._decay)

    def save(
        self,
        folder: Path,
        optimizer: torch.optim.Optimizer,
        config: dict[str, Any],
        trainer: dict[str, Any],
        write: bool = True,
    ) -> None:
        """Write `folder/step-<step>` and remove older ones; `trainer` holds `step`.

        Of processes that train together all call it, and one writes.
        """
        target = folder / f"step-{trainer['step']:07d}"
        weights = {name: whole(value) for name, value in trained_state(self._model).items()}
        state = {
            f"{name}/{key}": whole(value)
            for name, parameter in self._model.named_parameters()
            for key, value in optimizer.state.get(parameter, {}).items()
        }
        if not write:
            return
        target.mkdir(parents=True, exist_ok=True)
        _write(weights, target / MODEL)
        _write(state, target / OPTIMIZER)
        if self._ema:
            _write(self._ema, target / EMA)
        (target / CONFIG).write_text(json.dumps(config, indent=1) + "\n", "utf-8")
        (target / TRAINER).write_text(json.dumps(trainer, indent=1) + "\n", "utf-8")
        for older in folder.glob("step-*"):
            if older != target:
                shutil.rmtree(older)

    def load_weights(self, folder: Path) -> None:
        """The weights, and their average, of the checkpoint `folder`."""
        load_weights(folder, self._model)
        if self._ema:
            average = _read(folder / EMA)
            for name, value in self._ema.items():
                value.copy_(average[name])

    def load_optimizer(self, folder: Path, optimizer: torch.optim.Optimizer) -> None:
        """The optimiser's state of the checkpoint `folder`."""
        parameters = dict(self._model.named_parameters())
        for name, value in _read(folder / OPTIMIZER).items():
            parameter, key = name.rsplit("/", 1)
            of = parameters[parameter]
            optimizer.state[of][key] = like(value, of)


def latest_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint under `folder`, if there is one."""
    whole = [path.parent for path in folder.glob(f"step-*/{TRAINER}")]
    return max(whole, default=None)


def read_json(path: Path, needed: Sequence[str] = ()) -> dict[str, Any]:
    """A JSON object from `path` that has what is `needed`, or CheckpointError."""
    try:
        value: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if not isinstance(value, dict):
            raise ValueError("no JSON object")
    except (OSError, ValueError) as error:
        raise CheckpointError(f"checkpoint {path}: {error}: train it anew") from None
    for key in needed:
        if key not in value:
            raise CheckpointError(f"checkpoint {path} has no {key}: train it anew")
    return value


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"checkpoint {path}: {error}: train it anew") from None


def _write(state: dict[str, Tensor], path: Path) -> None:
    """Under another name until it is whole."""
    part = path.with_suffix(".part")
    save_file({name: value.contiguous() for name, value in state.items()}, part)
    part.replace(path)
