"""LoRa is received by dechirping and decoded step by step (Tapparel et al., SPAWC 2020)."""

from __future__ import annotations

import binascii
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pydantic import ValidationError

from radiofm_capture.scenes.lora import Lora, draw_lora, encode
from radiofm_capture.scenes.signal import Burst, Iq

Symbols = npt.NDArray[np.int64]
WHITENING = bytes.fromhex(
    "fffefcf8f0e1c2850b172f5ebc78f1e3c68d1a3468d0a04080010204081123478e1c3871"
)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def dechirp(chips: Iq, spreading: int, down: bool = False) -> tuple[Symbols, Any]:
    """Samples at the bandwidth -> the strongest bin of each symbol, and its share of the energy."""
    size = 2**spreading
    n = np.arange(size)
    chirp = np.exp(2j * np.pi * (n**2 / (2 * size) - n / 2))
    blocks = chips[: len(chips) // size * size].reshape(-1, size)
    power = np.abs(np.fft.fft(blocks * (chirp if down else chirp.conj()), axis=1)) ** 2
    return power.argmax(axis=1), power.max(axis=1) / power.sum(axis=1)


def deinterleave(symbols: Symbols, bits: int, reduced: bool, spreading: int) -> list[list[int]]:
    """One block of symbols -> its codewords."""
    values = ((symbols - 1) % 2**spreading) // (4 if reduced else 1)
    gray = values ^ values >> 1
    words = [[0] * len(symbols) for _ in range(bits)]
    for column, value in enumerate(gray.tolist()):
        for row in range(bits):
            words[(column - row - 1) % bits][column] = value >> (bits - 1 - row) & 1
    return words


def nibble(word: list[int]) -> int:
    """The data of a codeword without errors."""
    data, parity = word[:4], word[4:]
    if len(parity) == 1:
        assert sum(word) % 2 == 0
    else:
        for value, taps in zip(parity, ((0, 1, 2), (1, 2, 3), (0, 1, 3), (0, 2, 3)), strict=False):
            assert value == sum(data[t] for t in taps) % 2
    return sum(b << n for n, b in enumerate(data))


def decode(symbols: Symbols, spreading: int, low_rate: bool) -> tuple[bytes, int]:
    """Payload and coding of a packet; checks header and CRC."""
    nibbles = [nibble(w) for w in deinterleave(symbols[:8], spreading - 2, True, spreading)]
    length, coding = nibbles[0] << 4 | nibbles[1], nibbles[2] >> 1
    assert nibbles[2] & 1
    top, low = nibbles[0], nibbles[1]
    assert nibbles[3] == bin(top).count("1") % 2
    assert nibbles[4] >> 3 == (top >> 3 ^ low >> 1 ^ low >> 2 ^ low >> 3 ^ nibbles[2]) & 1
    nibbles = nibbles[5:]
    bits = spreading - 2 if low_rate else spreading
    for at in range(8, len(symbols), 4 + coding):
        block = symbols[at : at + 4 + coding]
        nibbles += [nibble(w) for w in deinterleave(block, bits, low_rate, spreading)]
    octets = bytes(a | b << 4 for a, b in zip(nibbles[::2], nibbles[1::2], strict=False))
    data = bytes(o ^ w for o, w in zip(octets[:length], WHITENING, strict=False))
    check = int.from_bytes(octets[length : length + 2], "little")
    assert check == binascii.crc_hqx(data[:-2], 0) ^ (data[-2] << 8 | data[-1])
    return data, coding


@pytest.mark.parametrize("spreading", range(7, 13))
@pytest.mark.parametrize("coding", [1, 2, 3, 4])
def test_coding_round_trip(spreading: int, coding: int) -> None:
    for low_rate in (False, True):
        data = rng(spreading).bytes(21)
        symbols = encode(data, spreading, coding, low_rate)
        # The length of the data sheet (SX1276, 4.1.1.7), with header and CRC.
        per_block = 4 * (spreading - 2 * low_rate)
        blocks = max(0, -(-(8 * 21 - 4 * spreading + 28 + 16) // per_block))
        assert len(symbols) == 8 + blocks * (4 + coding)
        assert symbols.min() >= 0 and symbols.max() < 2**spreading
        assert (symbols[:8] % 4 == 1).all()
        assert decode(symbols, spreading, low_rate) == (data, coding)


@pytest.mark.parametrize(
    ("spreading", "width", "coding"), [(7, 125e3, 1), (9, 500e3, 4), (11, 500e3, 2), (12, 250e3, 3)]
)
def test_packets_are_received(spreading: int, width: Any, coding: int) -> None:
    waveform = Lora(
        spreading=spreading, width_hz=width, coding=coding, payload=(10, 20), pause_s=(5e-3, 2e-2)
    )
    rate, symbol = 4 * width, 2**spreading
    iq, bursts = waveform.render(rate, round(2.2 * 60 * waveform.symbol_s * rate), 0.0, rng())
    low_rate = symbol / width > 16e-3
    whole = [b for b in bursts if b.start > 0 and b.start + b.count < len(iq)]
    assert whole
    for burst in whole:
        chips = iq[burst.start : burst.start + burst.count : 4]
        head, share = dechirp(chips[: 10 * symbol], spreading)
        assert head.tolist() == [0] * 8 + [3 * 8, 4 * 8]  # sync word 34
        down, _ = dechirp(chips[10 * symbol : 12 * symbol], spreading, down=True)
        assert set(down.tolist()) <= {0, symbol - 1}
        found, purity = dechirp(chips[round(12.25 * symbol) :], spreading)
        assert min(share.min(), purity.min()) > 0.99
        data, code = decode(found, spreading, low_rate)
        assert code == coding and 10 <= len(data) <= 20
        again = encode(data, spreading, coding, low_rate)
        assert found.tolist() == again.tolist()


def test_the_band_and_power() -> None:
    waveform = Lora(width_hz=125e3, pause_s=(5e-3, 1e-2))
    iq, bursts = waveform.render(1e6, 300_000, 0.2e6, rng())
    assert np.vdot(iq, iq).real / sum(b.count for b in bursts) == pytest.approx(1, rel=0.01)
    power = np.abs(np.fft.fft(iq)) ** 2
    offset = np.fft.fftfreq(len(iq), 1e-6) - 0.2e6
    assert power[np.abs(offset) < 62.5e3].sum() / power.sum() > 0.97
    assert power[np.abs(offset) < 30e3].sum() / power.sum() == pytest.approx(0.48, abs=0.06)
    assert {(round(b.low_hz), round(b.high_hz)) for b in bursts} == {(137_500, 262_500)}


def test_a_slice_of_a_long_packet_is_continuous_at_any_rate() -> None:
    """SF 12 lasts longer than a slice; blocks of the interpolation leave no seam."""
    waveform = Lora(spreading=12, pause_s=(1.0, 2.0), payload=(50, 60))
    iq, bursts = waveform.render(61.44e6, round(0.004 * 61.44e6), 3.3e6, rng(3))
    assert bursts == [Burst(0, len(iq), 3.3e6 - 62.5e3, 3.3e6 + 62.5e3)]
    np.testing.assert_allclose(np.abs(iq[2000:-2000]), 1, atol=0.12)  # but for the wraps of chirps
    steps = np.angle(iq[1:] * iq[:-1].conj()) / (2 * np.pi) * 61.44e6 - 3.3e6
    assert np.percentile(np.abs(steps), 99.5) < 64e3


@pytest.mark.parametrize("seed", range(4))
def test_drawn_links_render_and_round_trip(seed: int) -> None:
    generator = rng(seed)
    waveform = draw_lora(generator, 2e6)
    assert waveform == Lora.model_validate_json(waveform.model_dump_json())
    iq, bursts = waveform.render(2e6, 200_000, 0.0, rng(seed))
    again, _ = waveform.render(2e6, 200_000, 0.0, rng(seed))
    np.testing.assert_array_equal(iq, again)
    assert np.isfinite(iq).all() and all(b.count > 0 and b.start >= 0 for b in bursts)


def test_an_unknown_width_is_refused() -> None:
    with pytest.raises(ValidationError, match="width_hz 100000 is not LoRa's: use 125000"):
        Lora.model_validate({"width_hz": 100e3})
