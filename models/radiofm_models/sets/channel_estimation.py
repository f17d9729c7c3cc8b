"""The MIMO-OFDM uplink of the WavesFM paper, its channels drawn by Sionna (TR 38.901 UMi).

One user, one antenna, QPSK on a grid of 14 symbols, pilots on all subcarriers of two of them; a
base station of 16 antennas. No path loss, no shadowing: every sample's channel has mean power 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from radiofm.array_set import ArrayInfo, Arrays
from radiofm.errors import MissingDependencyError
from radiofm_models.ofdm import covariances, qpsk

BATCH = 64


@dataclass(frozen=True)
class ChannelEstimation:
    """Defaults: as the paper; where it is silent (`subcarriers`), 6 resource blocks."""

    subcarriers: int = 72
    panel: Literal["1x8", "4x2"] = "1x8"  # rows x columns, each of two crossed elements
    snr_db: tuple[float, float] = (-10.0, 20.0)  # drawn evenly; per antenna and element
    symbols: int = 14
    pilot_symbols: tuple[int, ...] = (2, 11)
    spacing_hz: float = 30e3
    carrier_hz: float = 3.5e9
    speed_m_s: float = 3.0

    name: ClassVar[str] = "channel-estimation"
    about: ClassVar[str] = (
        "MIMO-OFDM uplink of the WavesFM paper: one user, 16 antennas, 3GPP UMi drawn by Sionna. "
        "The grid sent and the grids received, and the channel to be found. "
        "The covariances, of other drops, are what an LMMSE estimator may know."
    )
    not_for: ClassVar[str] = (
        "measured: a statistical channel without interference, synchronisation error or front end."
    )
    group: ClassVar[str | None] = None
    shard: ClassVar[int] = BATCH
    needs: ClassVar[tuple[str, ...]] = ("numpy", "torch", "sionna-no-rt")

    def arrays(self) -> dict[str, ArrayInfo]:
        grid = (self.symbols, self.subcarriers)
        return {
            "x_rg": ArrayInfo(
                dtype="complex64", shape=grid, about="sent: symbol, subcarrier; mean power 1"
            ),
            "y_rg": ArrayInfo(
                dtype="complex64", shape=(16, *grid), about="received: antenna, symbol, subcarrier"
            ),
            "h_freq": ArrayInfo(
                dtype="complex64", shape=(16, *grid), about="channel: antenna, symbol, subcarrier"
            ),
            "snr_db": ArrayInfo(dtype="float32", shape=(), about="of each element, dB"),
        }

    def make(self, rows: range, rng: np.random.Generator) -> Arrays:
        count, grid = len(rows), (self.symbols, self.subcarriers)
        h = self.channels(count, rng)
        x = qpsk(rng, (count, *grid))
        x[:, self.pilot_symbols] = self.pilots()
        snr_db = rng.uniform(*self.snr_db, count).astype(np.float32)
        sigma = np.sqrt(0.5 * 10 ** (-snr_db / 10))[:, None, None, None, None]
        noise = (sigma * rng.standard_normal((*h.shape, 2))).astype(np.float32)
        y = h * x[:, None] + noise.view(np.complex64)[..., 0]
        return {"x_rg": x, "y_rg": y, "h_freq": h, "snr_db": snr_db}

    def pilots(self) -> npt.NDArray[np.complex64]:
        """[pilot symbols, subcarriers]: QPSK, the same in every sample."""
        return qpsk(np.random.default_rng(0), (len(self.pilot_symbols), self.subcarriers))

    def covariances(self, seed: int, drops: int = 6 * BATCH) -> Arrays:
        """`covariance_time` and `covariance_frequency` of channels that are in no sample."""
        rng = np.random.default_rng([seed, 0x38901])
        batches = (self.channels(BATCH, rng) for _ in range(math.ceil(drops / BATCH)))
        time, frequency = covariances(np.concatenate(list(batches)))
        return {"covariance_time": time, "covariance_frequency": frequency}

    def channels(self, count: int, rng: np.random.Generator) -> npt.NDArray[np.complex64]:
        """[count, antenna, symbol, subcarrier], each sample of mean power 1."""
        try:
            import sionna.phy
            from sionna.phy.channel import GenerateOFDMChannel, gen_single_sector_topology
            from sionna.phy.channel.tr38901 import UMi
            from sionna.phy.ofdm import ResourceGrid
        except ImportError:
            raise MissingDependencyError("sionna-no-rt", "pip install 'radiofm[sim]'") from None
        sionna.phy.config.seed = int(rng.integers(2**31))
        umi = UMi(
            self.carrier_hz,
            "low",
            **self._arrays(),
            direction="uplink",
            enable_pathloss=False,
            enable_shadow_fading=False,
        )
        grid = ResourceGrid(self.symbols, self.subcarriers, self.spacing_hz, cyclic_prefix_length=6)
        with one_thread():
            topology = gen_single_sector_topology(
                count, 1, "umi", min_ut_velocity=self.speed_m_s, max_ut_velocity=self.speed_m_s
            )
            umi.set_topology(*topology)
            h = GenerateOFDMChannel(umi, grid, normalize_channel=True)(count)
        return np.ascontiguousarray(h.numpy()[:, 0, :, 0, 0])

    def _arrays(self) -> dict[str, Any]:
        from sionna.phy.channel.tr38901 import AntennaArray

        rows, columns = map(int, self.panel.split("x"))
        user = AntennaArray(1, 1, "single", "V", "omni", self.carrier_hz)
        station = AntennaArray(rows, columns, "dual", "cross", "38.901", self.carrier_hz)
        return {"ut_array": user, "bs_array": station}


PRESETS = {
    "paper": ChannelEstimation(),
    "authors": ChannelEstimation(subcarriers=48, panel="4x2"),  # as their released code
}


@contextmanager
def one_thread() -> Iterator[None]:
    """torch on one thread: sums in one order, and workers that do not fight for cores."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
