"""The encoder that a fine-tuning run begins with, from a pretraining run's folder or untrained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import nn

from radiofm.bundle import MANIFEST
from radiofm.errors import UsageError
from radiofm_models.brought import FOLDER, open_brought
from radiofm_models.checkpoint import (
    CONFIG,
    EMA,
    MODEL,
    CheckpointError,
    latest_checkpoint,
    load_weights,
    put_weights,
    read_json,
)
from radiofm_models.material import How
from radiofm_models.modalities import encoder_of, with_channels
from radiofm_models.msm import MaskedAutoencoder
from radiofm_models.vit import Encoder, ViTConfig

_INPUTS: TypeAdapter[dict[str, How]] = TypeAdapter(dict[str, How])


@dataclass(frozen=True)
class Pretrained:
    """A masked autoencoder and how the input of each of its modalities is made."""

    source: str
    model: MaskedAutoencoder
    inputs: dict[str, How]

    def encoder(self, modality: str, channels: int) -> tuple[Encoder, bool]:
        """A copy of the encoder for slices of `channels`, and whether it has yet to learn them.

        One that never saw the modality, or with other channels, gets a new patch embedding, as in
        the papers; that of an untrained one, as new, is not to be learnt either.
        """
        encoder, known = self.model.encoder, self.model.config.channels
        if isinstance(known, dict) and known.get(modality) == channels:
            return encoder_of(encoder, modality), False
        new = with_channels(encoder, channels)
        if known == channels and (modality in self.inputs or not self.inputs):
            new.load_state_dict(encoder.state_dict())
            return new, False
        return new, bool(self.inputs)


def load_pretrained(folder: Path) -> Pretrained:
    """The newest checkpoint of a run, or the checkpoint, at `folder`, or the one that a bundle
    there brings; its average if it kept one.

    Raises UsageError where there is none, CheckpointError or BundleError where it is broken.
    """
    if (folder / MANIFEST).is_file():
        config, state = open_brought(folder)
        sizes, inputs = _read_config(config, folder)
        model = MaskedAutoencoder(sizes)
        put_weights(state, model, folder)
        return Pretrained(str(folder), model.eval(), inputs)
    found = latest_checkpoint(folder) or folder
    if not (found / CONFIG).is_file():
        raise UsageError(
            f"encoder {folder} is no folder of a pretraining run or checkpoint: name one, or random"
        )
    config = read_json(found / CONFIG)
    if "task" in config:
        raise UsageError(f"encoder {folder} is a fine-tuned head's: name what it began with")
    if "convlstm" in config:
        raise CheckpointError(f"checkpoint {found} is a ConvLSTM: name one of a ViT")
    sizes, inputs = _read_config(config, found)
    model = MaskedAutoencoder(sizes)
    of: nn.Module = model
    if not config.get("imported", {}).get("decoder", True):
        of = nn.ModuleDict({"encoder": model.encoder})  # the authors' fine-tuned: no decoder
    load_weights(found, of, EMA if (found / EMA).exists() else MODEL)
    return Pretrained(str(folder), model.eval(), inputs)


def _read_config(config: Mapping[str, Any], folder: Path) -> tuple[ViTConfig, dict[str, How]]:
    try:
        return ViTConfig.model_validate(config["vit"]), _INPUTS.validate_python(config["inputs"])
    except (LookupError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"checkpoint {folder}: {CONFIG}: {reason}: train it anew") from None


def weights_file(folder: Path) -> Path:
    """The file of the weights that `load_pretrained` takes."""
    if (folder / MANIFEST).is_file():
        return folder / FOLDER / MODEL
    found = latest_checkpoint(folder) or folder
    return found / (EMA if (found / EMA).exists() else MODEL)


def untrained(config: ViTConfig, seed: int) -> Pretrained:
    """The same from random weights: what a frozen encoder is worth that has learnt nothing."""
    torch.manual_seed(seed)
    return Pretrained("random", MaskedAutoencoder(config).eval(), {})
