"""NR and LTE in one band, pixel by pixel: MATLAB's frames and the papers' own.

MATLAB (`helperSpecSenseTrainingData`), also in LTE_NR/:
    {NR,LTE,LTE_NR}_frame_<i>.png   the spectrogram, coloured by parula
    {NR,LTE,LTE_NR}_frame_<i>.hdf   HDF4 raster, uint8: noise 0, NR 127, LTE 255

The papers' authors, in Train/LTE_NR and Test/LTE_NR:
    LTE_NR_spect_frame_<i>.mat      `rxSpectrogram` [256, 256], MATLAB version 5
    LTE_NR_labels_frame_<i>.mat     `data`, as above

Items are transposed to [frequency, time] where the labels, stripes over the whole frame, say that
columns are frequency; MATLAB's pictures, which have the latest row on top, are turned over.

Traps. The authors' loader drops the last frame, resizes labels by cubic
interpolation and does not standardise; here all frames count, labels keep their size (resize them
by nearest neighbour), and colours become grey, which for parula rises with power.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm_models.datasets.dataset import Array, Dataset
from radiofm_models.datasets.files import broken, find, float32, folders, official
from radiofm_models.datasets.hdf4 import read_raster
from radiofm_models.datasets.mat5 import read_mat
from radiofm_models.datasets.signal_images import read_picture

VALUES = np.array([0, 127, 255], np.uint8)  # of noise, NR, LTE


class NrLte(Dataset):
    """Spectrograms float32 [1, frequency, time], as stored; labels uint8 [frequency, time]."""

    name = "nr-lte"
    axes = "1, frequency, time; dB as stored, or grey level 0 to 1 of pictures"
    target = "noise 0, NR 1, LTE 2 of each pixel"
    labels = ("noise", "NR", "LTE")

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        found = [
            (part, file)
            for part, folder in official(self.path)
            for inside in [folder, *folders(folder)]
            for file in find(inside, ".mat", ".png")
            if "_spect_frame_" in file.name or file.suffix == ".png"
        ]
        if not found:
            raise broken(
                self.path, "it has no LTE_NR_spect_frame_*.mat and no *_frame_*.png",
                "give the folder of the frames",
            )  # fmt: skip
        parts, self.files = zip(*found, strict=True)
        self.parts = np.array(parts) if parts[0] else None

    def __len__(self) -> int:
        return len(self.files)

    def item(self, index: int) -> tuple[Array, npt.NDArray[np.uint8]]:
        file = self.files[index]
        image: npt.NDArray[Any]
        if file.suffix == ".png":
            image, where = read_picture(file).T[::-1], file.with_suffix(".hdf")
        else:
            image = read_mat(file, "rxSpectrogram")
            where = file.with_name(file.name.replace("_spect_", "_labels_"))
        if not where.is_file():
            raise broken(file, f"its labels {where.name} are missing", "unpack the whole archive")
        values = read_raster(where) if where.suffix == ".hdf" else read_mat(where, "data")
        if image.ndim != 2 or image.shape != values.shape or image.dtype.kind == "c":
            raise broken(file, f"it is of shape {image.shape}, its labels of {values.shape}")
        if strange := sorted(set(np.unique(values).tolist()) - set(VALUES.tolist())):
            raise broken(where, f"labels have the value {strange[0]}, not 0, 127 or 255")
        mask = np.searchsorted(VALUES, values).astype(np.uint8)
        if np.array_equal(mask, np.broadcast_to(mask[:1], mask.shape)):  # columns are frequency
            image, mask = image.T, mask.T
        return float32(file, image[None]), np.ascontiguousarray(mask)
