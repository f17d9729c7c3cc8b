"""What this program makes itself, as data sets: slice sets, and corpora of recordings.

Items are dBFS before standardising, float32 [1, height, width], of the set's `spec`.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from radiofm.corpus import Corpus, CorpusSlice
from radiofm.errors import UsageError
from radiofm.slice_set import SliceSet
from radiofm.spectrogram import SpectrogramSpec
from radiofm_models.datasets.dataset import Array, Dataset, Label

AXES = "dBFS: 1, frequency from the lowest, time"


class Slices(Dataset):
    """A slice set of `radiofm simulate scenes`; labels are class numbers or masks."""

    name = "slices"
    axes = AXES

    def __init__(self, path: Path | str, target: Literal["class", "mask"] = "class") -> None:
        self.path = Path(path)
        self._set = SliceSet.open(self.path)
        records, info = self._set.records, self._set.info
        names = ("set.json", "index.jsonl", "decibels.npy", "masks.npy")
        self.files = [self.path / name for name in names]
        self.spec = info.spec
        self.values = self._set.decibels[:, None]
        self.groups = np.array([record.group for record in records])
        self.snr_db = np.array(
            [np.nan if record.snr_db is None else record.snr_db for record in records], np.float32
        )
        if target == "class":
            self.target, self.labels = "the strongest signal's family", info.labels
            self.classes = np.array([info.labels.index(record.label) for record in records])
        else:
            self.target, self.labels = "where a signal is: height, width", ("empty", "occupied")
            self.targets = self._set.masks

    def __len__(self) -> int:
        return self._set.info.count

    def item(self, index: int) -> tuple[Array, Label]:
        label = int(self.classes[index]) if self.classes is not None else self._set.masks[index]
        return self._set.decibels[index][None], label


class CorpusSlices(Dataset):
    """The slices of a corpus that `radiofm corpus build` and `split` left; without labels.

    The parts are the corpus's own, which are of whole groups.
    """

    name = "corpus"
    axes = AXES
    target = "none"
    spec: SpectrogramSpec
    follows: npt.NDArray[np.bool_]

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._corpus = Corpus.open(self.path)
        self.spec = self._corpus.spec
        self._places = self._corpus.slices()
        if not self._places:
            raise UsageError(f"{self.path} has no slices: record or import something first")
        recordings = self._corpus.recordings
        self.files = sorted({self.path / recordings[p.recording].path for p in self._places})
        self.groups = np.array([place.recording for place in self._places])
        self.follows = np.array([False, *(self._goes_on(*pair) for pair in pairwise(self._places))])
        parts: list[Any] = [recordings[place.recording].split for place in self._places]
        if all(parts):
            self.parts = np.array(parts)

    def __len__(self) -> int:
        return len(self._places)

    def _goes_on(self, before: CorpusSlice, after: CorpusSlice) -> bool:
        """Whether no sample lies, or was lost, between the two slices."""
        if before.recording != after.recording:
            return False
        rate = self._corpus.recordings[after.recording].sample_rate_hz
        if before.time_ns is not None and after.time_ns is not None:
            step = after.time_ns - before.time_ns
            if abs(step - 1e9 * (after.start - before.start) / rate) > 1e9 / rate:
                return False
        tuned = before.center_frequency_hz == after.center_frequency_hz
        return tuned and after.start - before.start == self._corpus.spec.slice_samples(rate)

    def sample_rate_hz(self, index: int) -> float:
        """Of the recording that item `index` is of."""
        return self._corpus.recordings[self._places[index].recording].sample_rate_hz

    def item(self, index: int) -> tuple[Array, Label]:
        return self._corpus.decibels(self._places[index])[None], None
