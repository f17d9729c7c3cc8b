"""NTU-Fi: Wi-Fi CSI amplitudes, for human activity (HAR) and for identity (HumanID).

    NTU-Fi_HAR/{train_amp,test_amp}/<class>/<class><n>.mat
    NTU-Fi-HumanID/{train_amp,test_amp}/<subject>/<name>.mat

MATLAB version 5, variable `CSIamp` [342, packets]: 3 antennas x 114 subcarriers, 2000 packets at
500 Hz (Yang et al., EfficientFi, 2022). The WavesFM authors' copy, flat `train/` and `test/` with
the class in the file's name, is read too.

Traps. SenseFi takes the order of classes from an unsorted listing: here they are sorted, so that
class numbers are not those of any of its runs. SenseFi trains HumanID on `test_amp` and tests on
`train_amp`: `swapped=True` does so too. The WavesFM release merges both folders and splits at
random, which is another, easier test. Files do not say who moved or when: there are no groups.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from radiofm_models.datasets.dataset import Array, Dataset
from radiofm_models.datasets.files import broken, find, float32, folders, official
from radiofm_models.datasets.mat5 import read_mat

ANTENNAS, SUBCARRIERS = 3, 114


class NtuFi(Dataset):
    """CSI amplitudes float32 [3, 114, packets / step], as stored."""

    axes = "antenna, subcarrier, packet; amplitude as stored"

    def __init__(self, path: Path | str, step: int = 1, swapped: bool = False) -> None:
        """Every `step`-th packet is kept: SenseFi and one set of the authors' constants take 4."""
        self.path, self._step = Path(path), step
        found = [
            (label, part, file)
            for part, folder in official(self.path)
            for label, file in _labelled(folder)
        ]
        if not found:
            raise broken(self.path, "it has no .mat files", "give the folder of the unpacked set")
        names, parts, self.files = zip(*found, strict=True)
        self.labels = tuple(sorted(set(names)))
        self.classes = np.array([self.labels.index(name) for name in names])
        if parts[0]:
            other = {"train": "test", "test": "train"}
            self.parts = np.array([other[part] if swapped else part for part in parts])

    def __len__(self) -> int:
        return len(self.files)

    def item(self, index: int) -> tuple[Array, int]:
        assert self.classes is not None
        file = self.files[index]
        csi = read_mat(file, "CSIamp")
        if csi.ndim != 2 or len(csi) != ANTENNAS * SUBCARRIERS or csi.dtype.kind == "c":
            raise broken(file, f"CSIamp is {csi.dtype} {csi.shape}, not real (342, packets)")
        cube = csi.reshape(ANTENNAS, SUBCARRIERS, -1)[:, :, :: self._step]
        return float32(file, cube), int(self.classes[index])


class NtuFiHar(NtuFi):
    name = "ntu-fi-har"
    target = "activity"


class NtuFiHumanId(NtuFi):
    name = "ntu-fi-humanid"
    target = "subject"


def _labelled(folder: Path) -> list[tuple[str, Path]]:
    """(class, file) of a folder of classes, or of a flat one."""
    nested = [(inner.name, file) for inner in folders(folder) for file in find(inner, ".mat")]
    return nested or [(_class_of(file), file) for file in find(folder, ".mat")]


def _class_of(file: Path) -> str:
    if match := re.match(r"([A-Za-z]+)\d+\.", file.name):
        return match[1]
    raise broken(
        file, "its name does not begin with a class and a number", "name it like run12.mat"
    )
