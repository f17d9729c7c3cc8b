"""DECT: cordless telephones (ETSI EN 300 175-2 and -3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from radiofm_capture.scenes.coding import Bits, crc
from radiofm_capture.scenes.frames import Frame, lay
from radiofm_capture.scenes.pulse import phase_of, soften
from radiofm_capture.scenes.rhythm import Steady
from radiofm_capture.scenes.signal import Burst, Iq, rotation

BIT_RATE = 1.152e6  # (EN 300 175-2, 4.2)
PER_BIT = 4
BT, INDEX = 0.5, 0.5  # GFSK of 288 kHz deviation (5.1)
SPACING_HZ = 1.728e6  # (4.1.1)
SLOTS, SLOT_BITS = 24, 480  # in a frame of 10 ms (4.2); the second half answers the first
FRAME_S = SLOTS * SLOT_BITS / BIT_RATE
SYNC = {  # S-field: preamble and sync word of the fixed and of the portable part (part 2, clause 4)
    "fixed": 0xAAAAE98A,
    "portable": 0x55551675,
}
A_DATA, B_FIELD, X_FIELD = 48, 320, 4  # of a packet P32 (EN 300 175-3, 6.2)
R_CRC = 0x0589  # x^16 + x^10 + x^8 + x^7 + x^3 + 1 (6.2.5.2)
RAMP = 8  # bits, within the guard space (EN 300 175-2, clause 5)


@dataclass(frozen=True, slots=True)
class Bearer:
    """A connection: its carrier and slot, which stay, and its two ends' levels and crystals."""

    carrier: int
    slot: int
    traffic: bool  # or a base station's beacon, in one direction
    gains: tuple[float, float]
    errors_hz: tuple[float, float]


class Dect(Steady):
    """Connections and beacons, as many as fit, each at a carrier and a slot of its own. The
    centre is that of all carriers."""

    family: Literal["dect"] = "dect"
    carriers: Annotated[int, Field(ge=1, le=32)] = 10  # 1881.792 to 1897.344 MHz in Europe
    calls: Annotated[int, Field(ge=0, le=120)] = 4
    beacons: Annotated[int, Field(ge=0, le=120)] = 2
    spread_db: Annotated[float, Field(ge=0)] = 0.0  # between the ends' levels

    @property
    def bandwidth_hz(self) -> float:
        return BIT_RATE  # of one carrier, which holds 98 % of its power

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        start = -float(rng.random()) * FRAME_S
        places = rng.permutation(self.carriers * SLOTS // 2)[: self.calls + self.beacons]
        bearers = [self._bearer(p, n < self.calls, rng) for n, p in enumerate(places.tolist())]
        power = [g**2 for b in bearers for g in b.gains[: 1 + b.traffic]]
        level = float(np.mean(power)) ** -0.5 if power else 1.0
        frames = []
        for n in range(int((count / rate - start) / FRAME_S) + 1):
            for bearer in bearers:
                for end, part in enumerate(("fixed", "portable")[: 1 + bearer.traffic]):
                    slot = n * SLOTS + bearer.slot + end * SLOTS // 2
                    centre = (bearer.carrier - (self.carriers - 1) / 2) * SPACING_HZ
                    bits = packet(part, bearer.traffic, rng)
                    frames.append(
                        Frame(
                            start + (slot * SLOT_BITS - RAMP) / BIT_RATE, modulated(bits),
                            BIT_RATE * PER_BIT, self.bandwidth_hz,
                            centre + bearer.errors_hz[end], bearer.gains[end] * level,
                        )
                    )  # fmt: skip
        return lay(frames, rate, count, offset_hz)

    def _bearer(self, place: int, traffic: bool, rng: np.random.Generator) -> Bearer:
        one, two = 10 ** (rng.uniform(-self.spread_db, 0, 2) / 20)
        first, second = rng.uniform(-50e3, 50e3, 2)  # (EN 300 175-2, 4.1.2)
        return Bearer(
            carrier=place // (SLOTS // 2),
            slot=place % (SLOTS // 2),
            traffic=traffic,
            gains=(float(one), float(two)),
            errors_hz=(float(first), float(second)),
        )


def packet(part: str, traffic: bool, rng: np.random.Generator) -> Bits:
    """S-field, A-field with its R-CRC; with traffic a random B-field, X and Z (part 3, 6.2)."""
    sync = np.array([SYNC[part] >> n & 1 for n in range(31, -1, -1)], np.uint8)
    tail = rng.integers(0, 2, A_DATA, np.uint8)
    check = crc(tail, R_CRC, 16)
    check[-1] ^= 1
    fields = [sync, tail, check]
    if traffic:
        voice = rng.integers(0, 2, B_FIELD, np.uint8)
        parity = rng.integers(0, 2, X_FIELD, np.uint8)
        fields += [voice, parity, parity]  # Z repeats X
    return np.concatenate(fields)


def modulated(bits: Bits) -> Iq:
    """A packet and its ramps; a 1 is above the carrier."""
    padded = np.pad(bits * 2.0 - 1, RAMP, mode="edge")
    return soften(rotation(phase_of(padded, PER_BIT, INDEX, BT)), RAMP * PER_BIT)


def draw_dect(rng: np.random.Generator, rate: float) -> Dect:
    """As many carriers as the band shows, from a beacon alone to an office."""
    carriers = int(np.clip(rate / SPACING_HZ * 2 ** rng.uniform(-1, 1), 1, 10))
    return Dect(
        carriers=carriers,
        calls=int(rng.integers(0, 3 * carriers)),
        beacons=int(rng.integers(1, 2 + carriers)),
        spread_db=rng.uniform(0, 30),
    )
