"""Multipath profiles of 3GPP, and the gains of their taps as a receiver moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

LIGHT_M_S = 299_792_458.0
SINUSOIDS = 16  # that make up a tap's fading
LINE_OF_SIGHT_TURN = 0.7  # Doppler of that path, share of the largest (TR 38.901, 7.7.2)
NOMINAL_SPREAD_S = 100e-9  # of a TDL profile that is given none (TR 38.901, table 7.7.3-1)

ProfileName = Literal[
    "flat", "EPA", "EVA", "ETU", "TDL-A", "TDL-B", "TDL-C", "TDL-D", "TDL-E"
]  # fmt: skip
Taps = tuple[tuple[float, float], ...]

# (delay, dB). TS 36.101, tables B.2.1-2 to -4: ns. TR 38.901, tables 7.7.2-1 to -5: delays in
# delay spreads; the first tap of TDL-D and TDL-E is the line of sight.
TAPS: dict[str, Taps] = {
    "flat": ((0, 0),),
    "EPA": ((0, 0), (30, -1), (70, -2), (90, -3), (110, -8), (190, -17.2), (410, -20.8)),
    "EVA": (
        (0, 0), (30, -1.5), (150, -1.4), (310, -3.6), (370, -0.6), (710, -9.1), (1090, -7),
        (1730, -12), (2510, -16.9),
    ),
    "ETU": (
        (0, -1), (50, -1), (120, -1), (200, 0), (230, 0), (500, 0), (1600, -3), (2300, -5),
        (5000, -7),
    ),
    "TDL-A": (
        (0, -13.4), (0.3819, 0), (0.4025, -2.2), (0.5868, -4), (0.4610, -6), (0.5375, -8.2),
        (0.6708, -9.9), (0.5750, -10.5), (0.7618, -7.5), (1.5375, -15.9), (1.8978, -6.6),
        (2.2242, -16.7), (2.1718, -12.4), (2.4942, -15.2), (2.5119, -10.8), (3.0582, -11.3),
        (4.0810, -12.7), (4.4579, -16.2), (4.5695, -18.3), (4.7966, -18.9), (5.0066, -16.6),
        (5.3043, -19.9), (9.6586, -29.7),
    ),
    "TDL-B": (
        (0, 0), (0.1072, -2.2), (0.2155, -4), (0.2095, -3.2), (0.2870, -9.8), (0.2986, -1.2),
        (0.3752, -3.4), (0.5055, -5.2), (0.3681, -7.6), (0.3697, -3), (0.5700, -8.9),
        (0.5283, -9), (1.1021, -4.8), (1.2756, -5.7), (1.5474, -7.5), (1.7842, -1.9),
        (2.0169, -7.6), (2.8294, -12.2), (3.0219, -9.8), (3.6187, -11.4), (4.1067, -14.9),
        (4.2790, -9.2), (4.7834, -11.3),
    ),
    "TDL-C": (
        (0, -4.4), (0.2099, -1.2), (0.2219, -3.5), (0.2329, -5.2), (0.2176, -2.5), (0.6366, 0),
        (0.6448, -2.2), (0.6560, -3.9), (0.6584, -7.4), (0.7935, -7.1), (0.8213, -10.7),
        (0.9336, -11.1), (1.2285, -5.1), (1.3083, -6.8), (2.1704, -8.7), (2.7105, -13.2),
        (4.2589, -13.9), (4.6003, -13.9), (5.4902, -15.8), (5.6077, -17.1), (6.3065, -16),
        (6.6374, -15.7), (7.0427, -21.6), (8.6523, -22.8),
    ),
    "TDL-D": (
        (0, -0.2), (0, -13.5), (0.035, -18.8), (0.612, -21), (1.363, -22.8), (1.405, -17.9),
        (1.804, -20.1), (2.596, -21.9), (1.775, -22.9), (4.042, -27.8), (7.937, -23.6),
        (9.424, -24.8), (9.708, -30), (12.525, -27.7),
    ),
    "TDL-E": (
        (0, -0.03), (0, -22.03), (0.5133, -15.8), (0.5440, -18.1), (0.5630, -19.8),
        (0.5440, -22.9), (0.7112, -22.4), (1.9092, -18.6), (1.9293, -20.8), (1.9589, -22.6),
        (2.6426, -22.3), (3.7136, -25.6), (5.4524, -20.2), (12.0034, -29.8), (20.6519, -29.2),
    ),
}  # fmt: skip
LINE_OF_SIGHT = ("TDL-D", "TDL-E")


def spread(delays: npt.NDArray[np.float64], powers: npt.NDArray[np.float64]) -> float:
    """The rms delay spread, in the unit of the delays."""
    mean = np.average(delays, weights=powers)
    return float(np.sqrt(np.average((delays - mean) ** 2, weights=powers)))


class Multipath(BaseModel):
    """A profile; `profile` alone may stand for it. `flat` is a single path."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    profile: ProfileName
    delay_spread_s: Annotated[float, Field(ge=0)] | None = None  # rms; None: the profile's own
    doppler_hz: Annotated[float, Field(ge=0)] = 0.0  # the largest; 0: nothing moves
    speed_m_s: Annotated[float, Field(ge=0)] = 0.0  # instead of it

    @model_validator(mode="after")
    def _one_motion(self) -> Multipath:
        if self.doppler_hz and self.speed_m_s:
            raise ValueError("give either doppler_hz or speed_m_s")
        return self

    def paths(self, frequency_hz: float, rng: np.random.Generator) -> Paths:
        """One draw of the channel for a carrier. Its mean power is 1."""
        delays, decibels = np.array(TAPS[self.profile], float).T
        powers = 10 ** (decibels / 10)
        powers /= powers.sum()
        if self.delay_spread_s is not None:
            wide = spread(delays, powers)
            delays = delays * (self.delay_spread_s / wide if wide else 0)
        else:
            delays = delays * (NOMINAL_SPREAD_S if self.profile.startswith("TDL") else 1e-9)
        stagger = np.arange(SINUSOIDS) + rng.random((len(delays), SINUSOIDS))
        turns = np.cos(2 * np.pi * stagger / SINUSOIDS)
        gains = np.repeat(np.sqrt(powers / SINUSOIDS)[:, None], SINUSOIDS, axis=1)
        if self.profile in LINE_OF_SIGHT:
            turns[0] = LINE_OF_SIGHT_TURN
            gains[0] = 0
            gains[0, 0] = np.sqrt(powers[0])
        doppler = self.doppler_hz or self.speed_m_s / LIGHT_M_S * frequency_hz
        return Paths(delays, gains, turns * doppler, rng.random(gains.shape))


@dataclass(frozen=True)
class Paths:
    """A drawn channel: each tap is a sum of sinusoids from all around (Jakes' spectrum)."""

    delays_s: npt.NDArray[np.float64]  # [taps]
    amplitudes: npt.NDArray[np.float64]  # [taps, sinusoids]
    doppler_hz: npt.NDArray[np.float64]  # [taps, sinusoids]
    phases: npt.NDArray[np.float64]  # [taps, sinusoids], cycles

    @property
    def fastest_hz(self) -> float:
        return float(np.abs(self.doppler_hz).max())

    def gains(self, time_s: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.complex64]:
        """[times] -> complex64 [times, taps]."""
        gains = np.empty((len(time_s), len(self.delays_s)), np.complex64)
        for tap, (amplitude, doppler, phase) in enumerate(
            zip(self.amplitudes, self.doppler_hz, self.phases, strict=True)
        ):
            cycles = np.multiply.outer(time_s, doppler) + phase
            gains[:, tap] = (amplitude * np.exp(2j * np.pi * (cycles % 1))).sum(axis=1)
        return gains


def _from_name(value: Any) -> Any:
    return {"profile": value} if value in get_args(ProfileName) else value


Channel = Annotated[Multipath, BeforeValidator(_from_name)]
