"""The receiver's parameters: filter, gain, oscillator, leaks, imbalance, converter."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

FULL_SCALE = 2048.0  # counts at 0 dBFS
Ppm = Annotated[float, Field(ge=-500, le=500)]
Share = Annotated[float, Field(ge=0, le=1)]


class FrontEnd(BaseModel):
    """A receiver. The defaults are a good one with 12 bits, like a PlutoSDR's."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    ppm: Ppm = 0.0  # error of the tuned frequency
    clock_ppm: Ppm = 0.0  # error of the sample clock: above 0 it is fast
    corner: Annotated[float, Field(gt=0)] | None = None  # of the filter, share of rate / 2
    order: Annotated[int, Field(ge=1, le=32)] = 8  # of that Butterworth filter
    ripple_db: float = 0.0
    ripple_cycles: float = 2.0  # over the band
    tilt_db: float = 0.0  # from the band's middle to its upper edge
    aliasing: bool = False  # what the filter lets through from beyond +-rate / 2 folds back
    agc_steps: tuple[tuple[Share, float], ...] = ()  # (share of the loop, dB): the gain changes
    phase_noise_deg: Annotated[float, Field(ge=0, le=90)] = 0.0  # rms
    phase_noise_hz: Annotated[float, Field(gt=0)] = 10e3  # where it begins to fall by 20 dB/decade
    gain_db: float = 0.0
    level_dbfs: float | None = None  # rms that the gain brings the loop's begin to, instead of it
    over_level: bool = False  # spurs and LO leak are in dB over level_dbfs instead of in dBFS
    spurs: tuple[tuple[float, float], ...] = ()  # (cycles a sample, dBFS)
    dc_dbfs: float | None = None  # LO leak
    dc_turns: float = 0.0  # its phase in cycles
    dc_wander: Share = 0.0  # share of it that turns slowly,
    dc_wander_hz: float = 1.0  # so fast
    imbalance_db: float = 0.0
    imbalance_deg: float = 0.0
    bits: Annotated[int, Field(ge=2, le=12)] = 12
    midrise: bool = False  # levels lie half a step beside zero, as of unsigned bytes

    @model_validator(mode="after")
    def _possible(self) -> FrontEnd:
        if self.aliasing and self.corner is None:
            raise ValueError("aliasing needs a filter: give corner")
        if self.level_dbfs is not None and self.gain_db:
            raise ValueError("give either gain_db or level_dbfs")
        if self.over_level and self.level_dbfs is None:
            raise ValueError("over_level needs level_dbfs")
        return self

    @property
    def leak_base_dbfs(self) -> float:
        """What is added to the levels of spurs and LO leak."""
        return (self.level_dbfs or 0.0) if self.over_level else 0.0

    def filter_db(self, frequency: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The filter's gain at frequencies from the centre, share of rate / 2; needs `corner`."""
        assert self.corner is not None
        gain: npt.NDArray[np.float64] = (
            -10 * np.log10(1 + np.abs(frequency / self.corner) ** (2 * self.order))
            + self.ripple_db * np.cos(np.pi * self.ripple_cycles * frequency)
            + self.tilt_db * np.clip(frequency, -1, 1)
        )
        return gain


def draw_front_end(rng: np.random.Generator) -> FrontEnd:
    """A receiver as HackRFs, RTL-SDRs and USRPs were measured, at any level it can be used at."""
    bits = 8 if rng.random() < 0.6 else 12
    clipped = rng.random() < 0.1
    level = rng.uniform(-6, 0) if clipped else rng.uniform(-40 if bits == 8 else -60, -6)
    return FrontEnd(
        ppm=rng.uniform(-70, 70) if rng.random() < 0.3 else rng.uniform(-20, 20),
        corner=rng.uniform(0.75, 1.05),
        order=int(rng.integers(3, 17)),
        ripple_db=rng.uniform(-1, 1),
        ripple_cycles=rng.uniform(0.5, 4),
        tilt_db=rng.normal(0, 1),
        agc_steps=_agc_step(rng),
        level_dbfs=level,
        dc_dbfs=level + (rng.uniform(-45, 0) if rng.random() < 0.9 else rng.uniform(0, 5)),
        dc_turns=rng.random(),
        spurs=tuple(
            (rng.uniform(-0.5, 0.5), level + rng.uniform(-50, -15))
            for _ in range(rng.integers(0, 9) if rng.random() < 0.7 else 0)
        ),
        imbalance_db=rng.uniform(-0.3, 0.3),
        imbalance_deg=rng.uniform(-1.5, 1.5),
        bits=bits,
        midrise=bits == 8 and bool(rng.random() < 0.5),
    )


def _agc_step(rng: np.random.Generator) -> tuple[tuple[float, float], ...]:
    decibels = rng.uniform(-10, 10) if rng.random() < 0.1 else 0.0
    at = rng.random()
    return ((at, decibels),) if decibels else ()
