"""The 5G CFR set: uplink channel frequency responses of a picocell, unlabelled here.

One MATLAB file (version 5) for each of 476 places, variable `cfr`, complex [subcarriers, 4, T]:
4 receive channels, T reference symbols (Pan et al., 2022; the WavesFM paper's 5G-CSI, for
pretraining). Amplitudes are linear: their range is three decades wide, so scale by the set's.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from radiofm_models.datasets.dataset import Array, Dataset
from radiofm_models.datasets.files import broken, find, float32
from radiofm_models.datasets.mat5 import read_mat

CHANNELS = 4


class Cfr(Dataset):
    """Amplitudes float32 [4, subcarriers, T]."""

    name = "5g-cfr"
    axes = "receive channel, subcarrier, symbol; linear amplitude as stored"
    target = "none"

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.files = find(self.path, ".mat")
        if not self.files:
            raise broken(self.path, "it has no .mat files", "give the folder of the unpacked set")

    def __len__(self) -> int:
        return len(self.files)

    def item(self, index: int) -> tuple[Array, None]:
        file = self.files[index]
        cfr = read_mat(file, "cfr")
        if cfr.ndim != 3 or cfr.shape[1] != CHANNELS:
            raise broken(file, f"cfr is of shape {cfr.shape}, not (subcarriers, 4, symbols)")
        return float32(file, np.abs(cfr).transpose(1, 0, 2)), None
