"""A microwave oven: a magnetron that the mains switches and sweeps.

After the measurements of Kamerman and Erkocevic (PIMRC 1997) and Taher, Misurac, LoCicero and Ucci
(2008): in half of each mains cycle, 8 to 10 ms, a strong tone whose frequency follows the voltage
around its peak over some megahertz, with wideband transients as it starts and stops.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from radiofm_capture.scenes.rhythm import Steady
from radiofm_capture.scenes.signal import Burst, Iq, sample_span
from radiofm_capture.scenes.track import along, boxes

PIECE_S = 0.5e-3  # boxes that follow the sweep
TRANSIENT_S = 60e-6  # decay
NOISE_HZ = 300e3  # how far the frequency wanders around the sweep, in `WANDER_S`
WANDER_S = 20e-6


class Microwave(Steady):
    """The centre is that of the sweep, 2.44 to 2.47 GHz."""

    family: Literal["microwave"] = "microwave"
    mains_hz: Literal[50, 60] = 50
    sweep_hz: Annotated[float, Field(gt=0)] = 8e6
    duty: Annotated[float, Field(gt=0, le=0.5)] = 0.42  # share of the mains cycle that it is on
    both: bool = False  # it is on in both half cycles, as behind an inverter
    transient_hz: Annotated[float, Field(ge=0)] = 40e6  # how far starts and stops reach

    @property
    def bandwidth_hz(self) -> float:
        return self.sweep_hz

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        iq = np.zeros(count, np.complex64)
        bursts: list[Burst] = []
        period = 1 / self.mains_hz / (2 if self.both else 1)
        length = self.duty / self.mains_hz
        at = -float(rng.random()) * period
        lean = rng.uniform(-0.3, 0.3)  # of the sweep, which is not the same up and down
        while at < count / rate:
            jitter = rng.normal(0, 50e-6)
            first, last = sample_span(at + jitter, at + jitter + length, rate, count)
            if first < last:
                time = np.arange(first, last) / rate - at - jitter
                track = offset_hz + self._track(time, length, lean, rng)
                iq[first:last] = along(track, rate) * self._level(time, length)
                bursts += boxes(track, first, round(PIECE_S * rate), 2 * NOISE_HZ)
            at += period
        return iq, bursts

    def _track(
        self, time: np.ndarray[tuple[int], np.dtype[np.float64]], length: float, lean: float,
        rng: np.random.Generator,
    ) -> np.ndarray[tuple[int], np.dtype[np.float64]]:  # fmt: skip
        """Hz from the centre: up with the voltage and down again, thrown aside at both ends."""
        share = time / length
        sweep = np.sin(np.pi * share) + lean * np.sin(2 * np.pi * share) - 0.5
        knots = np.arange(time[0], time[-1] + 2 * WANDER_S, WANDER_S)
        wander = np.interp(time, knots, rng.normal(0, NOISE_HZ, len(knots)))
        thrown = np.exp(-time / TRANSIENT_S) + np.exp(-(length - time) / TRANSIENT_S)
        return np.asarray(sweep * self.sweep_hz + wander - thrown * self.transient_hz)

    def _level(
        self, time: np.ndarray[tuple[int], np.dtype[np.float64]], length: float
    ) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        """Amplitude, of unit mean power: it follows the half wave's middle."""
        level = 0.6 + 0.4 * np.sin(np.pi * time / length)
        mean = 0.36 + 0.48 * 2 / np.pi + 0.16 / 2
        return np.asarray(level / np.sqrt(mean), np.float32)


def draw_microwave(rng: np.random.Generator, rate: float) -> Microwave:
    both = bool(rng.random() < 0.3)
    return Microwave.model_validate(
        {
            "mains_hz": int(rng.choice([50, 60])),
            "sweep_hz": rng.uniform(2e6, 20e6),
            "duty": rng.uniform(0.2, 0.35) if both else rng.uniform(0.35, 0.5),
            "both": both,
            "transient_hz": rng.uniform(10e6, 60e6),
        }
    )
