"""Mode S messages as bits: the fields of Annex 10, volume IV, chapter 3 and of DO-260B, 2.2.3."""

from __future__ import annotations

import math

import numpy as np

from radiofm_capture.scenes.coding import Bits, crc

PARITY = 0xFFF409  # generator of the 24 parity bits (Annex 10, IV, 3.1.2.3.3.1.2)
CAPABILITY = 5  # airborne, level 2 transponder (3.1.2.5.2.2.1)
LETTERS = "#ABCDEFGHIJKLMNOPQRSTUVWXYZ##### ###############0123456789######"  # 6 bits (3.1.2.9.1.2)
LATITUDE_ZONES = 15  # NZ (DO-260B, A.1.7.2)
CPR_STEPS = 1 << 17
FEET = 25  # of an altitude code with its Q bit set (3.1.2.6.5.4)


def all_call_reply(address: int) -> Bits:
    """DF 11, 56 bits, interrogator code 0 (Annex 10, IV, 3.1.2.5.2.2)."""
    return _sealed(11 << 27 | CAPABILITY << 24 | address, 32)


def identification(address: int, callsign: str) -> Bits:
    """DF 17, type 4: category A3 and eight characters (DO-260B, 2.2.3.2.5)."""
    word = 4 << 3 | 3
    for letter in callsign.ljust(8):
        word = word << 6 | LETTERS.index(letter)
    return _extended(address, word)


def airborne_position(address: int, latitude: float, longitude: float, feet: int, odd: int) -> Bits:
    """DF 17, type 11 (DO-260B, 2.2.3.2.3): degrees and feet above -1000 in steps of 25."""
    steps = (feet + 1000) // FEET
    altitude = steps >> 4 << 5 | 1 << 4 | steps & 15
    y, x = compact_position(latitude, longitude, odd)
    word = 11 << 3
    word = word << 12 | altitude
    word = word << 2 | odd
    return _extended(address, word << 34 | y << 17 | x)


def velocity(address: int, east: int, north: int, climb: int) -> Bits:
    """DF 17, type 19, subtype 1 (DO-260B, 2.2.3.2.6.1): knots over ground and feet a minute."""
    word = 19 << 3 | 1
    word = word << 5 | 0b00010  # no intent change, no IFR flag, accuracy category 2
    for speed in (east, north):
        word = word << 11 | (speed < 0) << 10 | min(abs(speed) + 1, 1023)
    word = word << 2 | 1 << 1 | (climb < 0)  # by the barometer
    word = word << 9 | min(abs(climb) // 64 + 1, 511)
    return _extended(address, word << 10)


def compact_position(latitude: float, longitude: float, odd: int) -> tuple[int, int]:
    """Compact position reporting, 17 bits each (DO-260B, A.1.7.3)."""
    height = 360 / (4 * LATITUDE_ZONES - odd)
    y = math.floor(CPR_STEPS * (latitude % height) / height + 0.5)
    near = height * (y / CPR_STEPS + latitude // height)
    width = 360 / max(longitude_zones(near) - odd, 1)
    x = math.floor(CPR_STEPS * (longitude % width) / width + 0.5)
    return y % CPR_STEPS, x % CPR_STEPS


def longitude_zones(latitude: float) -> int:
    """NL (DO-260B, A.1.7.2 d)."""
    if abs(latitude) >= 87:
        return 2 if abs(latitude) == 87 else 1
    ratio = 1 - math.cos(math.pi / (2 * LATITUDE_ZONES))
    return math.floor(2 * math.pi / math.acos(1 - ratio / math.cos(math.radians(latitude)) ** 2))


def _extended(address: int, message: int) -> Bits:
    """An extended squitter around 56 bits (Annex 10, IV, 3.1.2.8.6)."""
    return _sealed((17 << 27 | CAPABILITY << 24 | address) << 56 | message, 88)


def _sealed(word: int, length: int) -> Bits:
    bits = np.array([word >> n & 1 for n in range(length - 1, -1, -1)], np.uint8)
    return np.concatenate([bits, crc(bits, PARITY, 24)])
