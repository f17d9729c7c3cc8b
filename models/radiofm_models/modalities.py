"""Several modalities on one trunk: each has a patch embedding and a prediction of its own.

    config = PRESETS["small"].model_copy(update={"channels": MODALITIES})
    model = MaskedAutoencoder(config)
    turn = turn_of(step, {name: len(images[name]) for name in images}, batch, seed)
    loss = model.loss(images[turn.name][turn.rows], noise, mask_ratio, turn.name)

"6G WavesFM" (Aboulfotouh et al., 2025), section III-A: sets of very different sizes are to perform
alike. Here they take turns, a batch each, so that each weighs the same: one of 476 samples is gone
through seven times while one of 3,332 is gone through once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from radiofm.errors import UsageError
from radiofm_models.data import Indices
from radiofm_models.vit import Encoder

# Channels of the papers' modalities. 5G CSI: one a base station, 4 outdoors and 5 indoors.
MODALITIES = {"spectrogram": 1, "wifi-csi": 3, "5g-csi": 4, "iq-grid": 2}


class Turn(NamedTuple):
    """What one training step is made of."""

    name: str  # of the set
    rows: Indices  # [batch], of that set


def turn_of(step: int, sizes: Mapping[str, int], batch: int, seed: int) -> Turn:
    """Step `step` of a balanced round through the sets of `sizes` (slices of each set).

    Each set has its own epochs, each a fresh permutation without its last incomplete batch. All
    depends on the arguments only: a resumed run is the run that was never stopped.
    """
    number, name = step % len(sizes), list(sizes)[step % len(sizes)]
    per_epoch = sizes[name] // batch
    if not per_epoch:
        raise UsageError(f"batch {batch}: {name} has {sizes[name]} slices: lower it")
    epoch, place = divmod(step // len(sizes), per_epoch)
    order = np.random.default_rng((seed, number, epoch)).permutation(sizes[name])
    return Turn(name, order[place * batch :][:batch])


def encoder_of(encoder: Encoder, modality: str) -> Encoder:
    """A copy for one modality alone, whose slices it takes without their modality's name."""
    channels = encoder.config.channels
    if isinstance(channels, int) or modality not in channels:
        raise UsageError(f"modality {modality!r}: this encoder's channels are {channels}")
    new = _like(encoder, channels[modality])
    new.load_state_dict(
        {
            name.replace(f"patch_embed.{modality}.", "patch_embed."): value
            for name, value in encoder.state_dict().items()
            if not name.startswith("patch_embed.") or name.startswith(f"patch_embed.{modality}.")
        }
    )
    return new


def with_channels(encoder: Encoder, channels: int) -> Encoder:
    """A copy with a new, untrained patch embedding for `channels`.

    How the papers give Wi-Fi CSI (3 channels) to an encoder of spectrograms (1).
    """
    new = _like(encoder, channels)
    state = {k: v for k, v in encoder.state_dict().items() if not k.startswith("patch_embed.")}
    new.load_state_dict(state, strict=False)
    return new


def _like(encoder: Encoder, channels: int) -> Encoder:
    return Encoder(encoder.config.model_copy(update={"channels": channels}))
