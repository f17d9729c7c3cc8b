"""What embeddings are worth on other blocks: few shots of each class, and no shot at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from radiofm_models.data import Indices
from radiofm_models.metrics import n_shot_accuracy, n_shot_folds
from radiofm_models.protobeam.blocks import Blocks, Material
from radiofm_models.protobeam.episodes import device_of
from radiofm_models.protobeam.inputs import Inputs

Vectors = npt.NDArray[np.floating]
BATCH = 256


@torch.no_grad()
def computed(
    network: Callable[[Tensor], Tensor], inputs: Inputs, count: int, on: nn.Module
) -> npt.NDArray[np.float32]:
    """What `network`, which is part of `on`, makes of `count` items: float32 [count, ...]."""
    on.eval()
    parts = []
    for start in range(0, count, BATCH):
        rows = np.arange(start, min(start + BATCH, count))
        parts.append(network(inputs(rows).to(device_of(on))).cpu().numpy())
    return np.concatenate(parts)


@torch.no_grad()
def settle(network: nn.Module, inputs: Inputs, count: int, seed: int, batches: int = 20) -> None:
    """Give an untrained network's norms the statistics of its inputs: without them it is worse."""
    network.train()
    rng = np.random.default_rng((seed, 3))
    for _ in range(batches):
        network(inputs(rng.choice(count, min(count, 64), replace=False)).to(device_of(network)))


def accuracies(
    embed: Callable[[Blocks], Vectors],
    material: Material,
    shots: Sequence[int],
    normalise_prototypes: bool,
) -> dict[str, float]:
    """`n_shot_accuracy` at each number of shots, of TTSA and TOTA, and its std over folds.

    Shots and queries are of one domain; TOTA's is the mean of the other domains.
    """
    parts = {"TTSA": [material.same], "TOTA": list(material.other.values())}
    figures = {}
    for name, domains in parts.items():
        embeddings = [embed(blocks) for blocks in domains]
        for k in shots:
            found = [
                n_shot_accuracy(vectors, blocks.classes, k, normalise_prototypes)
                for vectors, blocks in zip(embeddings, domains, strict=True)
            ]
            for figure, key in ((f"{name} {k}-shot", "accuracy"), (f"{name} {k}-shot std", "std")):
                figures[figure] = float(np.mean([one[key] for one in found]))
    return figures


def without_shots(classify: Callable[[Blocks], Indices], material: Material) -> dict[str, float]:
    """The share of blocks that a classifier names rightly as it is, of TTSA and TOTA."""

    def right(blocks: Blocks) -> float:
        return float((classify(blocks) == blocks.classes).mean())

    return {
        "TTSA 0-shot": right(material.same),
        "TOTA 0-shot": float(np.mean([right(blocks) for blocks in material.other.values()])),
    }


def most_frequent(material: Material) -> dict[str, float]:
    """Of the class that is most frequent in training, whatever is heard."""
    most = int(np.bincount(material.train.classes).argmax())
    return without_shots(lambda blocks: np.full(len(blocks), most), material)


def angle_errors(
    embeddings: Vectors,
    blocks: Blocks,
    shots: int,
    taught: Indices,
    normalise_prototypes: bool,
) -> dict[str, float]:
    """Mean absolute error of the nearest prototype's angle, degrees: the mean over folds, its std.

    Over all angles; over those of the classes `taught` and over the others, where there are some.
    """
    angles = np.array([float(label) for label in blocks.labels])
    errors: dict[str, list[float]] = {}
    folds = n_shot_folds(embeddings, blocks.classes, shots, normalise_prototypes)
    for rows, given in folds:
        truth = blocks.classes[rows]
        for name, error in _by_kind(np.abs(angles[given] - angles[truth]), truth, taught).items():
            errors.setdefault(name, []).append(error)
    figures = {f"{name} {shots}-shot": float(np.mean(found)) for name, found in errors.items()}
    spread = float(np.std(errors["all"], ddof=1)) if len(errors["all"]) > 1 else 0.0
    return figures | {f"all {shots}-shot std": spread}


def middle_angle(blocks: Blocks, taught: Indices) -> dict[str, float]:
    """The same errors of the middle angle, whatever is heard."""
    angles = np.array([float(label) for label in blocks.labels])
    error = np.abs(angles - np.median(angles))[blocks.classes]
    return {f"{k} 0-shot": v for k, v in _by_kind(error, blocks.classes, taught).items()}


def _by_kind(error: npt.NDArray[np.floating], truth: Indices, taught: Indices) -> dict[str, float]:
    """Means over all angles; over those of the classes `taught` and the others, if there are."""
    known, means = np.isin(truth, taught), {"all": float(error.mean())}
    if known.all():
        return means
    return means | {"taught": float(error[known].mean()), "new": float(error[~known].mean())}


def covariances(blocks: Blocks) -> Vectors:
    """What array processing goes by: the channels' covariance, of trace 1, [n, 2 * channels^2]."""
    channels = blocks.iq[:, 0::2] + 1j * blocks.iq[:, 1::2]
    covariance = np.einsum("ncs,nds->ncd", channels, channels.conj())
    power = np.trace(covariance, axis1=1, axis2=2).real
    flat = covariance.reshape(len(covariance), -1) / np.maximum(power, 1e-30)[:, None]
    return np.concatenate([flat.real, flat.imag], axis=1)
