"""Beams: which of its beams a phased array sends on, told from what one receiver hears.

DeepBeam's layout: gains x beams x blocks of 2048 samples, several devices. The signal is OFDM of
random QPSK; path: the line of sight and a few reflections, fixed. See phased_array.py for what a
beam leaves on the signal.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from radiofm.array_set import ArrayInfo, Arrays
from radiofm_capture.sets.phased_array import FrontEnd, Geometry

Complex = npt.NDArray[np.complex128]

SUBCARRIERS, USED, PREFIX = 256, 208, 18  # of one OFDM symbol
TAPS = 64  # of a beam's response in time


@dataclass(frozen=True)
class Beams:
    """Defaults: a line of 12 elements, 24 beams, three devices: train on two, test on the third."""

    columns: int = 12
    rows: int = 1
    beams: int = 24
    phase_bits: int = 2
    antennas: int = 3  # transmitting devices
    devices: int = 0  # seed of the devices and the room: the same ones in every set
    spread: float = 1.0  # unlikeness of devices: 0 none, 1 uncalibrated
    gains_db: tuple[float, ...] = (40.0, 50.0, 60.0)
    snr_db: float = 30.0  # at the highest gain, of a beam that points at the receiver
    block: int = 2048
    rate_hz: float = 400e6
    carrier_hz: float = 60.48e9

    name: ClassVar[str] = "beams"
    about: ClassVar[str] = (
        "IQ of one receiver while a phased array sends on one of its beams, from several devices "
        "of one type. Train on some devices, test on another. Layout of DeepBeam."
    )
    not_for: ClassVar[str] = (
        "measured: linear arrays with drawn errors in a fixed room. How far accuracy falls between "
        "devices follows from `spread`, not from any real front end."
    )
    group: ClassVar[str | None] = "tx_antenna"
    shard: ClassVar[int] = 1024
    needs: ClassVar[tuple[str, ...]] = ("numpy",)

    def arrays(self) -> dict[str, ArrayInfo]:
        def label(about: str) -> ArrayInfo:
            return ArrayInfo(dtype="int64", shape=(), about=about)

        return {
            "iq": ArrayInfo(dtype="float32", shape=(self.block, 2), about="sample, I and Q"),
            "tx_beam": label("beam, from the left"),
            "rx_beam": label("always 0: the receiver has one"),
            "gain": ArrayInfo(dtype="float32", shape=(), about="of the transmitter, dB"),
            "tx_antenna": label("transmitting device"),
        }

    def make(self, rows: range, rng: np.random.Generator) -> Arrays:
        numbers = np.asarray(rows)
        beam, rest = numbers % self.beams, numbers // self.beams
        gain = np.asarray(self.gains_db)[rest % len(self.gains_db)]
        antenna = rest // len(self.gains_db) % self.antennas
        links = _links(self)
        iq = np.empty((len(rows), self.block, 2), np.float32)
        for i, out in enumerate(iq):
            taps, distortion = links[antenna[i]]
            out[:] = self._block(taps[beam[i]], distortion[beam[i]], gain[i], rng)
        zeros = np.zeros(len(rows))
        return {"iq": iq, "tx_beam": beam, "rx_beam": zeros, "gain": gain, "tx_antenna": antenna}

    def _block(
        self, taps: Complex, distortion: complex, gain_db: float, rng: np.random.Generator
    ) -> npt.NDArray[np.float64]:
        """One block [block, 2]: the array's signal and the receiver's noise, of power 1."""
        power_db = self.snr_db + gain_db - max(self.gains_db)
        x = _ofdm(rng, self.block + TAPS)
        drive = 10 ** ((gain_db - max(self.gains_db)) / 20)
        # The taps see the signal and what the amplifiers make of it.
        heard = (
            np.convolve(x, taps, "valid") + distortion * (x * np.abs(drive * x) ** 2)[TAPS - 1 :]
        )
        heard = 10 ** (power_db / 20) * np.exp(2j * np.pi * rng.random()) * heard[: self.block]
        noise = rng.standard_normal((self.block, 2)) / np.sqrt(2)
        return np.asarray(np.stack([heard.real, heard.imag], -1) + noise)

    def geometry(self) -> Geometry:
        return Geometry(self.columns, self.rows, self.beams, self.phase_bits)

    def link(self, antenna: int) -> tuple[Complex, Complex]:
        """Of device `antenna` by every path: taps [beam, tap] and distortion [beam]."""
        geometry = self.geometry()
        device = FrontEnd.draw(
            geometry, np.random.default_rng([self.devices, antenna + 1]), self.spread, self.rate_hz
        )
        room = np.random.default_rng([self.devices, 0])
        azimuths = np.r_[0.0, np.radians(room.uniform(-60, 60, 3))]
        delays = np.r_[0.0, room.uniform(2, 8, 3)] / self.rate_hz
        gains = np.r_[1.0, 10 ** (room.uniform(-14, -8, 3) / 20)] * np.exp(6.28j * room.random(4))
        offsets = np.asarray(np.fft.fftfreq(TAPS) * self.rate_hz, np.float64)
        response = np.zeros((self.beams, TAPS), np.complex128)
        distortion = np.zeros(self.beams, np.complex128)
        for azimuth, delay, gain in zip(azimuths, delays, gains, strict=True):
            turn = gain * np.exp(-2j * np.pi * offsets * (delay + 8 / self.rate_hz))
            response += turn * device.response(azimuth, offsets, self.carrier_hz)
            distortion += gain * device.distortion(azimuth)
        full = np.sqrt(geometry.elements)  # a beam that points at the receiver
        return np.fft.ifft(response, axis=1) / full, distortion / full


@lru_cache(maxsize=4)
def _links(recipe: Beams) -> list[tuple[Complex, Complex]]:
    return [recipe.link(antenna) for antenna in range(recipe.antennas)]


def _ofdm(rng: np.random.Generator, samples: int) -> Complex:
    """Random QPSK on OFDM, of power 1, from anywhere within a symbol."""
    length = SUBCARRIERS + PREFIX
    count = samples // length + 2
    k = np.r_[1 : USED // 2 + 1, -USED // 2 : 0]
    grid = np.zeros((count, SUBCARRIERS), np.complex128)
    grid[:, k] = np.exp(0.5j * np.pi * (rng.integers(0, 4, (count, USED)) + 0.5))
    symbols = np.fft.ifft(grid, axis=1) * SUBCARRIERS / np.sqrt(USED)
    whole = np.concatenate([symbols[:, -PREFIX:], symbols], axis=1).ravel()
    start = int(rng.integers(length))
    return whole[start : start + samples]


PRESETS: dict[str, Any] = {
    "line": Beams(),
    "panel": Beams(columns=8, rows=8),
}
