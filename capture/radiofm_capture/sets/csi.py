"""Wi-Fi CSI of activities: a person as moving scatterers between a sender and three antennas.

Layout of NTU-Fi HAR: 3 antennas x 114 subcarriers (802.11n at 40 MHz: -58..-2, 2..58), 2000
packets at 500 Hz, amplitudes in dB. The motion is in activities.py, the air is here: a direct path
of amplitude 1, echoes of the room that stand still, and one bounce off each point of the body,
r d0 / (d1 d2) exp(-2 pi i f (d1 + d2 - d0) / c).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy.constants import c as LIGHT

from radiofm.array_set import ArrayInfo, Arrays
from radiofm_capture.sets.activities import ACTIVITIES, REFLECTION_M, Person, positions

Array = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]

SPACING_HZ = 312.5e3
OUTER = 58
SUBCARRIERS = np.r_[-OUTER:-1, 2 : OUTER + 1]
ECHOES = 12
LEVEL_DB = 42.0  # of the direct path, about where the public set's amplitudes lie


@dataclass(frozen=True)
class Csi:
    """A session is a room, a link and a person, and has each activity in turn."""

    carrier_hz: float = 5.2e9
    packets: int = 2000
    packet_hz: float = 500.0
    antennas: int = 3
    snr_db: tuple[float, float] = (20.0, 30.0)  # of the direct path, drawn for each session
    gain_db: float = 0.3  # deviation of the automatic gain, anew for each packet

    name: ClassVar[str] = "csi"
    about: ClassVar[str] = (
        "Wi-Fi CSI amplitudes of six activities by moving scatterers: a smoke test, which shows "
        "that a chain from CSI to labels runs. Layout of NTU-Fi HAR."
    )
    not_for: ClassVar[str] = (
        "measured, nor fit for any claim on activity sensing: six hand-made motions of seven "
        "points, single bounces. Accuracy on it says nothing of accuracy on people."
    )
    group: ClassVar[str | None] = "session"
    shard: ClassVar[int] = 12  # a session
    needs: ClassVar[tuple[str, ...]] = ("numpy",)

    def arrays(self) -> dict[str, ArrayInfo]:
        shape = (self.antennas * SUBCARRIERS.size, self.packets)
        return {
            "CSIamp": ArrayInfo(
                dtype="float32", shape=shape, about="dB: antenna, subcarrier (as one axis), packet"
            ),
            "label": ArrayInfo(dtype="int64", shape=(), about="activity", labels=ACTIVITIES),
            "session": ArrayInfo(dtype="int64", shape=(), about="the same room, link and person"),
        }

    def make(self, rows: range, rng: np.random.Generator) -> Arrays:
        length = rng.uniform(3, 5)
        person = Person.draw(rng, (length * rng.uniform(0.3, 0.7), rng.uniform(0.5, 1.5)))
        room = _echoes(self.antennas, rng)
        snr_db = rng.uniform(*self.snr_db)
        t = np.arange(self.packets) / self.packet_hz
        label = np.asarray(rows) % len(ACTIVITIES)
        out = np.empty((len(rows), *self.arrays()["CSIamp"].shape), np.float32)
        for amplitudes, activity in zip(out, label, strict=True):
            h = room[:, :, None] + self._bounces(
                positions(ACTIVITIES[activity], person, t, rng), length
            )
            h += 10 ** (-snr_db / 20) * _noise(rng, h.shape)
            gain = LEVEL_DB + self.gain_db * rng.standard_normal(self.packets)
            amplitudes[:] = (20 * np.log10(np.abs(h)) + gain).reshape(amplitudes.shape)
        session = np.full(len(rows), rows.start // self.shard)
        return {"CSIamp": out, "label": label, "session": session}

    def _bounces(self, points: Array, length: float) -> Complex:
        """The channel [antenna, subcarrier, packet] by way of `points` [packet, point, 3]."""
        wave = LIGHT / self.carrier_hz
        sender = np.array([0.0, 0.0, 1.0])
        receiver = np.array([[length, wave / 2 * i, 1.0] for i in range(self.antennas)])
        first = np.linalg.norm(points - sender, axis=-1)
        second = np.linalg.norm(points - receiver[:, None, None], axis=-1)
        delay = (first + second - length) / LIGHT  # [antenna, packet, point]
        near = np.maximum(first * second, 0.25)
        path = REFLECTION_M * length / near * np.exp(-2j * np.pi * self.carrier_hz * delay)
        # From one subcarrier to the next every path turns by the same angle.
        turn = np.exp(-2j * np.pi * SPACING_HZ * delay)
        path = path * turn**-OUTER
        grid: Complex = np.empty((self.antennas, 2 * OUTER + 1, len(points)), np.complex128)
        for k in range(2 * OUTER + 1):
            grid[:, k] = path.sum(-1)
            path *= turn
        used: Complex = grid[:, SUBCARRIERS + OUTER]
        return used


def _echoes(antennas: int, rng: np.random.Generator) -> Complex:
    """The direct path and what stands still: [antenna, subcarrier]."""
    delay = rng.exponential(30e-9, ECHOES)
    amplitude = 0.3 * np.exp(-delay / 60e-9) * _noise(rng, (antennas, ECHOES))
    turns = np.exp(-2j * np.pi * SPACING_HZ * SUBCARRIERS * delay[:, None])
    start = np.exp(2j * np.pi * rng.random(antennas))
    return np.asarray(start[:, None] + amplitude @ turns)


def _noise(rng: np.random.Generator, shape: tuple[int, ...]) -> Complex:
    """Circular, of power 1."""
    parts: Complex = rng.standard_normal((*shape, 2)).view(np.complex128)[..., 0]
    parts /= np.sqrt(2)
    return parts


PRESETS: dict[str, Any] = {"ntu-fi": Csi()}
