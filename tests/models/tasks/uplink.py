"""Channel-estimation files as the WavesFM authors' scripts write them, of numpy's own channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from radiofm_models.ofdm import Grid, qpsk
from tests.models.test_ofdm import SUBCARRIERS, channels

ANTENNAS, SYMBOLS = 16, 14
ENTRIES = SYMBOLS * SUBCARRIERS
PILOTS = [2, 11]


def grids(
    count: int, seed: int
) -> tuple[Grid, Grid, Grid, np.ndarray[tuple[int], np.dtype[np.float32]]]:
    """Sent, received, channel and SNR; channels of power 1 on average."""
    rng = np.random.default_rng(seed)
    h = channels(count * ANTENNAS, rng).reshape(count, ANTENNAS, SYMBOLS, SUBCARRIERS)
    x = qpsk(rng, (count, SYMBOLS, SUBCARRIERS))
    x[:, PILOTS] = qpsk(np.random.default_rng(0), (2, SUBCARRIERS))
    snr_db = rng.permutation(np.linspace(-10, 20, count)).astype(np.float32)
    noise = rng.normal(size=(*h.shape, 2)) @ [1, 1j]
    y = h * x[:, None] + np.sqrt(10 ** (-snr_db / 10) / 2)[:, None, None, None] * noise
    return x, y.astype(np.complex64), h.astype(np.complex64), snr_db


def write(root: Path, train: int, test: int) -> Path:
    for seed, (part, count) in enumerate([("train", train), ("val", test)]):
        (root / part).mkdir(parents=True)
        x, y, h, snr_db = grids(count, seed)
        np.savez(root / part / "batch_0.npz", x_rg=x, y_rg=y, h_freq=h, snr_db=snr_db)
    return root
