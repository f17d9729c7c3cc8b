"""Channel estimation on an OFDM grid: what a network must beat. Plain numpy.

Pilots lie on every subcarrier of a few symbols (Sionna's "kronecker" pattern with one stream).
Shapes: grids [..., symbol, subcarrier], complex; estimates at the pilots [..., pilot, subcarrier].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm.array_set import ArraySet

Grid = npt.NDArray[np.complexfloating[Any, Any]]


def qpsk(rng: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.complex64]:
    """Random QPSK of power 1."""
    bits = rng.integers(0, 2, (*shape, 2), np.int8)
    return ((1 - 2 * bits) * np.float32(np.sqrt(0.5))).view(np.complex64)[..., 0]


def covariances(h: Grid) -> tuple[Grid, Grid]:
    """E[h h^H] over symbols and over subcarriers of channels [..., symbol, subcarrier]."""
    flat = h.reshape(-1, *h.shape[-2:])
    time = np.tensordot(flat, flat.conj(), ((0, 2), (0, 2)))
    frequency = np.tensordot(flat, flat.conj(), ((0, 1), (0, 1)))
    return time / flat[:, 0].size, frequency / flat[:, :, 0].size


def ls_at_pilots(y: Grid, pilots: Grid, pilot_symbols: Sequence[int]) -> Grid:
    """Least squares: y / p at the pilots [pilot, subcarrier]."""
    return y[..., list(pilot_symbols), :] / pilots


def nearest(at_pilots: Grid, pilot_symbols: Sequence[int], symbols: int) -> Grid:
    """Every symbol as its nearest pilot symbol (of two as near, the earlier)."""
    distance = np.abs(np.arange(symbols)[:, None] - np.asarray(pilot_symbols))
    return at_pilots[..., distance.argmin(1), :]


def linear(at_pilots: Grid, pilot_symbols: Sequence[int], symbols: int) -> Grid:
    """Every symbol on the line through the two pilot symbols."""
    first, second = pilot_symbols
    t = ((np.arange(symbols) - first) / (second - first))[:, None]
    out: Grid = (1 - t) * at_pilots[..., :1, :] + t * at_pilots[..., 1:, :]
    return out


class Lmmse:
    """LMMSE in time, then in frequency, with known covariances and noise power.

    The two passes of Sionna's `LMMSEChannelEstimator(order="t-f")`. Between them the estimate is
    made unbiased: divided by r - e, e its error variance and r the channel's. In the eigenbasis of
    the frequency covariance the second filter is diagonal, whatever the noise: no inverse at all.
    """

    def __init__(self, time: Grid, frequency: Grid, pilot_symbols: Sequence[int]) -> None:
        self._time, self._pilots = time, list(pilot_symbols)
        values, self._basis = np.linalg.eigh(frequency)
        self._values = np.maximum(values, 0)

    def __call__(self, at_pilots: Grid, noise: float) -> Grid:
        """The grid [..., symbol, subcarrier] from least squares at the pilots of error `noise`."""
        cross = self._time[:, self._pilots]
        inner = self._time[np.ix_(self._pilots, self._pilots)] + noise * np.eye(len(self._pilots))
        smooth = np.linalg.solve(inner.T, cross.T).T  # [symbol, pilot]
        power = np.diag(self._time).real
        explained = np.einsum("sp,sp->s", smooth, cross.conj()).real
        scale = power / explained
        error = np.maximum(power - explained, 0) * scale  # [symbol]
        estimate = np.einsum("sp,...pk->...sk", smooth * scale[:, None], at_pilots)
        gain = self._values / (self._values + error[:, None])  # [symbol, eigenvector]
        modes = (estimate @ self._basis.conj()) * gain
        out: Grid = modes @ self._basis.T
        return out


def nmse_db(estimate: Grid, h: Grid) -> float:
    """Error power over channel power, both summed over all of the arrays."""
    error = np.sum(np.abs(estimate - h) ** 2, dtype=np.float64)
    return float(10 * np.log10(error / np.sum(np.abs(h) ** 2, dtype=np.float64)))


def baselines(samples: ArraySet, at_most: int = 256) -> dict[int, dict[str, float]]:
    """NMSE in dB of LS (nearest, linear) and LMMSE on the first samples, by SNR to 5 dB."""
    rows = slice(min(at_most, len(samples)))
    p, n = samples.info.parameters["pilot_symbols"], samples.info.parameters["symbols"]
    lmmse = Lmmse(samples.constant("covariance_time"), samples.constant("covariance_frequency"), p)
    x, y, h, snr = (samples.read(name, rows) for name in ("x_rg", "y_rg", "h_freq", "snr_db"))
    level = 5 * np.round(snr / 5).astype(int)
    made = {name: np.empty_like(h) for name in ("ls_nearest", "ls_linear", "lmmse")}
    for i, snr_db in enumerate(snr.tolist()):
        at_pilots = ls_at_pilots(y[i], x[i][p], p)
        made["ls_nearest"][i] = nearest(at_pilots, p, n)
        made["ls_linear"][i] = linear(at_pilots, p, n)
        made["lmmse"][i] = lmmse(at_pilots, 10 ** (-snr_db / 10))
    return {
        int(at): {k: round(nmse_db(e[level == at], h[level == at]), 2) for k, e in made.items()}
        for at in np.unique(level)
    }
