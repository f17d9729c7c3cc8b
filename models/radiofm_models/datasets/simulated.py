"""Array sets of `radiofm simulate`, as data sets.

Items have the form of the public set whose layout they follow, so that a model of one takes the
other: channel-estimation [2, 17, 2 F], positioning [station, 192, 14], csi [3, 114, 2000] and
beams [2, 2048]; aoa [2 channels, sample], I and Q of each channel; families and nr-lte the dBFS
[1, height, width] of the set's spec.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from radiofm.array_set import ArraySet
from radiofm.spectrogram import SpectrogramSpec
from radiofm_models.datasets.channel_estimation import of_grids
from radiofm_models.datasets.dataset import Array, Dataset, Label, Target
from radiofm_models.datasets.files import broken, float32
from radiofm_models.datasets.ntu_fi import ANTENNAS, SUBCARRIERS

# Set: the array of its items, that of its labels, whether these are classes.
KINDS = {
    "channel-estimation": ("y_rg", "h_freq", False),
    "positioning": ("features", "position", False),
    "csi": ("CSIamp", "label", True),
    "beams": ("iq", "tx_beam", True),
    "aoa": ("iq", "angle", True),
    "families": ("decibels", "label", True),
    "nr-lte": ("decibels", "mask", False),
}


class Simulated(Dataset):
    """Items float32, as stored but for the form; class numbers, or label arrays float32.

    `kind` is the name of the set that was simulated.
    """

    name = "simulated"
    axes = "as in the public set of the same layout; the unit is in card.md"

    def __init__(self, path: Path | str, target: Target | None = None) -> None:
        """What labels are is the set's own, but for `target` mask, of sets that have masks."""
        self.path = Path(path)
        self._set = ArraySet.open(self.path)
        info = self._set.info
        if info.name not in KINDS:
            raise broken(self.path, f"a set {info.name!r} has no labels known here", "name another")
        self.kind = info.name
        self._values, self._target, classified = KINDS[self.kind]
        if self._values == "decibels":
            self.spec = SpectrogramSpec.model_validate(info.parameters["spec"])
        if "present" in info.arrays:
            self._target, classified = "present", False
            if target not in (None, "presence"):
                raise broken(
                    self.path, "its slices hold several families",
                    "take it for --task presence, or make it without --multi",
                )  # fmt: skip
        elif target == "mask" and "mask" in info.arrays:
            self._target, classified = "mask", False
        self.target = info.arrays[self._target].about
        self.files = [self.path / file for file in info.sha256]
        if classified:
            values = self._set.read(self._target)
            self.labels = info.arrays[self._target].labels
            if self.labels:  # all of them: sets of other seeds have the same numbers
                self.classes = values.astype(np.int64)
            else:
                found, self.classes = np.unique(values, return_inverse=True)
                self.labels = tuple(f"{v:g}" for v in found)
        if info.group:
            self.groups = self._set.read(info.group)
        if not classified:
            self.labels = info.arrays[self._target].labels
        if "follows" in info.arrays:
            self.follows = self._set.read("follows").astype(bool)
        if "snr_db" in info.arrays:
            snr_db = self._set.read("snr_db").reshape(len(self), -1)  # of one or several signals
            self.snr_db = np.fmax.reduce(snr_db, axis=1)

    def __len__(self) -> int:
        return len(self._set)

    def item(self, index: int) -> tuple[Array, Label]:
        row = np.array([index])
        kind, values = self.kind, self._set.read(self._values, row)
        if kind == "channel-estimation":
            sent, channel = self._set.read("x_rg", row), self._set.read("h_freq", row)
            values, labels = of_grids(sent, values, channel)
            return float32(self.path, values[0]), float32(self.path, labels[0])
        if self.spec is not None:
            values = values[:, None]
        if kind == "csi":
            values = values.reshape(1, ANTENNAS, SUBCARRIERS, -1)
        if kind in ("beams", "aoa"):
            values = np.moveaxis(values, -1, -2).reshape(1, -1, values.shape[-2])
        if self.classes is not None:
            return float32(self.path, values[0]), int(self.classes[index])
        return float32(self.path, values[0]), self._set.read(self._target, row)[0]
