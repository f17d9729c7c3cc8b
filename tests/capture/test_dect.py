"""DECT: packets by a receiver of their own, in their slots and carriers."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from radiofm_capture.scenes.dect import Dect
from radiofm_capture.scenes.signal import Burst, Iq
from tests.capture.air import energy_in, occupied, rng, turns, with_noise

RATE = 4 * 1.152e6
RAMP = 8 * 4  # samples before the first bit
ONE = Dect(carriers=1, calls=1, beacons=1)
SYNC = {"fixed": 0xAAAAE98A, "portable": 0x55551675}


@lru_cache(1)
def air() -> tuple[Iq, list[Burst]]:
    iq, bursts = ONE.render(RATE, round(0.035 * RATE), 0, rng(2))
    return with_noise(iq, ONE, RATE, 25), bursts


def bits_of(burst: Burst) -> list[int]:
    iq, _ = air()
    hertz = turns(iq[burst.start + RAMP : burst.start + burst.count - RAMP]) * RATE
    centres = np.convolve(hertz, np.ones(2) / 2, "same")[2::4]
    return [int(hz > np.median(hertz[: 4 * 16])) for hz in centres]


def whole() -> list[Burst]:
    iq, bursts = air()
    return [b for b in bursts if b.start > 0 and b.start + b.count < len(iq)]


def number(bits: list[int]) -> int:
    return int("".join(map(str, bits)), 2)


def test_packets_have_their_sync_word_and_their_check() -> None:
    kinds = []
    for burst in whole():
        bits = bits_of(burst)
        (kind,) = [name for name, word in SYNC.items() if number(bits[:32]) == word]
        a_field = number(bits[32:96]) ^ 1  # the last bit is sent inverted (part 3, 6.2.5.2)
        for n in range(63, 15, -1):
            a_field ^= 0x10589 << n - 16 if a_field >> n & 1 else 0
        assert a_field == 0
        kinds.append((kind, len(bits)))
    assert {("fixed", 424), ("portable", 424), ("fixed", 96)} == set(kinds)


def test_frames_are_10_ms_and_the_answer_comes_half_a_frame_later() -> None:
    starts = [b.start / RATE for b in whole() if len(bits_of(b)) == 424]
    gaps = np.diff(starts)
    np.testing.assert_allclose(gaps, 5e-3, atol=1e-6)
    slots = np.array([b.start for b in whole()]) / (480 * 4)
    np.testing.assert_allclose(slots - slots[0], np.rint(slots - slots[0]), atol=1e-2)


def test_deviation_and_width() -> None:
    iq, _ = ONE.render(RATE, round(0.03 * RATE), 0, rng(2))
    (burst, *_) = [b for b in whole() if b.count > 1700]
    piece = iq[burst.start + 2 * RAMP : burst.start + burst.count - 2 * RAMP]
    hertz = turns(piece) * RATE
    swing = (np.quantile(hertz, 0.98) - np.quantile(hertz, 0.02)) / 2
    assert swing == pytest.approx(288e3, rel=0.05)
    assert 0.8e6 < occupied(piece, RATE) < 1.4e6


def test_carriers_are_on_the_raster() -> None:
    waveform = Dect(carriers=10, calls=8, beacons=4, spread_db=20)
    rate = 24e6
    iq, bursts = waveform.render(rate, round(0.012 * rate), 0.5e6, rng())
    assert energy_in(iq, bursts, rate) > 0.95
    places = ((np.array([b.low_hz + b.high_hz for b in bursts]) / 2 - 0.5e6) / 1.728e6) + 4.5
    np.testing.assert_allclose(places, np.rint(places), atol=50e3 / 1.728e6)
    assert len(set(np.rint(places))) > 4
