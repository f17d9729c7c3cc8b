"""Slices of noise with a tone or without, and an encoder of a few thousand parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from radiofm.slice_set import SliceRecord, SliceSetInfo, write_slice_set
from radiofm.spectrogram import SpectrogramSpec
from radiofm_models.data import Split
from radiofm_models.datasets.dataset import Array, Dataset, Label
from radiofm_models.material import Material
from radiofm_models.recipe import TuneRecipe
from radiofm_models.vit import ViTConfig

SPEC = SpectrogramSpec(height=32, width=48)
LABELS = ("noise", "tone")
VIT = ViTConfig(dim=16, depth=3, heads=2, decoder_dim=8, decoder_depth=1, decoder_heads=2)


def slice_set(folder: Path, count: int = 60) -> Path:
    """Two slices a group; each second one has a tone, and is masked there."""
    rng = np.random.default_rng(0)
    items = []
    for at in range(count):
        image = rng.normal(-90, 3, (32, 48)).astype(np.float32)
        mask = np.zeros((32, 48), np.uint8)
        if at % 2:
            row = 4 + 7 * (at // 2 % 4)
            image[row : row + 3] += 40
            mask[row : row + 3] = 1
        record = SliceRecord(label=LABELS[at % 2], group=at // 2, sample_rate_hz=5e6)
        items.append((image, mask, record))
    info = SliceSetInfo(spec=SPEC, labels=LABELS, count=count, provenance={"command": "test"})
    write_slice_set(folder, info, items)
    return folder


class Numbers(Dataset):
    """Images of `channels` channels whose mean is their label, and whose reads are counted."""

    name, axes, target = "numbers", "channel, height, width", "the mean"

    def __init__(self, path: Path, channels: int = 3, count: int = 20) -> None:
        self.path, self.files, self._count = path, [], count
        self._channels, self.reads = channels, 0

    def __len__(self) -> int:
        return self._count

    def item(self, index: int) -> tuple[Array, Label]:
        self.reads += 1
        rng = np.random.default_rng(index)
        values = rng.normal(index, 1, (self._channels, 8, 12)).astype(np.float32)
        return values, np.array([index], np.float32)


class Wrong(Numbers):
    """One whose item 3 is `what` instead."""

    def __init__(self, path: Path, what: Any) -> None:
        super().__init__(path)
        self._what = what

    def item(self, index: int) -> tuple[Array, Label]:
        return (self._what if index == 3 else super().item(index)[0]), None


def material(
    targets: Any,
    labels: tuple[str, ...] = (),
    classified: bool = False,
    snr_db: Any = None,
    size: tuple[int, int] = (32, 48),
    channels: int = 1,
) -> Material:
    """Random slices of these labels: all but the last four are for training, two for each else."""
    truth = np.asarray(targets)
    data = Numbers(Path("tiny"), channels, len(truth))
    data.labels = labels
    data.classes = truth if classified else None
    data.snr_db = None if snr_db is None else np.asarray(snr_db, np.float32)
    rows = np.arange(len(truth))
    split = Split(rows[:-4], rows[-4:-2], rows[-2:])
    values = np.random.default_rng(0).normal(0, 1, (len(truth), channels, *size))
    spec = SPEC.model_copy(update={"range_db": (0.0, 1.0), "mean": 0.0, "std": 1.0})
    return Material("tiny", data, split, spec, values.astype(np.float32), truth)


def recipe(**settings: Any) -> TuneRecipe:
    return TuneRecipe.model_validate({"steps": 6, "batch": 4, "lr": 1e-2} | settings)
