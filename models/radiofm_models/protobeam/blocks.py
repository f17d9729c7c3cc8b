"""Blocks of IQ in memory, and which of them a few-shot experiment trains and tests on.

A domain is what a network may have learnt instead of its task: the transmitting antenna, or the
session. TTSA trains and tests on the same antenna (other blocks of it), TOTA tests on others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radiofm.errors import UsageError
from radiofm_models.data import Indices
from radiofm_models.datasets.dataset import Array, Dataset
from radiofm_models.datasets.opening import open_dataset
from radiofm_models.progress import tracked


@dataclass(frozen=True)
class Blocks:
    """IQ float32 [n, rows, samples], rows I and Q of each channel, and what each block is."""

    iq: Array
    classes: Indices  # [n]
    labels: tuple[str, ...]  # names of all classes, those without a block among them

    def __len__(self) -> int:
        return len(self.iq)


@dataclass(frozen=True)
class Material:
    """What is trained on, and what is tested on: the same domains, and each other one by name."""

    train: Blocks
    same: Blocks
    other: dict[str, Blocks]

    def describe(self) -> dict[str, int]:
        """Blocks of each part."""
        others = {f"test, {name}": len(blocks) for name, blocks in self.other.items()}
        return {"train": len(self.train), "test, same domain": len(self.same)} | others


def read(dataset: Dataset, rows: Indices, samples: int) -> Blocks:
    """The first `samples` of each of the blocks `rows`; raises RecordingError or UsageError."""
    if dataset.classes is None or len(rows) == 0:
        raise UsageError(f"{dataset.path}: there are no labelled blocks to take: make more")
    shape = dataset.item(int(rows[0]))[0].shape
    if shape[1] < samples:
        raise UsageError(f"samples {samples}: blocks of {dataset.path} have {shape[1]}: take fewer")
    iq = np.empty((len(rows), shape[0], samples), np.float32)
    for place in tracked(range(len(rows)), "read blocks"):
        iq[place] = dataset.item(int(rows[place]))[0][:, :samples]
    return Blocks(iq, dataset.classes[rows], dataset.labels)


def simulated_beams(folder: Path, trained: Iterable[int], samples: int, seed: int) -> Material:
    """Of a set of `radiofm simulate beams`: half the blocks of the antennas `trained` to train on.

    The other half is TTSA's, all blocks of any other antenna TOTA's. Blocks are drawn one by one:
    none is nearer to another than to the rest.
    """
    dataset = open_dataset("simulated", folder)
    assert dataset.groups is not None and dataset.classes is not None
    rows = np.random.default_rng(seed).permutation(len(dataset))
    known = np.isin(dataset.groups[rows], list(trained))
    halves: tuple[list[Indices], list[Indices]] = ([], [])
    for number in range(len(dataset.labels)):
        of = rows[known & (dataset.classes[rows] == number)]
        halves[0].append(of[: len(of) // 2])
        halves[1].append(of[len(of) // 2 :])
    others = rows[~known]
    return Material(
        read(dataset, np.concatenate(halves[0]), samples),
        read(dataset, np.concatenate(halves[1]), samples),
        {
            f"antenna {domain}": read(dataset, others[dataset.groups[others] == domain], samples)
            for domain in np.unique(dataset.groups[others])
        },
    )


def deepbeam(
    folder: Path,
    pattern: str,
    trained: Iterable[int],
    other: Iterable[int],
    every: tuple[int, int],
    samples: int,
    seed: int,
) -> Material:
    """Of DeepBeam's files `pattern`, which has {} for the number of the transmitting antenna.

    To train, every `every[0]`-th block is taken, to test every `every[1]`-th, as the authors of
    ProtoBeam do; but no block of a frame that was trained on, which theirs do not leave out.
    """
    rng = np.random.default_rng(seed)
    parts: dict[str, list[Blocks]] = {"train": [], "same": []}
    for number in trained:
        path = folder / pattern.format(number)
        train = open_dataset("deepbeam", path, every=every[0])
        test = open_dataset("deepbeam", path, every=every[1])
        assert train.groups is not None and test.groups is not None
        unseen = np.flatnonzero(~np.isin(test.groups, train.groups))
        parts["train"].append(read(train, rng.permutation(len(train)), samples))
        parts["same"].append(read(test, rng.permutation(unseen), samples))
    others = {}
    for number in other:
        test = open_dataset("deepbeam", folder / pattern.format(number), every=every[1])
        others[f"antenna {number}"] = read(test, rng.permutation(len(test)), samples)
    return Material(_joined(parts["train"]), _joined(parts["same"]), others)


def simulated_angles(folder: Path, skip: int, held_out: int, samples: int, seed: int) -> Material:
    """Of a set of `radiofm simulate aoa`: angles to train on have `skip` between them (ProtoAoA).

    The last `held_out` sessions are tested on, at all angles; the same sessions as trained on are
    not. So `same` has the trained angles of the test sessions, and `other` all of their angles.
    """
    dataset = open_dataset("simulated", folder)
    assert dataset.groups is not None and dataset.classes is not None
    sessions = np.unique(dataset.groups)
    if len(sessions) <= held_out:
        raise UsageError(f"{folder}: {len(sessions)} sessions leave none to train on: make more")
    rows = np.random.default_rng(seed).permutation(len(dataset))
    tested = np.isin(dataset.groups[rows], sessions[-held_out:])
    taught = dataset.classes[rows] % (skip + 1) == 0
    return Material(
        read(dataset, rows[~tested & taught], samples),
        read(dataset, rows[tested & taught], samples),
        {"all angles": read(dataset, rows[tested], samples)},
    )


def _joined(blocks: list[Blocks]) -> Blocks:
    if len({one.labels for one in blocks}) != 1:
        raise UsageError("train: the files of these antennas have unlike beams: name others")
    return Blocks(
        np.concatenate([one.iq for one in blocks]),
        np.concatenate([one.classes for one in blocks]),
        blocks[0].labels,
    )
