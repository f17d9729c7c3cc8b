"""Angle of arrival: IQ of a receiver of several coherent channels, the sender at known angles.

A line of antennas half a wavelength apart. Each receiver has channels of unlike gain and phase, and
they drift as it warms, from session to session; a wall or two reflect. As in ProtoAoA, some angles
can be kept for a few shots only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from radiofm.array_set import ArrayInfo, Arrays

Complex = npt.NDArray[np.complex128]

SAMPLES_PER_SYMBOL = 4


@dataclass(frozen=True)
class AngleOfArrival:
    """Defaults: the three angles of DeepBeam's angle-of-arrival recordings."""

    angles_deg: tuple[float, ...] = (-45.0, 0.0, 45.0)
    channels: int = 4
    block: int = 1024
    snr_db: tuple[float, float] = (5.0, 25.0)  # of each channel, drawn for each block
    gain_error_db: float = 0.5  # deviation between channels
    phase_error_deg: float = 10.0  # deviation between channels, drawn for each session
    echo_db: float = -12.0  # of each of two reflections, their angles drawn for each session

    name: ClassVar[str] = "aoa"
    about: ClassVar[str] = (
        "IQ of a receiver of several coherent channels and the angle that the signal comes from: "
        "random QPSK, carrier offset, two reflections, channels of unlike gain and phase."
    )
    not_for: ClassVar[str] = (
        "measured: ideal antennas on a line, drawn errors, reflections of no delay. No more than "
        "the name and the task are known of the ProtoAoA recordings."
    )
    group: ClassVar[str | None] = "session"
    shard: ClassVar[int] = 512  # a session
    needs: ClassVar[tuple[str, ...]] = ("numpy",)

    def arrays(self) -> dict[str, ArrayInfo]:
        shape = (self.channels, self.block, 2)
        return {
            "iq": ArrayInfo(dtype="float32", shape=shape, about="channel, sample, I and Q"),
            "angle": ArrayInfo(dtype="float32", shape=(), about="degrees, 0 is broadside"),
            "snr_db": ArrayInfo(dtype="float32", shape=(), about="of each channel, dB"),
            "session": ArrayInfo(dtype="int64", shape=(), about="same receiver, place, warmth"),
        }

    def make(self, rows: range, rng: np.random.Generator) -> Arrays:
        gain = 10 ** (rng.normal(0, self.gain_error_db, self.channels) / 20)
        phase = np.radians(rng.normal(0, self.phase_error_deg, self.channels))
        errors = gain * np.exp(1j * phase)
        walls = self.steering(rng.uniform(-80, 80, 2))
        angle = np.asarray(self.angles_deg)[np.asarray(rows) % len(self.angles_deg)]
        snr_db = rng.uniform(*self.snr_db, len(rows))
        iq = np.empty((len(rows), self.channels, self.block, 2), np.float32)
        for out, direct, snr in zip(iq, self.steering(angle), snr_db, strict=True):
            turns = np.exp(2j * np.pi * rng.random(2)) * 10 ** (self.echo_db / 20)
            heard = np.outer(errors * (direct + turns @ walls), self._signal(rng))
            noise = rng.standard_normal(out.shape) * np.sqrt(0.5) * 10 ** (-snr / 20)
            out[:] = np.stack([heard.real, heard.imag], -1) + noise
        session = np.full(len(rows), rows.start // self.shard)
        return {"iq": iq, "angle": angle, "snr_db": snr_db, "session": session}

    def steering(self, angle_deg: npt.NDArray[np.float64]) -> Complex:
        """[angle, channel]"""
        turns = 0.5 * np.sin(np.radians(angle_deg))[:, None] * np.arange(self.channels)
        return np.asarray(np.exp(2j * np.pi * turns))

    def _signal(self, rng: np.random.Generator) -> Complex:
        """QPSK of power 1 with any phase and a carrier offset of up to 1 % of the rate."""
        symbols = np.exp(0.5j * np.pi * rng.integers(0, 4, self.block // SAMPLES_PER_SYMBOL + 1))
        x = np.repeat(symbols, SAMPLES_PER_SYMBOL)[: self.block]
        offset = rng.uniform(-0.01, 0.01)
        return np.asarray(x * np.exp(2j * np.pi * (offset * np.arange(self.block) + rng.random())))


PRESETS: dict[str, Any] = {
    "three": AngleOfArrival(),
    "fine": AngleOfArrival(angles_deg=tuple(np.arange(-60.0, 61.0, 3.0).tolist())),
}
