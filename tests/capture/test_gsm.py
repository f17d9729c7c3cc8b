"""GSM, by a receiver that finds the cell as a phone does."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pytest

from radiofm_capture.scenes.gsm import Gsm
from radiofm_capture.scenes.signal import Burst, Iq
from tests.capture.air import density_db, energy_in, rng, with_noise

SYMBOL_RATE = 1625e3 / 6
RATE = 4 * SYMBOL_RATE
FRAME = 5000  # samples
EXTENDED = "1011100101100010000001000000111100101101010001010111011000011011"
NORMAL = "01000111101101000100011110"  # training sequence 3
CELL = Gsm(colour=0o53, load=0.4)


@lru_cache(1)
def broadcast() -> tuple[Iq, list[Burst]]:
    return CELL.render(RATE, 60 * FRAME, 0, rng())


def bits_at(iq: Iq, start: int, count: int) -> npt.NDArray[np.int64]:
    """Bits by the phase at the end of each symbol, turned back by a quarter a symbol.

    The first three are tail bits, 0, and give the reference."""
    ends = iq[start + 4 : start + 4 * count + 1 : 4] * (-1j) ** np.arange(count)
    return np.asarray((ends * ends[:3].mean().conj()).real < 0, np.int64)


def corrections(iq: Iq) -> list[int]:
    """Starts of bursts of zeros: a pure tone, a quarter of the symbol rate above the carrier."""
    window = 4 * 140
    tone = np.exp(-0.5j * np.pi / 4 * np.arange(len(iq)))
    total = np.cumsum(np.concatenate([[0], iq * tone]))
    alike = np.abs(total[window:] - total[:-window]) / window > 0.93
    edges = np.flatnonzero(np.diff(alike, prepend=False, append=False)).reshape(-1, 2)
    return [round((a + b + window) / 2 - 4 * 74.5) for a, b in edges.tolist()]  # from its middle


def decode_sync(bits: npt.NDArray[np.int64]) -> tuple[int, int]:
    """(BSIC, frame number) of the 78 coded bits; both codes must agree (TS 45.003, 4.7)."""
    coded = np.concatenate([bits[3:42], bits[106:145]]).reshape(39, 2)
    data = [0] * 4
    for first, second in coded.tolist():
        u = first ^ data[-3] ^ data[-4]
        assert second == u ^ data[-1] ^ data[-3] ^ data[-4]
        data.append(u)
    word = data[4:]
    assert word[35:] == [0] * 4
    value = int("".join(map(str, word[:25] + [1 - b for b in word[25:35]])), 2)
    for n in range(34, 9, -1):  # parity
        value ^= 0b10101110101 << n - 10 if value >> n & 1 else 0
    assert value == 0
    octets = [sum(b << k for k, b in enumerate(word[8 * n : 8 * n + 8])) for n in range(4)]
    t1 = (octets[0] & 3) << 9 | octets[1] << 1 | octets[2] >> 7
    t2, t3 = octets[2] >> 2 & 31, 10 * ((octets[2] & 3) << 1 | octets[3] & 1) + 1
    return octets[0] >> 2, 51 * ((t3 - t2) % 26) + t3 + 51 * 26 * t1


def test_a_phone_finds_the_cell_and_its_time() -> None:
    iq, _ = broadcast()
    iq = with_noise(iq, CELL, RATE, 20)
    found = corrections(iq)
    assert len(found) in (5, 6)
    gaps = np.diff(found) / FRAME
    np.testing.assert_allclose(gaps, np.rint(gaps), atol=2e-3)
    assert set(np.rint(gaps)) <= {10, 11}  # frames (TS 45.002, table 3)
    numbers = []
    for start in found:
        if start + 2 * FRAME < len(iq):
            bits = bits_at(iq, start + FRAME, 148)
            assert "".join(map(str, bits[42:106])) == EXTENDED
            colour, number = decode_sync(bits)
            assert colour == 0o53
            numbers.append(number)
    assert len(numbers) >= 4
    np.testing.assert_array_equal(np.diff(numbers), np.rint(gaps)[: len(numbers) - 1])
    assert all(number % 51 % 10 == 1 for number in numbers)


def test_every_slot_of_the_carrier_is_on_with_the_cells_training_or_a_dummy() -> None:
    iq, (burst,) = broadcast()
    assert burst.count == len(iq)
    np.testing.assert_allclose(np.abs(iq[500:-500]), 1, atol=0.08)
    start = corrections(iq)[0]
    kinds = {"normal": 0, "dummy": 0, "other": 0}
    for n in range(8 * 30):
        at = start + 625 * n
        bits = "".join(map(str, bits_at(iq, at, 148)))
        if bits[61:87] == NORMAL:
            kinds["normal"] += 1
        elif bits[3:23] == "11111011011101100000":
            kinds["dummy"] += 1
        else:
            kinds["other"] += 1
    assert kinds["other"] == 6  # FCCH and SCH
    assert kinds["normal"] > 50 and kinds["dummy"] > 50


def test_the_modulation_keeps_to_its_mask() -> None:
    """TS 45.005, 4.2.1: dB in 30 kHz relative to the carrier, base stations."""
    iq, _ = broadcast()
    frequency, level = density_db(iq, RATE, 30e3)
    level -= level[np.abs(frequency) < 15e3].mean()
    for offset, limit in ((100e3, 0.5), (200e3, -30), (250e3, -33), (400e3, -60)):
        at = np.abs(np.abs(frequency) - offset) < 8e3
        assert level[at].max() <= limit, offset


def test_traffic_alone_has_bursts_in_slots() -> None:
    waveform = Gsm(bcch=False, load=0.3)
    iq, bursts = waveform.render(RATE, 20 * FRAME, 0, rng(2))
    assert energy_in(iq, bursts, RATE) > 0.93
    slots = np.diff([b.start for b in bursts[1:]]) / 625
    np.testing.assert_allclose(slots, np.rint(slots), atol=2e-3)
    lengths = {round((b.count + 1) / 625) for b in bursts[1:-1]}
    assert lengths <= {1, 2, 3, 4, 5, 6, 7}
    second = bursts[2]
    edge = np.abs(iq[second.start : second.start + 40])
    assert edge[0] < 0.1 and edge[30] == pytest.approx(1, abs=0.1)  # within 28 us (annex B)
