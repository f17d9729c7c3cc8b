"""The blocks that a command line names: a simulated set, or DeepBeam's files as they are called."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from radiofm.errors import UsageError
from radiofm_models.datasets.deepbeam import BLOCK, TEST_EVERY, TRAIN_EVERY
from radiofm_models.datasets.opening import open_dataset, open_source
from radiofm_models.datasets.simulated import Simulated
from radiofm_models.protobeam.blocks import (
    Material,
    deepbeam,
    read,
    simulated_angles,
    simulated_beams,
)

DEEPBEAM = "deepbeam:"
EVERY = (TRAIN_EVERY, TEST_EVERY)  # blocks, to train and to test
ANTENNA = re.compile(r"(?<=tx-ant-)\d+")
SKIP = 3  # angles between those trained on (ProtoAoA),
FEW = 32  # where there are so many; of fewer, all are trained on


def open_beams(source: str, seed: int, every: tuple[int, int] = EVERY) -> Material:
    """Trained on is the transmitting antenna of the lowest number; the others are TOTA's."""
    if source.startswith(DEEPBEAM):
        folder = Path(source.removeprefix(DEEPBEAM)).expanduser()
        pattern, antennas = _antennas(folder)
        return deepbeam(folder, pattern, antennas[:1], antennas[1:], every, BLOCK, seed)
    dataset = _simulated(source, "beams")
    assert dataset.groups is not None
    antennas = np.unique(dataset.groups).tolist()
    if len(antennas) < 2:
        raise UsageError(f"{source} is of one antenna: make more blocks, to test on others")
    return simulated_beams(dataset.path, antennas[:1], _samples(dataset), seed)


def open_angles(source: str, seed: int, every: tuple[int, int] = EVERY) -> Material:
    """Of a simulated set, a fifth of its sessions is tested on; of DeepBeam's, other frames."""
    if source.startswith(DEEPBEAM):
        path = _angles(Path(source.removeprefix(DEEPBEAM)).expanduser())
        train = open_dataset("deepbeam", path, every=every[0], target="angle")
        test = open_dataset("deepbeam", path, every=every[1], target="angle")
        assert train.groups is not None and test.groups is not None
        rng = np.random.default_rng(seed)
        unseen = np.flatnonzero(~np.isin(test.groups, train.groups))
        asked = read(test, rng.permutation(unseen), BLOCK)
        known = read(train, rng.permutation(len(train)), BLOCK)
        return Material(known, asked, {"all angles": asked})
    dataset = _simulated(source, "aoa")
    assert dataset.groups is not None
    sessions = len(np.unique(dataset.groups))
    skip = SKIP if len(dataset.labels) >= FEW else 0
    return simulated_angles(dataset.path, skip, max(1, sessions // 5), _samples(dataset), seed)


def _simulated(source: str, name: str) -> Simulated:
    dataset = open_source(source)
    if not isinstance(dataset, Simulated) or dataset.kind != name:
        raise UsageError(
            f"{source} is no set of `radiofm simulate {name}`: name one, or {DEEPBEAM}FOLDER"
        )
    return dataset


def _samples(dataset: Simulated) -> int:
    """Of a block."""
    return int(dataset.item(0)[0].shape[1])


def _antennas(folder: Path) -> tuple[str, list[int]]:
    """The files of `folder` as a pattern, {} for the transmitting antenna, and its numbers."""
    found: dict[str, list[int]] = {}
    for path in folder.glob("*tx-ant-*.h5"):
        if number := ANTENNA.search(path.name):
            found.setdefault(ANTENNA.sub("{}", path.name, 1), []).append(int(number.group()))
    if len(found) > 1:
        names = ", ".join(sorted(found))
        raise UsageError(f"{folder} holds several set-ups ({names}): leave those of one there")
    pattern, antennas = next(iter(found.items()), ("", []))
    if len(antennas) < 2:
        raise UsageError(
            f"{folder} needs files of two transmitting antennas or more, called as DeepBeam's: "
            "srf-basic-config-24-beams-tx-ant-0-rx-ant-0.h5"
        )
    return pattern, sorted(antennas)


def _angles(path: Path) -> Path:
    if path.is_file():
        return path
    files = sorted(path.glob("*aoa*.h5"))
    if len(files) != 1:
        raise UsageError(
            f"{path} holds {len(files)} files *aoa*.h5 of DeepBeam: name one, {DEEPBEAM}FILE"
        )
    return files[0]
