"""What a trainer sees of a data set: standardised images, their labels, and a stored split.

    material = open_material("ntu-fi-har:/data/NTU-Fi_HAR", cache=folder)
    batch = material.images(material.split.train[:16])      # float32 [16, 3, 224, 224]

Items that do not lie on disk as arrays are read once, into one: no step waits for the set's format.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm.corpus.spec import same_decibels
from radiofm.corpus.statistics import Statistics
from radiofm.errors import RecordingError, UsageError
from radiofm.spectrogram import Image, SpectrogramSpec
from radiofm_models.data import CHUNK, Indices, Split
from radiofm_models.datasets.dataset import Array, Dataset
from radiofm_models.datasets.opening import open_source
from radiofm_models.datasets.scaling import Scaling, measure, resized
from radiofm_models.progress import tracked
from radiofm_models.splits import StoredSplit, make_split

MODALITY_OF = {3: "wifi-csi", 4: "5g-csi", 5: "5g-csi", 2: "iq-grid", 1: "spectrogram"}
SIZE = (224, 224)  # the papers'

How = SpectrogramSpec | Scaling  # how values become the encoder's input


@dataclass(frozen=True)
class Material:
    """A data set, ready to train on."""

    source: str  # as it was named
    dataset: Dataset
    split: Split
    scaling: How
    values: Array  # [n, C, H, W] as `scaling` takes them, mapped from disk
    targets: npt.NDArray[Any] | None  # [n, ...]; None where items have no labels

    def __len__(self) -> int:
        return len(self.values)

    @property
    def channels(self) -> int:
        return int(self.values.shape[1])

    @property
    def size(self) -> tuple[int, int]:
        return int(self.values.shape[2]), int(self.values.shape[3])

    @property
    def modality(self) -> str:
        """Named by what is known of its channels."""
        return MODALITY_OF.get(self.channels, f"{self.channels}-channels")

    def images(self, rows: Indices | slice) -> Image:
        """The encoder's input float32 [rows, C, H, W]; what is served is computed so, too."""
        if isinstance(self.scaling, SpectrogramSpec):
            return self.scaling.standardise(np.asarray(self.values[rows]))
        return self.scaling.standardise(self.values[rows])

    def few(self, per_class: int, seed: int) -> Material:
        """The same with `per_class` training items of each class, drawn by `seed`."""
        classes = self.dataset.classes
        if classes is None:
            raise UsageError(f"{self.source} has no classes to take {per_class} items of")
        train, rng = self.split.train, np.random.default_rng(seed)
        rows = []
        for number, label in enumerate(self.dataset.labels):
            of = train[classes[train] == number]
            if len(of) < per_class:
                raise UsageError(f"{self.source}: {label} has {len(of)} items, not {per_class}")
            rows.append(rng.choice(of, per_class, replace=False))
        return replace(self, split=replace(self.split, train=np.sort(np.concatenate(rows))))

    def followed(self) -> Material:
        """The same with those items only that the item of the next row goes on from."""
        follows = self.dataset.follows
        if follows is None:
            raise UsageError(
                f"{self.source}: of none of its items is known what came next: name a corpus "
                "(radiofm corpus build)"
            )
        goes_on = np.append(follows[1:], False)
        split = self.split
        parts = [rows[goes_on[rows]] for rows in (split.train, split.validation, split.test)]
        if not all(map(len, parts)):
            counts = ", ".join(str(len(rows)) for rows in parts)
            raise UsageError(
                f"{self.source}: train, validation and test have {counts} items that another goes "
                "on from: record for longer at a time"
            )
        return replace(self, split=Split(*parts))


@dataclass(frozen=True)
class Loaded:
    """Images in memory, standardised: float32 [n, C, H, W]."""

    values: Image
    scaling: How
    modality: str = "spectrogram"

    def __len__(self) -> int:
        return len(self.values)

    def images(self, rows: Indices | slice) -> Image:
        return np.asarray(self.values[rows])


def open_material(
    source: str,
    cache: Path,
    seed: int = 0,
    size: tuple[int, int] = SIZE,
    scaling: How | None = None,
    centred: bool = False,
    **options: Any,
) -> Material:
    """Open the set that `source` names, split it (or take `cache`'s split), measure its scaling.

    `size` is of items that come without a spec; a `scaling` that is given is not measured, one
    that is measured is `centred` where it is a spec's.
    """
    dataset = open_source(source, **options)
    cache.mkdir(parents=True, exist_ok=True)
    stored = _stored_split(dataset, seed, cache)
    split = stored.rows(dataset)
    values, targets = _arrays(dataset, cache, size)
    if isinstance(scaling, SpectrogramSpec):
        _agree(source, dataset, scaling)
    elif scaling is not None and len(scaling.mean) != values.shape[1]:
        raise UsageError(f"{source}: {values.shape[1]} channels, not {len(scaling.mean)}")
    if scaling is None:
        scaling = _measured(dataset, values, split.train, cache, centred)
    return Material(source, dataset, split, scaling, values, targets)


def _stored_split(dataset: Dataset, seed: int, cache: Path) -> StoredSplit:
    path = cache / f"split-{dataset.fingerprint()[:12]}-{seed}.json"
    if path.exists():
        return StoredSplit.load(path)
    stored = make_split(dataset, seed)
    stored.save(path)
    return stored


def _agree(source: str, dataset: Dataset, spec: SpectrogramSpec) -> None:
    """Two specs may differ in their statistics and what these are of, not in what is computed."""
    if dataset.spec is None or not same_decibels(dataset.spec, spec):
        raise UsageError(
            f"{source}: its slices are not made as those that the encoder was trained on: build "
            "it with that spec"
        )


def _measured(dataset: Dataset, values: Array, rows: Indices, cache: Path, centred: bool) -> How:
    if dataset.spec is None:
        return measure(dataset, rows, (values.shape[2], values.shape[3]), cache)
    spec, statistics = dataset.spec, Statistics()
    if centred:
        spec = spec.model_copy(update={"centred": True})
    for start in range(0, len(rows), CHUNK):
        statistics.add(spec.relative(np.asarray(values[rows[start : start + CHUNK]])))
    return statistics.apply(spec)


def _arrays(
    dataset: Dataset, cache: Path, size: tuple[int, int]
) -> tuple[Array, npt.NDArray[Any] | None]:
    """All items and labels: as they lie on disk, or as written to `cache` by this or a past run."""
    targets = dataset.targets if dataset.classes is None else dataset.classes
    if dataset.values is not None:
        return dataset.values, targets
    shape = None if dataset.spec is not None else size
    key = hashlib.sha256(f"{dataset.fingerprint()} {shape}".encode()).hexdigest()[:16]
    items, labels = cache / f"items-{key}.npy", cache / f"labels-{key}.npy"
    if not items.exists():
        _write(dataset, shape, items, labels)
    if targets is None and labels.exists():
        targets = np.load(labels, mmap_mode="r", allow_pickle=False)
    return np.load(items, mmap_mode="r", allow_pickle=False), targets


def _write(dataset: Dataset, size: tuple[int, int] | None, items: Path, labels: Path) -> None:
    """Each under another name until it is whole."""
    parts = [path.with_suffix(".part") for path in (items, labels)]
    values: Array | None = None
    targets: npt.NDArray[Any] | None = None
    for row in tracked(range(len(dataset)), f"read {dataset.name}"):
        value, label = dataset.item(row)
        value = resized(value, size)
        if not np.isfinite(value).all():
            raise RecordingError(f"{dataset.path}: item {row} is not finite: leave it out")
        target = None if label is None else np.asarray(label)
        if values is None:
            values = _memmap(parts[0], len(dataset), value)
            if target is not None and dataset.classes is None:
                targets = _memmap(parts[1], len(dataset), target)
        if value.shape != values.shape[1:]:
            raise RecordingError(
                f"{dataset.path}: item {row} is {value.shape}, others are {values.shape[1:]}"
            )
        values[row] = value
        if targets is not None:
            targets[row] = target
    if targets is not None:
        targets.flush()  # type: ignore[attr-defined]
        parts[1].replace(labels)
    if values is not None:
        values.flush()  # type: ignore[attr-defined]
        parts[0].replace(items)


def _memmap(path: Path, count: int, like: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.lib.format.open_memmap(path, "w+", like.dtype, (count, *like.shape))
