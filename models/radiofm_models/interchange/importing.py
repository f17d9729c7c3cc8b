"""`radiofm models import`: released weights -> a checkpoint of ours.

The checkpoint is `model.safetensors` and `config.json`: {"vit", "inputs", "imported"}, the first
two as pretraining writes them. Names are those of a `MaskedAutoencoder`; where the file has no
decoder, only those that begin with `encoder.`
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file
from torch import nn

from radiofm.errors import UsageError
from radiofm.spectrogram import SpectrogramSpec
from radiofm_models.checkpoint import CONFIG, MODEL, CheckpointError
from radiofm_models.datasets.scaling import PRESETS as SCALINGS
from radiofm_models.interchange import mae, wavesfm
from radiofm_models.interchange.naming import read_weights, renamed
from radiofm_models.material import How
from radiofm_models.msm import MaskedAutoencoder
from radiofm_models.vit import Encoder, ViTConfig

Source = Literal["mae", "wavesfm"]
TERMS: dict[Source, str] = {
    "mae": "AhmedTarek62/mae, CC BY-NC 4.0",
    "wavesfm": "AhmedTarek62/wavesfm v1, without a licence: all rights reserved",
}


@dataclass(frozen=True)
class Imported:
    """What an import made."""

    folder: Path
    config: ViTConfig
    decoder: bool
    parameters: int
    left_out: tuple[str, ...]  # names of the file that have no place here


def import_weights(
    file: Path,
    source: Source,
    folder: Path,
    spec: SpectrogramSpec,
    heads: int | None = None,
    decoder_heads: int | None = None,
    norm_eps: float = 1e-5,
) -> Imported:
    """The weights of the safetensors `file`, in the layout of `source`, as the checkpoint `folder`.

    `spec` is that of the spectrograms they were trained on; `norm_eps` is of the blocks' norms,
    which no file tells: the authors' code pretrains with timm's default. CheckpointError where a
    name or a shape does not fit, UsageError where `folder` is taken or the number of heads is not
    known.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"--out {folder} is there already: name another folder")
    weights = read_weights(file)
    try:
        if source == "mae":
            config = mae.config_of(weights, heads, decoder_heads)
            layout, left_out = mae.layout_of(weights, config), list(mae.LEFT_OUT)
        else:
            weights = wavesfm.adapted(weights)
            config = wavesfm.config_of(weights, heads, decoder_heads)
            layout, left_out = wavesfm.layout_of(weights, config), wavesfm.left_out(weights)
        config = config.model_copy(update={"norm_eps": norm_eps})
        if config.dim % config.heads or config.decoder_dim % config.decoder_heads:
            raise UsageError(
                f"heads: {config.heads} and {config.decoder_heads} of the decoder do not divide "
                f"widths of {config.dim} and {config.decoder_dim}: give --heads, --decoder-heads"
            )
        decoder = source == "mae" or wavesfm.has_decoder(weights)
        state = renamed(weights, layout, _model(config, decoder), left_out)
    except CheckpointError as error:
        raise CheckpointError(f"{file}: {error}") from None
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    record = {"file": file.name, "sha256": digest, "terms": TERMS[source], "decoder": decoder}
    config_json = {
        "vit": config.model_dump(),
        "inputs": _inputs(config, source, spec),
        "imported": {"from": source, **record},
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_file(state, folder / MODEL)
    (folder / CONFIG).write_text(json.dumps(config_json, indent=1) + "\n", "utf-8")
    parameters = sum(value.numel() for value in state.values())
    return Imported(folder, config, decoder, parameters, tuple(sorted(left_out)))


def _inputs(config: ViTConfig, source: Source, spec: SpectrogramSpec) -> dict[str, Any]:
    """How each modality's input was made, where that is known: in pretraining, as released."""
    known: dict[str, How] = {"spectrogram": spec}
    if source == "mae":
        known |= {"wifi-csi": SCALINGS["ntu-fi-humanid"], "5g-csi": SCALINGS["5g-cfr"]}
    counts = config.channels
    names = [mae.modality_of(counts)] if isinstance(counts, int) else list(counts)
    return {name: known[name].model_dump(mode="json") for name in names if name in known}


def _model(config: ViTConfig, decoder: bool) -> nn.Module:
    with torch.device("meta"):
        if decoder:
            return MaskedAutoencoder(config)
        return nn.ModuleDict({"encoder": Encoder(config)})
