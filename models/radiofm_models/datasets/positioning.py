"""5G NR positioning: CSI amplitudes at 4 base stations (5 indoors) and where the terminal was.

    dataset_SNR{10,20,50}_{outdoor,indoor}.mat     also in train/ and test/

MATLAB 7.3, which is HDF5 (Gao et al., IEEE JSAC 40(7), 2022): `features` [n, base station, H, W]
real, `labels/position` [n, 3] in metres. H x W are 192 subcarriers x 14 symbols, in either order;
base stations last are taken too. Items come out as [base station, 192, 14].

Traps. Features hold NaN: they become the mean of the item's other values, as the authors do. The
files of several SNRs hold the same places, so the place is the group: a random split over all
files, as in the WavesFM release, tests on places that were trained on.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import numpy as np

from radiofm_models.datasets.dataset import Array, Dataset
from radiofm_models.datasets.files import broken, find, float32, official
from radiofm_models.datasets.hdf5 import Hdf5

Scene = Literal["outdoor", "indoor"]
STATIONS = {"outdoor": 4, "indoor": 5}
PLACE_M = 0.01  # positions that are this near are one place


class Positioning(Dataset):
    """Amplitudes float32 [base station, subcarrier, symbol]; labels float32 [3], metres."""

    name = "5g-positioning"
    axes = "base station, subcarrier, symbol; amplitude as stored"
    target = "position x, y, z in metres"

    def __init__(self, path: Path | str, scene: Scene | None = None) -> None:
        """`path` is a folder, of which the files of `scene` are read, or one file.

        Without `scene` it is indoors where all files say so, else outdoors.
        """
        self.path = Path(path)
        self.scene = scene = scene or _scene(self.path)
        found = [("", self.path)] if self.path.is_file() else [
            (part, file)
            for part, folder in official(self.path)
            for file in find(folder, f"{scene}.mat")
        ]  # fmt: skip
        if not found:
            raise broken(self.path, f"it has no *_{scene}.mat", "give the folder of the set")
        self.files = [file for _, file in found]
        self._hdf5 = [Hdf5(file) for file in self.files]
        self._last = [self._stations_last(hdf5) for hdf5 in self._hdf5]
        positions = [_positions(hdf5) for hdf5 in self._hdf5]
        counts = [len(some) for some in positions]
        self._starts = np.concatenate([[0], np.cumsum(counts)])
        self._positions = np.concatenate(positions).astype(np.float32)
        places = np.round(np.concatenate(positions) / PLACE_M).astype(np.int64)
        self.groups = np.unique(places, axis=0, return_inverse=True)[1].reshape(-1)
        if found[0][0]:
            self.parts = np.repeat([part for part, _ in found], counts)
        snr = [re.search(r"SNR(-?\d+)", file.name) for file in self.files]
        if all(snr):
            levels = [float(match[1]) for match in snr if match]
            self.snr_db = np.repeat(np.array(levels, np.float32), counts)

    def __len__(self) -> int:
        return len(self._positions)

    def item(self, index: int) -> tuple[Array, Array]:
        at = int(np.searchsorted(self._starts, index, side="right")) - 1
        row = index - int(self._starts[at])
        values = self._hdf5[at].read("features", row)
        if self._last[at]:
            values = np.moveaxis(values, -1, 0)
        if values.shape[1] < values.shape[2]:  # the subcarriers are more than the symbols
            values = values.transpose(0, 2, 1)
        if (gaps := np.isnan(values)).any():
            if gaps.all():
                raise broken(self.files[at], f"features of item {row} are all NaN")
            values = np.where(gaps, values[~gaps].mean(), values)
        return float32(self.files[at], values), self._positions[index]

    def _stations_last(self, hdf5: Hdf5) -> bool:
        shape = hdf5.shape("features", None, None, None, None)
        stations = STATIONS[self.scene]
        if stations not in (shape[1], shape[3]):
            raise broken(
                hdf5.path, f"features {shape} have no axis of {stations} base stations",
                "give the file of the other scene, or this scene's whole file",
            )  # fmt: skip
        if shape[0] != hdf5.shape("labels/position", None, 3)[0]:
            raise broken(hdf5.path, "features and labels/position are not equally many")
        return shape[1] != stations


def _scene(path: Path) -> Scene:
    names = [path.name] if path.is_file() else [file.name for file in path.rglob("*.mat")]
    return "indoor" if names and all(name.endswith("indoor.mat") for name in names) else "outdoor"


def _positions(hdf5: Hdf5) -> Array:
    positions = hdf5.read("labels/position")
    if not np.isfinite(positions).all():
        raise broken(hdf5.path, "labels/position is not finite")
    return positions
