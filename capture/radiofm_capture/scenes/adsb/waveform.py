"""Squitters of several aircraft at 1090 MHz."""

from __future__ import annotations

import string
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from radiofm_capture.scenes.adsb.messages import (
    airborne_position,
    all_call_reply,
    identification,
    velocity,
)
from radiofm_capture.scenes.coding import Bits
from radiofm_capture.scenes.frames import Frame, lay
from radiofm_capture.scenes.pulse import unit_power
from radiofm_capture.scenes.rhythm import Steady
from radiofm_capture.scenes.signal import Burst, Iq, log_uniform

CHIP_S = 0.5e-6
PREAMBLE = (1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0)  # chips (Annex 10, IV, 3.1.2.2.1)
PER_CHIP = 10
RATE = PER_CHIP / CHIP_S
EDGE = np.array([0.25, 0.5, 0.25])  # rise and decay of 0.1 us (table 3-1: 0.05 to 0.1, to 0.2)
PERIODS_S = {  # mean and half width of the uniform interval (DO-260B, 2.2.3.3; Annex 10, 3.1.2.8.5)
    "position": (0.5, 0.1),
    "velocity": (0.5, 0.1),
    "identification": (5.0, 0.2),
    "acquisition": (1.0, 0.2),
}
TOLERANCE_HZ = 1e6  # of the carrier (Annex 10, IV, 3.1.2.1.1 b)


@dataclass(frozen=True, slots=True)
class Aircraft:
    address: int
    callsign: str
    latitude: float
    longitude: float
    feet: int
    east: int
    north: int
    climb: int
    carrier_hz: float
    gain_db: float


@dataclass(frozen=True, slots=True)
class Squitter:
    start_s: float
    bits: Bits
    aircraft: Aircraft


class Adsb(Steady):
    """Each aircraft sends at its own times, level and frequency; messages may meet, as on air."""

    family: Literal["adsb"] = "adsb"
    aircraft: Annotated[int, Field(ge=1, le=1000)] = 20
    fleet: Annotated[int, Field(ge=0)] = 0  # seed of who they are, the same all through a scene
    spread_db: Annotated[float, Field(ge=0)] = 20.0  # between the strongest and the weakest
    carrier_error_hz: Annotated[float, Field(ge=0, le=TOLERANCE_HZ)] = 200e3  # the largest

    @property
    def bandwidth_hz(self) -> float:
        return 1.6 / CHIP_S  # holds more than 90 % of the power

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        squitters = self.squitters(count / rate, rng)
        gains = 10 ** (np.array([s.aircraft.gain_db for s in squitters]) / 20)
        gains /= np.sqrt(np.mean(gains**2)) if len(gains) else 1
        frames = (
            Frame(
                np.floor(squitter.start_s * rate) / rate,
                _modulated(squitter.bits, squitter.start_s * rate % 1 * RATE / rate),
                RATE, self.bandwidth_hz, squitter.aircraft.carrier_hz, gain,
            )
            for squitter, gain in zip(squitters, gains.tolist(), strict=True)
        )  # fmt: skip
        return lay(frames, rate, count, offset_hz)

    def squitters(self, seconds: float, rng: np.random.Generator) -> list[Squitter]:
        """All messages over [0, seconds), in the order of their start."""
        messages = [
            squitter
            for aircraft in self._fleet()
            for kind in PERIODS_S
            for squitter in _messages(aircraft, kind, seconds, rng)
        ]
        return sorted(messages, key=lambda squitter: squitter.start_s)

    def _fleet(self) -> list[Aircraft]:
        """Aircraft within some 300 km of one place."""
        rng = np.random.default_rng(self.fleet)
        latitude, longitude = rng.uniform(-60, 65), rng.uniform(-180, 180)
        fleet = []
        for _ in range(self.aircraft):
            letters = "".join(rng.choice(list(string.ascii_uppercase), 3))
            heading, speed = rng.uniform(0, 2 * np.pi), rng.uniform(150, 520)
            fleet.append(
                Aircraft(
                    address=int(rng.integers(1, 1 << 24)),
                    callsign=f"{letters}{rng.integers(1, 10_000)}",
                    latitude=latitude + rng.uniform(-2.5, 2.5),
                    longitude=(longitude + rng.uniform(-4, 4) + 180) % 360 - 180,
                    feet=int(rng.integers(40, 1640)) * 25,
                    east=round(speed * np.sin(heading)),
                    north=round(speed * np.cos(heading)),
                    climb=int(rng.integers(-30, 31)) * 64,
                    carrier_hz=float(rng.uniform(-1, 1) * self.carrier_error_hz),
                    gain_db=float(rng.uniform(-self.spread_db, 0)),
                )
            )
        return fleet


def _messages(
    aircraft: Aircraft, kind: str, seconds: float, rng: np.random.Generator
) -> Iterator[Squitter]:
    mean, half = PERIODS_S[kind]
    at, odd = -float(rng.random()) * mean, int(rng.integers(2))
    while at < seconds:
        if at >= 0:
            yield Squitter(at, _encode(aircraft, kind, at, odd), aircraft)
        at += rng.uniform(mean - half, mean + half)
        odd ^= 1


def _encode(aircraft: Aircraft, kind: str, at: float, odd: int) -> Bits:
    a = aircraft
    if kind == "position":
        degrees = at / 3600 / 60  # a knot is a minute of arc an hour
        latitude = a.latitude + a.north * degrees
        longitude = a.longitude + a.east * degrees / np.cos(np.deg2rad(a.latitude))
        return airborne_position(a.address, latitude, longitude, a.feet, odd)
    if kind == "velocity":
        return velocity(a.address, a.east, a.north, a.climb)
    if kind == "identification":
        return identification(a.address, a.callsign)
    return all_call_reply(a.address)


def _modulated(bits: Bits, late: float) -> Iq:
    """Pulse position modulation (Annex 10, IV, 3.1.2.2.2), `late` samples after the first one."""
    chips = np.concatenate([PREAMBLE, np.stack([bits, 1 - bits], axis=1).reshape(-1)])
    level = np.convolve(chips.repeat(PER_CHIP), EDGE).astype(np.complex64)
    return np.concatenate([np.zeros(int(late), np.complex64), unit_power(level)])


def draw_adsb(rng: np.random.Generator, rate: float) -> Adsb:
    """From a quiet sky to a busy one."""
    return Adsb(
        aircraft=int(log_uniform(rng, 10, 250)),
        fleet=int(rng.integers(2**31)),
        spread_db=rng.uniform(5, 30),
        carrier_error_hz=rng.uniform(50e3, 400e3),
    )
