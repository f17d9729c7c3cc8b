"""Runs of `radiofm finetune --task beams|aoa`, opened again: heads on blocks of IQ for a bundle."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from radiofm.errors import UsageError
from radiofm.spectrogram import SpectrogramSpec
from radiofm_models.calibration import temperature
from radiofm_models.checkpoint import CheckpointError, latest_checkpoint, load_weights, read_json
from radiofm_models.export import TrainedHead
from radiofm_models.finetune_run import RANDOM, RUN, weights_hash
from radiofm_models.finished import Finished, spread
from radiofm_models.protobeam.embeddings import DENSENET, PROTOTYPES, FewShotRecipe, shared
from radiofm_models.protobeam.encoder import MODALITY, begin
from radiofm_models.protobeam.evaluation import computed
from radiofm_models.protobeam.inputs import ImageInputs
from radiofm_models.protobeam.pictures import pictures
from radiofm_models.protobeam.sources import open_angles, open_beams
from radiofm_models.prototypes import PrototypeHead
from radiofm_models.recipe import recipe_of

BLOCKS = "iq-block"  # the modality
NEEDED = ("task", "data", "encoder", "encoder_sha256", "preset", "recipe", "blocks", "parameters",
          "prototypes", "test")  # fmt: skip
OF_ENCODERS = ("spec", "patch", "samples")


def open_blocks(folder: Path) -> Finished:
    """The run in `folder`: its head answers as the nearest of its prototypes does, and its
    temperature is that of blocks which were not trained on, of the domains that were.

    Raises UsageError for ProtoBeam's own network, CheckpointError where the run is not as it was.
    """
    about = read_json(folder / RUN, NEEDED)
    if about["encoder"] == DENSENET:
        raise UsageError(
            f"{folder} is of {DENSENET}, which shares no encoder with other heads: finetune "
            f"--task {about['task']} --mode strict on an encoder, and export that"
        )
    about = read_json(folder / RUN, OF_ENCODERS) | {"split": about["blocks"]}
    encoder, recipe = str(about["encoder"]), recipe_of(FewShotRecipe, about["recipe"])
    if weights_hash(encoder) != about["encoder_sha256"]:
        raise CheckpointError(f"checkpoint {folder}: {encoder} has other weights now: train anew")
    network, _ = shared(encoder, recipe)
    if recipe.trains:
        found = latest_checkpoint(folder)
        if found is None:
            raise CheckpointError(f"checkpoint {folder}: its weights are gone: train it anew")
        load_weights(found, network)
    spec = SpectrogramSpec.model_validate(about["spec"])
    source = open_beams if about["task"] == "beams" else open_angles
    material = source(about["data"], recipe.seed)
    blocks = material.same
    rows = spread(len(blocks))
    images = pictures(blocks.iq[rows], spec)
    labels = tuple(about["prototypes"])
    classes = np.array([labels.index(blocks.labels[c]) for c in blocks.classes[rows]])
    head = PrototypeHead(load_file(folder / PROTOTYPES)["prototypes"], "avg").eval()
    answer = torch.nn.Sequential(network.encoder, head)
    logits = computed(answer, ImageInputs(images), len(rows), answer)
    calibration = {"temperature": temperature(logits, classes)}
    return Finished(
        about,
        partial(begin, recipe.preset, None if encoder == RANDOM else Path(encoder), recipe.seed),
        MODALITY,
        network.encoder.eval(),
        TrainedHead(
            folder.name, "classification", "tokens", head, labels, calibration, modality=BLOCKS
        ),
        spec,
        len(rows),
        lambda part: images[part],
        lambda outputs: float((outputs.argmax(axis=1) == classes).mean()),
        about["samples"],
    )
