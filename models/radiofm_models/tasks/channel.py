"""MIMO-OFDM channel estimation: the channel of every antenna, symbol and subcarrier, from pilots.

"6G WavesFM" (Aboulfotouh et al., 2025), sections III-B, IV-C and V. A head's output is
[n, 2, rows, columns]: real and imaginary part of the channel, antenna by antenna, symbol by symbol,
filled up to whole patches. Channels have mean power 1, so that targets need no scaling.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from torch import Tensor

from radiofm.errors import UsageError
from radiofm_models.data import Indices
from radiofm_models.datasets.channel_estimation import PILOTS
from radiofm_models.heads import channel_head
from radiofm_models.material import Material
from radiofm_models.metrics import channel_errors_by_snr
from radiofm_models.ofdm import Grid, Lmmse, covariances, linear, ls_at_pilots, nearest
from radiofm_models.probes import Head
from radiofm_models.recipe import TuneRecipe
from radiofm_models.tasks.task import Figures, Outputs, Task
from radiofm_models.vit import ViTConfig

A, B, C = 10.6009, 0.2259, -0.7640  # of equation 20, as the authors' code has them
LEAST = 1e-3  # the least weight: equation 20 is negative below -11.65 dB
STEP_DB = 2.5  # of the curves
AT_MOST = 512  # training channels to know the covariances by


def snr_weight(snr_db: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Equation 20, never below LEAST.

    Its constants give 20 dB 2,828 times the weight of -10 dB, and 99 times that of 0 dB; the text
    says 100 times that of -10 dB.
    """
    return np.asarray(np.maximum(A * np.exp(B * snr_db) + C, LEAST), np.float32)


def back_off_db(
    model: npt.NDArray[np.floating],
    fallback: npt.NDArray[np.floating],
    snr_db: npt.NDArray[np.floating],
) -> float:
    """The SNR from which on the fallback is to be taken: the least sum of errors [n] of both.

    Infinite where the fallback never pays.
    """
    order = np.argsort(snr_db)
    gain = (model.astype(np.float64) - fallback)[order]
    gains = np.append(np.cumsum(gain[::-1])[::-1], 0.0)  # of taking the fallback from item i on
    return float(np.append(snr_db[order], np.inf)[gains.argmax()])


class ChannelEstimation(Task):
    """Equation 21: the squared error of each item, weighted by its SNR; here a mean over entries,
    of which the paper takes the sum."""

    name = "channel"
    wire = "channel"
    combinations = ("back-off to LS",)

    def __init__(self, material: Material, recipe: TuneRecipe) -> None:
        super().__init__(material, recipe)
        if material.targets is None or material.targets.shape[1:2] != (2,):
            raise UsageError(f"{material.source} has no channels to estimate")
        if material.dataset.snr_db is None:
            raise UsageError(f"{material.source} has no snr_db: the loss is weighted by it")
        self._snr_db = material.dataset.snr_db
        self._antennas, self._entries = material.targets.shape[2:]

    def head(self, config: ViTConfig, grid: tuple[int, int]) -> Head:
        out = (-(-self._antennas // config.patch), -(-self._entries // config.patch))
        if out[0] * out[1] > grid[0] * grid[1]:
            raise UsageError(
                f"size {self.material.size}: {grid[0] * grid[1]} tokens cannot give "
                f"{out[0] * out[1]} patches of the channel: take a larger size"
            )
        return channel_head(config, grid, out)

    def loss(self, output: Tensor, rows: Indices) -> Tensor:
        truth = self._tensor(self.targets(rows), output)
        weight = self._tensor(snr_weight(self._snr_db[rows]), output)
        error = output[..., : self._antennas, : self._entries] - truth
        return (weight * error.square().mean(dim=(1, 2, 3))).mean()

    def metrics(self, outputs: Outputs, rows: Indices) -> Figures:
        """MSE of real and imaginary parts (of a channel taken for 0 it is 1/2), NMSE, by SNR."""
        truth, snr_db = self.targets(rows), self._snr_db[rows]
        estimate = outputs[..., : self._antennas, : self._entries]
        (whole,) = channel_errors_by_snr(truth, estimate, np.zeros(len(rows)))
        return {
            "mse": whole["mse"],
            "nmse_db": whole["nmse_db"],
            "by_snr": channel_errors_by_snr(truth, estimate, snr_db, STEP_DB),
            "score": -whole["mse"],
        }

    def trivial(self, rows: Indices) -> dict[str, Outputs]:
        """No channel at all; least squares; and LMMSE, which knows each item's SNR and the
        covariances of training channels."""
        at_pilots = self._at_pilots(rows)
        seen = self._complex(self.targets(self.material.split.train[:AT_MOST]))
        lmmse = Lmmse(*covariances(seen), PILOTS)
        noise = 10 ** (-self._snr_db[rows].astype(np.float64) / 10)
        symbols = seen.shape[2]
        smooth = [lmmse(one, float(n)) for one, n in zip(at_pilots, noise, strict=True)]
        return {
            "zero": np.zeros((len(rows), 2, self._antennas, self._entries), np.float32),
            "LS nearest": _planes(nearest(at_pilots, PILOTS, symbols)),
            "LS linear": _planes(linear(at_pilots, PILOTS, symbols)),
            "LMMSE": _planes(np.stack(smooth)),
        }

    def combined(
        self, outputs_of: Callable[[Indices], Outputs], rows: Indices
    ) -> dict[str, Figures]:
        """Back-off (section V): the head below an SNR, least squares from there on."""
        seen = self.material.split.validation
        threshold = back_off_db(
            self._errors(outputs_of(seen), seen),
            self._errors(self._least_squares(seen), seen),
            self._snr_db[seen],
        )
        high = (self._snr_db[rows] >= threshold)[:, None, None, None]
        outputs = outputs_of(rows)[..., : self._antennas, : self._entries]
        figures = self.metrics(np.where(high, self._least_squares(rows), outputs), rows)
        never = np.isinf(threshold)
        return {self.combinations[0]: figures | {"back_off_db": None if never else threshold}}

    def _errors(self, outputs: Outputs, rows: Indices) -> npt.NDArray[np.floating]:
        error = outputs[..., : self._antennas, : self._entries] - self.targets(rows)
        return np.asarray(np.square(error).mean(axis=(1, 2, 3)))

    def _least_squares(self, rows: Indices) -> Outputs:
        at_pilots = self._at_pilots(rows)
        symbols = self._entries // at_pilots.shape[-1]
        return _planes(linear(at_pilots, PILOTS, symbols))

    def _at_pilots(self, rows: Indices) -> Grid:
        """Least squares at the pilots, complex [rows, antenna, pilot, subcarrier], of whole items:
        what the encoder sees is resized."""
        x = np.stack([self.material.dataset.item(int(row))[0] for row in rows])
        grids = (x[:, 0] + 1j * x[:, 1]).reshape(len(rows), -1, len(PILOTS), x.shape[-1] // 2)
        return ls_at_pilots(grids[:, 1:], grids[:, :1], range(len(PILOTS)))

    def _complex(self, planes: Outputs) -> Grid:
        """[n, 2, antennas, symbols F] -> complex [n, antenna, symbol, F]."""
        subcarriers = self.material.dataset.item(0)[0].shape[-1] // len(PILOTS)
        flat: Grid = planes[:, 0] + 1j * planes[:, 1]
        return flat.reshape(*flat.shape[:2], -1, subcarriers)


def _planes(grids: Grid) -> Outputs:
    """Complex [n, antenna, symbol, F] -> [n, 2, antennas, symbols F]."""
    flat = grids.reshape(*grids.shape[:2], -1)
    return np.stack([flat.real, flat.imag], axis=1).astype(np.float32)
