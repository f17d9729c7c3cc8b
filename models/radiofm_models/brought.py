"""The checkpoint that a bundle brings: its encoder, and the decoder that pretrained it, for torch.

    checkpoint/model.safetensors   weights; those that 16 bits hold exactly are stored so
    checkpoint/config.json         sizes, and how the input of each modality is made

With it `radiofm adapt` and `radiofm finetune --encoder` take a bundle wherever it was installed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from radiofm.bundle import BundleManifest, file_record, load_bundle, write_manifest
from radiofm.errors import BundleError, UsageError
from radiofm_models.checkpoint import CONFIG, MODEL
from radiofm_models.material import How
from radiofm_models.msm import MaskedAutoencoder
from radiofm_models.pretrain import config_of

FOLDER = "checkpoint"


def bring(
    bundle: Path, manifest: BundleManifest, model: MaskedAutoencoder, inputs: Mapping[str, How]
) -> BundleManifest:
    """Put `model` and how its inputs are made into the bundle in a folder, and into its manifest.

    Its encoder is to be the one that the bundle's graphs are of.
    """
    state = {name: _narrow(value.detach()) for name, value in model.state_dict().items()}
    files = {
        f"{FOLDER}/{MODEL}": safetensors.torch.save(state),
        f"{FOLDER}/{CONFIG}": f"{json.dumps(config_of(model, inputs), indent=1)}\n".encode(),
    }
    (bundle / FOLDER).mkdir(exist_ok=True)
    for file, data in files.items():
        (bundle / file).write_bytes(data)
    records = {file: file_record(data) for file, data in files.items()}
    manifest = manifest.model_copy(update={"files": manifest.files | records})
    write_manifest(bundle, manifest)
    return manifest


def brings(manifest: BundleManifest) -> bool:
    """Whether a bundle has a checkpoint."""
    return f"{FOLDER}/{MODEL}" in manifest.files


def open_brought(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Config and weights of the bundle in `folder`; UsageError where it brings none."""
    bundle = load_bundle(folder)
    if not brings(bundle.manifest):
        raise UsageError(
            f"bundle {folder} brings no checkpoint: name one that does, or export it with "
            "--checkpoint"
        )
    try:
        config = json.loads(bundle.read(f"{FOLDER}/{CONFIG}"))
        return config, safetensors.torch.load(bundle.read(f"{FOLDER}/{MODEL}"))
    except (ValueError, SafetensorError) as error:
        raise BundleError(f"bundle {folder}: its checkpoint: {error}: fetch it again") from None


def _narrow(value: Tensor) -> Tensor:
    half = value.to(torch.float16)
    return half if torch.equal(half.to(value.dtype), value) else value
