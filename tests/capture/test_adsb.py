"""Mode S squitters: coding against published messages and its own inverse, and dump1090."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofm_capture.scenes.adsb import Adsb
from radiofm_capture.scenes.adsb.messages import (
    PARITY,
    airborne_position,
    compact_position,
    identification,
    longitude_zones,
)
from radiofm_capture.scenes.coding import Bits, crc
from tests.capture.air import energy_in, receiver, rng, run, with_noise, write_cu8

RATE = 2.4e6  # what dump1090 takes


def hexadecimal(bits: Bits) -> str:
    return np.packbits(bits).tobytes().hex()


def test_messages_received_from_real_aircraft() -> None:
    """Examples of the open book "The 1090 Megahertz Riddle" (J. Sun)."""
    position = airborne_position(0x40621D, 52.2572021484375, 3.91937255859375, 38_000, 0)
    assert hexadecimal(position) == "8d40621d58c382d690c8ac2863a7"
    named = np.unpackbits(np.frombuffer(bytes.fromhex("8d4840d6202cc371c32ce0576098"), np.uint8))
    assert not crc(named, PARITY, 24).any()
    ours = identification(0x4840D6, "KLM1023")  # of another category
    np.testing.assert_array_equal(ours[40:88], named[40:88])


@given(st.floats(-85, 85), st.floats(-179.9, 179.9))
def test_an_even_and_an_odd_position_tell_the_place(latitude: float, longitude: float) -> None:
    """Globally unambiguous decoding (DO-260B, A.1.7.7)."""
    (y0, x0), (y1, x1) = (compact_position(latitude, longitude, odd) for odd in (0, 1))
    index = np.floor((59 * y0 - 60 * y1) / 2**17 + 0.5)
    north = 6 * (index % 60 + y0 / 2**17)
    north -= 360 * (north >= 270)
    assert north == pytest.approx(latitude, abs=1e-4)
    odd_north = 360 / 59 * (index % 59 + y1 / 2**17)
    zones = longitude_zones(north)
    if zones != longitude_zones(odd_north - 360 * (odd_north >= 270)):
        return  # a receiver waits for the next pair
    index = np.floor((x0 * (zones - 1) - x1 * zones) / 2**17 + 0.5)
    east = 360 / zones * (index % zones + x0 / 2**17)
    assert (east - longitude + 180) % 360 - 180 == pytest.approx(0, abs=360 / zones / 2**17)


def test_zones_of_longitude_at_their_limits() -> None:
    """DO-260B, table A-21."""
    assert [longitude_zones(n) for n in (0, 10.47, 10.48, 86.5, 87, 89, -45)] == [
        59, 59, 58, 3, 2, 1, 42,
    ]  # fmt: skip


def test_squitters_come_at_their_rates_and_fill_their_boxes() -> None:
    waveform = Adsb(aircraft=12)
    sent = waveform.squitters(6, rng())
    times = defaultdict(list)
    for squitter in sent:
        times[squitter.aircraft.callsign, hexadecimal(squitter.bits)[8:10]].append(squitter.start_s)
    assert len({name for name, _ in times}) == 12
    for (_, kind), starts in times.items():
        gaps = np.diff(starts)
        if kind in ("58", "99"):  # position and velocity
            assert len(starts) >= 9 and gaps.min() >= 0.4 and gaps.max() <= 0.6
    iq, bursts = waveform.render(8e6, 8_000_000, 1e6, rng())
    assert len(bursts) == len([s for s in waveform.squitters(1, rng())])
    assert energy_in(iq, bursts, 8e6) > 0.9
    lengths = {round(burst.count / 8) for burst in bursts}
    assert lengths == {64, 120}  # us, preamble and 56 or 112 bits


def test_dump1090_reads_them(tmp_path: Path) -> None:
    program = receiver("dump1090-mutability")
    waveform = Adsb(aircraft=15, spread_db=0)
    iq, _ = waveform.render(RATE, round(3 * RATE), 0, rng())
    write_cu8(tmp_path / "air.cu8", with_noise(iq, waveform, RATE, 20))
    heard = run(program, "--raw", "--ifile", tmp_path / "air.cu8")
    read = {line.strip("*;").lower() for line in heard.splitlines()}
    sent = {hexadecimal(squitter.bits) for squitter in waveform.squitters(3, rng())}
    assert len(sent) > 100
    assert len(sent & read) >= 0.95 * len(sent)
