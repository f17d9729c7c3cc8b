"""DeepBeam: IQ of 60 GHz beams through four front ends; which transmit beam, or which angle.

HDF5 (Polese et al., MobiHoc 2021): `iq` [N, 2], and for each sample `tx_beam`, `rx_beam`, `gain`
[N], in the angle-of-arrival files also `angle`. N = 3 gains x beams x 10,000 frames x 15 blocks x
2048 samples, gain by gain, in each beam by beam. An item is one block. Files are of some 100 GB:
only what is asked for is read.

Traps. Blocks of one frame follow each other within microseconds: the frame is the group, unless
only every 15th block is kept (5 a frame in the multi-RF-chain file). One file is one pair of
antennas: for a test on other antennas than trained on (TOTA), open two files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from radiofm.errors import RecordingError, UsageError
from radiofm_models.datasets.dataset import Array, Dataset
from radiofm_models.datasets.files import broken, float32
from radiofm_models.datasets.hdf5 import Hdf5

BLOCK = 2048  # samples
BLOCKS_A_FRAME = 15
TRAIN_EVERY, TEST_EVERY = 125, 450  # blocks, of the ProtoBeam authors


class DeepBeam(Dataset):
    """IQ blocks float32 [2, 2048], rows I and Q, as stored."""

    name = "deepbeam"
    axes = "I and Q, sample; as stored"

    def __init__(
        self,
        path: Path | str,
        every: int = TRAIN_EVERY,
        target: Literal["tx_beam", "angle"] = "tx_beam",
        blocks_a_frame: int = BLOCKS_A_FRAME,
    ) -> None:
        """Every `every`-th block of the file, from the first."""
        if every < 1:
            raise UsageError(f"every {every} is no step: take 1 or more")
        if Path(path).is_dir():
            raise RecordingError(
                f"{path} is a folder: name a file of it, which is one pair of antennas"
            )
        self.path, self.target, self._every = Path(path), target, every
        self.files, self._hdf5 = [self.path], Hdf5(self.path)
        samples = self._hdf5.shape("iq", None, 2)[0]
        self._hdf5.shape(target, samples)
        if samples == 0 or samples % BLOCK:
            raise broken(self.path, f"iq has {samples} samples, not whole blocks of {BLOCK}")
        self._values = self._hdf5.read(target, slice(None, None, BLOCK * every))
        found, self.classes = np.unique(self._values, return_inverse=True)
        self.labels = tuple(f"{value:g}" for value in found)
        self.groups = np.arange(len(self._values)) * every // blocks_a_frame

    def __len__(self) -> int:
        return len(self._values)

    def item(self, index: int) -> tuple[Array, int]:
        assert self.classes is not None
        start = index * self._every * BLOCK
        block = slice(start, start + BLOCK)
        if np.any(self._hdf5.read(self.target, block) != self._values[index]):
            raise broken(self.path, f"{self.target} changes within the block at sample {start}")
        iq = self._hdf5.read("iq", block)
        return float32(self.path, iq.T), int(self.classes[index])
