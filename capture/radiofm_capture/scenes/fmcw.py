"""FMCW: sweeps of radar altimeters, level gauges and motion sensors, which never pause."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from radiofm_capture.scenes.rhythm import Steady
from radiofm_capture.scenes.signal import Burst, Iq, log_uniform
from radiofm_capture.scenes.track import along, boxes

PIECES = 16  # boxes that follow a slow sweep
SLOW_S = 1e-3
SKIRT = 4 * PIECES  # what a piece of a sweep has beside its ends


class Fmcw(Steady):
    """Each sweep rises for `sweep_s`, holds for `hold_s` and falls back for `return_s`.

    Defaults: an altimeter in the 4.2 to 4.4 GHz band (ITU-R M.2059)."""

    family: Literal["fmcw"] = "fmcw"
    sweep_hz: Annotated[float, Field(gt=0)] = 100e6
    sweep_s: Annotated[float, Field(gt=0)] = 5e-3
    hold_s: Annotated[float, Field(ge=0)] = 0.0
    return_s: Annotated[float, Field(ge=0)] = 5e-3  # as long as `sweep_s`: a triangle

    @property
    def bandwidth_hz(self) -> float:
        return self.sweep_hz

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        corners = np.cumsum([0, self.sweep_s, self.hold_s, self.return_s])
        time = (np.arange(count) / rate + rng.random() * corners[-1]) % corners[-1]
        place = np.interp(time, corners, [-0.5, 0.5, 0.5, -0.5])
        frequency = place * self.sweep_hz + offset_hz
        iq = along(frequency, rate)
        if self.sweep_s < SLOW_S:
            reach = self.sweep_hz / 2
            return iq, [Burst(0, count, offset_hz - reach, offset_hz + reach)]
        return iq, boxes(frequency, 0, round(self.sweep_s * rate / PIECES), SKIRT / self.sweep_s)


def draw_fmcw(rng: np.random.Generator, rate: float) -> Fmcw:
    """Triangles and sawteeth as wide as the band or wider."""
    sweep = log_uniform(rng, 50e-6, 12e-3)
    return Fmcw(
        sweep_hz=rate * log_uniform(rng, 0.1, 2.0),
        sweep_s=sweep,
        hold_s=sweep * rng.uniform(0, 0.3) if rng.random() < 0.3 else 0.0,
        return_s=sweep * (1.0 if rng.random() < 0.5 else rng.uniform(0.01, 0.1)),
    )
