"""What every data set offers: items with their labels, and what is known of them unread."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from radiofm.corpus.spec import base_spec
from radiofm.spectrogram import SpectrogramSpec
from radiofm_models.data import Indices

Array = npt.NDArray[np.float32]
Names = npt.NDArray[Any]  # text or whole numbers, one an item
Label = int | npt.NDArray[Any] | None
Target = Literal["class", "numbers", "mask", "presence"]  # what a label is


class Dataset(ABC):
    """A data set on disk, read item by item; nothing is written to it.

    The order of items is fixed by their names or places, never by the folder's listing. Items can
    be read from any process: files are opened in each at the first use.
    """

    name: ClassVar[str]
    axes: ClassVar[str]  # of an item, and its unit
    target: str  # what a label is, and its unit

    path: Path
    files: Sequence[Path]  # that hold the items
    labels: tuple[str, ...] = ()  # where items are classified: the class numbers' names
    classes: Indices | None = None  # [n], where items are classified
    groups: Names | None = None  # [n]: session, recording or place; what belongs to one split
    parts: Names | None = None  # [n]: "train", "validation", "test", where the set comes split
    snr_db: Array | None = None  # [n]
    follows: npt.NDArray[np.bool_] | None = None  # [n]: goes on, without a gap, where row - 1 ends
    spec: SpectrogramSpec | None = None  # where items are dBFS images [1, H, W] of this spec
    values: Array | None = None  # all items [n, ...], where they lie so on disk
    targets: npt.NDArray[Any] | None = None  # all labels [n, ...], where they lie so on disk

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def item(self, index: int) -> tuple[Array, Label]:
        """Item `index` and its label; raises RecordingError where its file is wrong."""

    def describe(self) -> dict[str, Any]:
        """What the set holds, for a report: plain values."""
        about: dict[str, Any] = {
            "name": self.name,
            "items": len(self),
            "files": len(self.files),
            "axes": self.axes,
            "target": self.target,
        }
        if self.classes is not None:
            counts = np.bincount(self.classes, minlength=len(self.labels))
            about["classes"] = dict(zip(self.labels, counts.tolist(), strict=True))
        if self.groups is not None:
            about["groups"] = len(np.unique(self.groups))
        if self.parts is not None:
            parts, counts = np.unique(self.parts, return_counts=True)
            about["parts"] = dict(zip(parts.tolist(), counts.tolist(), strict=True))
        if self.snr_db is not None:
            known = self.snr_db[np.isfinite(self.snr_db)]
            about["snr_db"] = [float(known.min()), float(known.max())] if len(known) else None
        return about

    def fingerprint(self) -> str:
        """SHA-256 of what is known of the items: another set of files has another."""
        digest = hashlib.sha256(f"{self.name} {len(self)} {self.labels}".encode())
        if self.spec is not None:  # its statistics do not alter dBFS images
            digest.update(base_spec(self.spec).hash.encode())
        for file in self.files:
            digest.update(f"{file.parent.name}/{file.name} {file.stat().st_size}\n".encode())
        for known in (self.classes, self.groups, self.parts, self.snr_db):
            digest.update(b"-" if known is None else np.ascontiguousarray(known).tobytes())
        return digest.hexdigest()
