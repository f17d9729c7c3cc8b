"""A slice set: labelled spectrogram slices on disk, written by the simulator, read by the trainer.

set.json        spec, labels, provenance
decibels.npy    float32 [slices, height, width], dBFS before standardising
masks.npy       uint8 [slices, height, width], 1 where a signal is
index.jsonl     a SliceRecord a line
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from radiofm.errors import RecordingError
from radiofm.spectrogram import Image, SpectrogramSpec


class SliceRecord(BaseModel):
    """What is known of one slice. Those of one `group` share a scene and a front end."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str
    group: int
    sample_rate_hz: float
    snr_db: float | None = None  # of the strongest signal, in its own bandwidth
    full_scale_dbfs: float | None = None  # rms level of the samples


class SliceSetInfo(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    spec: SpectrogramSpec
    labels: tuple[str, ...]
    count: int
    provenance: dict[str, Any]  # command, seed, versions


@dataclass(frozen=True)
class SliceSet:
    """An opened slice set; the arrays are memory-mapped and read-only."""

    path: Path
    info: SliceSetInfo
    decibels: Image  # [slices, height, width]
    masks: npt.NDArray[np.uint8]  # [slices, height, width]
    records: list[SliceRecord]

    @classmethod
    def open(cls, path: Path) -> SliceSet:
        """Open the set in folder `path`, or raise RecordingError saying what is wrong with it."""
        try:
            info = SliceSetInfo.model_validate_json((path / "set.json").read_text("utf-8"))
            lines = (path / "index.jsonl").read_text("utf-8").splitlines()
            records = [SliceRecord.model_validate_json(line) for line in lines]
            decibels = np.load(path / "decibels.npy", mmap_mode="r", allow_pickle=False)
            masks = np.load(path / "masks.npy", mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, ValidationError) as error:
            reason = str(error).splitlines()[0]
            raise RecordingError(f"slice set {path}: {reason}: make it anew") from None
        shape = (info.count, info.spec.height, info.spec.width)
        if decibels.shape != shape or masks.shape != shape or len(records) != info.count:
            raise RecordingError(f"slice set {path}: its files do not agree: make it anew")
        return cls(path, info, decibels, masks, records)


def write_slice_set(
    path: Path,
    info: SliceSetInfo,
    slices: Iterable[tuple[Image, npt.NDArray[np.uint8], SliceRecord]],
) -> None:
    """Write `info.count` slices, each (decibels [h, w], mask [h, w], record), as they come."""
    path.mkdir(parents=True, exist_ok=True)
    shape = (info.count, info.spec.height, info.spec.width)
    decibels = np.lib.format.open_memmap(path / "decibels.npy", "w+", np.float32, shape)
    masks = np.lib.format.open_memmap(path / "masks.npy", "w+", np.uint8, shape)
    with (path / "index.jsonl").open("w", encoding="utf-8") as index:
        for at, (image, mask, record) in zip(range(info.count), slices, strict=True):
            decibels[at], masks[at] = image, mask
            index.write(record.model_dump_json() + "\n")
    decibels.flush()
    masks.flush()
    # Last, so that a set with this file is whole.
    (path / "set.json").write_text(info.model_dump_json(indent=1) + "\n", "utf-8")
