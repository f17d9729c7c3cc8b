"""Pulsed radar: plain or chirped pulses, staggered intervals, a turning antenna.

Orders of size are those of air traffic, weather and marine radars in ITU-R M.1464, M.1849 and
M.1313.
"""

from __future__ import annotations

import math
from itertools import cycle
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from radiofm_capture.scenes.frames import Frame, lay
from radiofm_capture.scenes.pulse import soften, unit_power
from radiofm_capture.scenes.rhythm import Steady
from radiofm_capture.scenes.signal import Burst, Iq, log_uniform, rotation

OVERSAMPLING = 8
EDGE = 0.05  # of a pulse, to its rise and to its fall
LEAST_DB = -50.0  # weaker pulses, away from the beam, are left out
BOX_DB = -20.0  # weaker ones are sent but have no box
SIDELOBE_DB = -28.0  # the antenna's floor


class Radar(Steady):
    """Power is that of a pulse while the beam points here."""

    family: Literal["radar"] = "radar"
    pulse_s: Annotated[float, Field(gt=0)] = 1e-6
    chirp_hz: Annotated[float, Field(ge=0)] = 0.0  # swept within a pulse; 0: plain
    intervals_s: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)] = (1e-3,)
    repeats: Annotated[int, Field(ge=1)] = 1  # pulses before the next interval is used
    scan_s: Annotated[float, Field(ge=0)] = 0.0  # of a turn; 0: always pointing here
    beam_deg: Annotated[float, Field(gt=0, lt=90)] = 1.5  # 3 dB width

    @property
    def bandwidth_hz(self) -> float:
        """What is swept and the main lobe of the pulse: more than 90 % of the power."""
        return self.chirp_hz + 2 / self.pulse_s

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        own = OVERSAMPLING * self.bandwidth_hz
        pulse = self._pulse(own)
        turn = rng.random()
        strong: list[Frame] = []
        weak: list[Frame] = []
        at = -float(rng.random()) * max(self.intervals_s)
        for interval in cycle(np.repeat(self.intervals_s, self.repeats).tolist()):
            if at >= count / rate:
                break
            gain_db = self._gain_db(turn + at / self.scan_s) if self.scan_s else 0.0
            if gain_db > LEAST_DB:
                frame = Frame(at, pulse, own, self.bandwidth_hz, gain=10 ** (gain_db / 20))
                (strong if gain_db > BOX_DB else weak).append(frame)
            at += interval
        iq, bursts = lay(strong, rate, count, offset_hz)
        iq += lay(weak, rate, count, offset_hz)[0]
        return iq, bursts

    def _pulse(self, rate: float) -> Iq:
        time = (np.arange(max(8, round(self.pulse_s * rate))) + 0.5) / rate
        cycles = self.chirp_hz * time * (time / self.pulse_s - 1) / 2
        return unit_power(soften(rotation(cycles), max(1, int(EDGE * len(time)))))

    def _gain_db(self, turns: float) -> float:
        """One way, of a uniformly lit aperture: sin(x) / x over a floor of side lobes."""
        degrees = 360 * ((turns + 0.5) % 1 - 0.5)
        lobe = abs(float(np.sinc(0.886 * degrees / self.beam_deg)))
        floor = SIDELOBE_DB if abs(degrees) < 90 else 2 * SIDELOBE_DB
        return max(20 * math.log10(lobe + 1e-9), floor)


def draw_radar(rng: np.random.Generator, rate: float) -> Radar:
    """Marine, air traffic and weather radars, with a beam that passes or stays."""
    chirped = rng.random() < 0.5
    pulse = (
        log_uniform(rng, 5e-6, 100e-6) if chirped else log_uniform(rng, 2 / rate, 4e-6 + 2 / rate)
    )
    mean = log_uniform(rng, max(0.3e-3, 5 * pulse), 3e-3)
    staggered = rng.random() < 0.5
    ratios = rng.uniform(0.75, 1.3, int(rng.integers(2, 6))) if staggered else np.ones(1)
    return Radar(
        pulse_s=pulse,
        chirp_hz=log_uniform(rng, 0.05, 0.8) * rate if chirped else 0.0,
        intervals_s=tuple((mean * ratios).tolist()),
        repeats=int(rng.choice([1, 1, 8, 16])),
        scan_s=rng.uniform(1, 6) if rng.random() < 0.3 else 0.0,
        beam_deg=rng.uniform(1, 20),
    )
