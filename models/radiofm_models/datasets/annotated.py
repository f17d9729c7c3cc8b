"""Recordings whose SigMF annotations say where signals are: in time, and in frequency.

    *.sigmf-meta, *.sigmf      at any depth of the folder

Labels are made of the annotations of each slice: `class` is the one with the most energy where
powers are told (`radiofm:power_dbfs`, as `radiofm simulate record` writes them), else with the most
area; `mask` is the class of each pixel, smaller boxes on top of larger; `presence` is one or zero
for each label. A recording without any annotation is left out: nobody says that it was looked at.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from radiofm.corpus.find import find_recordings
from radiofm.errors import UsageError
from radiofm.spectrogram import SpectrogramSpec, cells
from radiofm_models.datasets.boxes import NOISE, Box, Boxes, boxes_of, dominant
from radiofm_models.datasets.dataset import Array, Label, Target
from radiofm_models.datasets.files import broken
from radiofm_models.datasets.recorded import Place, Recorded
from radiofm_models.progress import tracked

SUFFIXES = (".sigmf-data", ".sigmf")
TARGETS = {
    "class": "the label that is strongest in the slice, or fills most of it",
    "mask": "the label of each pixel: height, width",
    "presence": "1 for each label that is in the slice",
}

log = logging.getLogger(__name__)


class Annotated(Recorded):
    """All slices of annotated recordings; a group is a recording."""

    name = "annotated"

    def __init__(
        self, path: Path | str, target: Target = "class", spec: SpectrogramSpec | None = None
    ) -> None:
        super().__init__(path, spec)
        if target not in TARGETS:
            raise UsageError(f"{self.path}: annotations have no {target}: list them in labels.csv")
        self.target = TARGETS[target]
        places, of, short = self._annotated()
        self._keep(places, short, (target, tuple(map(tuple, of))))
        self.groups = np.array([f"{p.source.file} {p.source.number}" for p in places])
        self._boxes = of
        snr_db = [
            max((b.snr_db for b in some if b.snr_db is not None), default=np.nan) for some in of
        ]
        if not np.isnan(snr_db).all():
            self.snr_db = np.array(snr_db, np.float32)
        if target == "class":
            names = [dominant(some) for some in of]
            self.labels = _with_noise(set(names))
            self.classes = np.array([self.labels.index(name) for name in names])
            return
        found = {box.label for some in of for box in some} - {NOISE}
        if not found:
            raise broken(self.path, "its annotations name no signal", "label what is to be found")
        self.labels = _with_noise(found | {NOISE}) if target == "mask" else tuple(sorted(found))
        if len(self.labels) > 256:
            raise UsageError(f"{self.path} has {len(self.labels)} labels: 256 are the most")
        if target == "presence":
            self.targets = np.zeros((len(of), len(self.labels)), np.uint8)
            for row, some in enumerate(of):
                for name in {box.label for box in some} - {NOISE}:
                    self.targets[row, self.labels.index(name)] = 1

    def item(self, index: int) -> tuple[Array, Label]:
        if self.classes is not None:
            return self._image(index), int(self.classes[index])
        if self.targets is not None:
            return self._image(index), self.targets[index]
        place = self._kept[index]
        mask = np.zeros((self.spec.height, self.spec.width), np.uint8)
        for box in sorted(self._boxes[index], key=lambda box: -box.area):
            start, stop = ((x - place.start) / place.samples for x in (box.start, box.stop))
            rows = cells(box.low, box.high, self.spec.height)
            mask[rows, cells(start, stop, self.spec.width)] = self.labels.index(box.label)
        return self._image(index), mask

    def _annotated(self) -> tuple[list[Place], list[list[Box]], int]:
        """All slices, the boxes in each, and how many recordings are shorter than one."""
        found = [f for f in find_recordings(self.path) if f.suffix.lower() in SUFFIXES]
        columns = self.spec.width
        places: list[Place] = []
        of: list[list[Box]] = []
        short = bare = 0
        for file in tracked(found, f"read {self.path}"):
            for source, recording in self._sources(str(file.relative_to(self.path))):
                if not recording.annotations:
                    bare += 1
                    continue
                segments = [Boxes(some) for some in boxes_of(recording)]
                cut = self._places(source, recording)
                places += cut
                of += [segments[p.segment].within(p.start, p.samples, columns) for p in cut]
                short += not cut
        if not places and not short:
            raise broken(
                self.path, f"none of its {bare} SigMF recordings is annotated",
                "annotate them, put them into a folder for each class, or list them in labels.csv",
            )  # fmt: skip
        if bare:
            log.warning("%s: %d recordings without annotations are left out", self.path, bare)
        return places, of, short


def _with_noise(names: set[str]) -> tuple[str, ...]:
    """Noise is label 0."""
    return (*sorted(names & {NOISE}), *sorted(names - {NOISE}))
