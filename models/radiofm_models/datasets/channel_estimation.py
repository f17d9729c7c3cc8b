"""MIMO-OFDM channel estimation, in the WavesFM authors' .npz files (Sionna, UMi, 16 antennas).

As simulated, a batch a file, in train/ and val/: `x_rg` [B, symbols, F] sent, `y_rg` and `h_freq`
[B, antennas, symbols, F] received and true channel, complex; `snr_db` [B].
Preprocessed, a sample a file: `x` [2, 1 + antennas, 2 F], `h` [2, antennas, symbols F], `snr_db`.

Both come out as the second (the first to the bit as the authors convert it): planes real and
imaginary; row 0 of `x` the pilots sent, the other rows what each antenna received, at symbols 2
and 11 (from 0), one after the other; `h` symbol by symbol. All are float32. The last file read is
kept in memory, so read in order where you can.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm_models.datasets.dataset import Array, Dataset
from radiofm_models.datasets.files import broken, find, float32, official, read_npz

PILOTS = (2, 11)  # symbols, from 0


class ChannelEstimation(Dataset):
    """Pilots float32 [2, 1 + antennas, 2 F]; labels: the channel, float32 [2, antennas, S F]."""

    name = "channel-estimation"
    axes = "real and imaginary, sent then received by antenna, subcarriers of both pilot symbols"
    target = "channel: real and imaginary, antenna, subcarriers of all symbols"

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        found = [(p, file) for p, folder in official(self.path) for file in find(folder, ".npz")]
        if not found:
            raise broken(self.path, "it has no .npz files", "give the folder of the files")
        parts, self.files = zip(*found, strict=True)
        levels = [_snr_db(file) for file in self.files]
        counts = [len(some) for some in levels]
        self._starts = np.concatenate([[0], np.cumsum(counts)])
        self.snr_db = np.concatenate(levels)
        self.parts = np.repeat(parts, counts) if parts[0] else None
        self._kept: tuple[int, Array, Array] | None = None

    def __len__(self) -> int:
        return int(self._starts[-1])

    def item(self, index: int) -> tuple[Array, Array]:
        at = int(np.searchsorted(self._starts, index, side="right")) - 1
        if self._kept is None or self._kept[0] != at:
            self._kept = (at, *_samples(self.files[at]))
        _, x, h = self._kept
        row = index - int(self._starts[at])
        return x[row], h[row]


def _snr_db(file: Path) -> Array:
    (levels,) = read_npz(file, "snr_db")
    if levels.ndim > 1 or levels.size == 0 or levels.dtype.kind == "c":
        raise broken(file, f"snr_db is {levels.dtype} {levels.shape}, not real, one a sample")
    return np.atleast_1d(levels).astype(np.float32)


def _samples(file: Path) -> tuple[Array, Array]:
    """All samples of a file: x [B, 2, 1 + antennas, 2 F] and h [B, 2, antennas, S F]."""
    (levels,) = read_npz(file, "snr_db")
    if levels.ndim == 0:  # of one sample, preprocessed
        x, h = read_npz(file, "x", "h")
        fits = x.ndim == h.ndim == 3 and x.shape[0] == h.shape[0] == 2
        if not fits or x.shape[1] != h.shape[1] + 1 or h.shape[2] % (x.shape[2] // 2 or 1):
            raise broken(file, f"x {x.shape} and h {h.shape} are not one sample's")
        return float32(file, x[None]), float32(file, h[None])
    sent, received, channel = read_npz(file, "x_rg", "y_rg", "h_freq")
    grid = sent.shape[:1] + channel.shape[1:2] + sent.shape[1:]
    fits = sent.ndim == 3 and len(sent) == len(levels) and sent.shape[1] > max(PILOTS)
    if not fits or not received.shape == channel.shape == grid:
        raise broken(
            file,
            f"x_rg {sent.shape}, y_rg {received.shape} and h_freq {channel.shape} are not grids of "
            f"{len(levels)} samples",
        )
    x, h = of_grids(sent, received, channel)
    return float32(file, x), float32(file, h)


def of_grids(
    sent: npt.NDArray[Any], received: npt.NDArray[Any], channel: npt.NDArray[Any]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """x [B, 2, 1 + antennas, 2 F] and h [B, 2, antennas, S F] of complex grids [B, ..., S, F]."""
    pilots = np.concatenate([sent[:, None], received], axis=1)[:, :, PILOTS]
    return _planes(pilots), _planes(channel)


def _planes(grids: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Complex [B, rows, symbols, F] as [B, 2, rows, symbols F]."""
    flat = grids.reshape(*grids.shape[:2], -1)
    return np.stack([flat.real, flat.imag], axis=1)
