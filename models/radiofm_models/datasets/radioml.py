"""RadioML 2016.10A and 2018.01A: synthetic modulations at known SNRs (O'Shea et al.).

2016.10A  `RML2016.10a_dict.pkl`, a Python 2 pickle of {(modulation, SNR): float32 [1000, 2, 128]}.
          It is read as data (radiofm/pickled.py): nothing that it names is loaded or called.
2018.01A  `GOLD_XYZ_OSC.0001_1024.hdf5`: `X` [N, 1024, 2] float32, `Y` [N, 24] one-hot, `Z` [N, 1]
          SNR in dB.

Traps. The order of the 24 classes is that of the later `classes-fixed.json`: `classes.txt` in the
archive is wrong. Neither set says which signals share a seed: there are no groups; splits are
stratified by modulation and SNR.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from radiofm.pickled import array_in, number_in, read_pickle
from radiofm_models.datasets.dataset import Array, Dataset
from radiofm_models.datasets.files import broken, float32, line
from radiofm_models.datasets.hdf5 import Hdf5

LABELS_2018 = (
    "OOK", "4ASK", "8ASK", "BPSK", "QPSK", "8PSK", "16PSK", "32PSK", "16APSK", "32APSK", "64APSK",
    "128APSK", "16QAM", "32QAM", "64QAM", "128QAM", "256QAM", "AM-SSB-WC", "AM-SSB-SC",
    "AM-DSB-WC", "AM-DSB-SC", "FM", "GMSK", "OQPSK",
)  # fmt: skip
CHUNK = 1 << 16  # rows of Y at a time


class RadioML2016(Dataset):
    """IQ float32 [2, 128], rows I and Q; all in memory: 225 MB, and 0.8 GB while it is opened."""

    name = "radioml-2016.10a"
    axes = "I and Q, sample; as stored"
    target = "modulation"

    def __init__(self, path: Path | str) -> None:
        """`path` is the pickle, or its folder."""
        self.path = Path(path)
        if self.path.is_dir():
            self.path /= "RML2016.10a_dict.pkl"
        self.files = [self.path]
        blocks = self._blocks()
        self._samples = np.concatenate([block for _, _, block in blocks])
        counts = [len(block) for _, _, block in blocks]
        self.labels = tuple(sorted({label for label, _, _ in blocks}))
        self.classes = np.repeat([self.labels.index(label) for label, _, _ in blocks], counts)
        self.snr_db = np.repeat(np.array([snr for _, snr, _ in blocks], np.float32), counts)

    def _blocks(self) -> list[tuple[str, float, Array]]:
        """(modulation, SNR in dB, samples [n, 2, 128]), sorted."""
        try:
            with self.path.open("rb") as file:
                found = read_pickle(file)
        except (OSError, ValueError) as error:
            raise broken(self.path, f"it is not read as RadioML's pickle ({line(error)})") from None
        if not isinstance(found, dict) or not found:
            raise broken(self.path, "its pickle holds no dict of (modulation, SNR)")
        blocks = []
        for key, value in found.items():
            match key:
                case (str(label), snr) if (snr_db := number_in(snr)) is not None:
                    samples = array_in(value)
                case _:
                    raise broken(self.path, f"the key {key!r} is not (modulation, SNR)")
            if samples is None or samples.ndim != 3 or samples.shape[1] != 2:
                raise broken(self.path, f"{key} is no array of shape (n, 2, samples)")
            blocks.append((label, snr_db, float32(self.path, samples)))
        if len({block.shape[2] for *_, block in blocks}) > 1:
            raise broken(self.path, "its arrays are not of one length")
        return sorted(blocks, key=lambda block: block[:2])

    def __len__(self) -> int:
        return len(self._samples)

    def item(self, index: int) -> tuple[Array, int]:
        assert self.classes is not None
        return self._samples[index], int(self.classes[index])


class RadioML2018(Dataset):
    """IQ float32 [2, 1024], rows I and Q, read item by item."""

    name = "radioml-2018.01a"
    axes = "I and Q, sample; as stored"
    target = "modulation"
    labels = LABELS_2018

    def __init__(self, path: Path | str) -> None:
        """`path` is the HDF5 file, or its folder."""
        self.path = Path(path)
        if self.path.is_dir():
            self.path /= "GOLD_XYZ_OSC.0001_1024.hdf5"
        self.files, self._hdf5 = [self.path], Hdf5(self.path)
        count = self._hdf5.shape("X", None, None, 2)[0]
        self._hdf5.shape("Y", count, len(LABELS_2018))
        self._hdf5.shape("Z", count, 1)
        parts = []
        for start in range(0, count, CHUNK):
            one_hot = self._hdf5.read("Y", slice(start, start + CHUNK))
            if np.any((one_hot != 0).sum(axis=1) != 1):
                raise broken(self.path, "Y is not one-hot")
            parts.append(one_hot.argmax(axis=1))
        if not parts:
            raise broken(self.path, "X is empty")
        self.classes = np.concatenate(parts)
        self.snr_db = self._hdf5.read("Z")[:, 0].astype(np.float32)

    def __len__(self) -> int:
        assert self.classes is not None
        return len(self.classes)

    def item(self, index: int) -> tuple[Array, int]:
        assert self.classes is not None
        iq = self._hdf5.read("X", index)
        return float32(self.path, iq.T), int(self.classes[index])
