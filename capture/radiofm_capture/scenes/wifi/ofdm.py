"""PPDUs of OFDM: non-HT (802.11a/g), HT-mixed (n) and VHT (ac) with one spatial stream and BCC.

Clauses are of IEEE 802.11-2020. Samples are at the channel's width, and of unit mean power.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from radiofm_capture.scenes.coding import Bits
from radiofm_capture.scenes.serial import lsb_first, number
from radiofm_capture.scenes.signal import Iq
from radiofm_capture.scenes.wifi.coding import (
    constellation,
    convolve,
    crc8,
    interleaving,
    scrambling,
)
from radiofm_capture.scenes.wifi.tones import (
    GUARD,
    LEGACY,
    NON_HT,
    SPACING_HZ,
    WIDE,
    Tones,
    duplicate,
    legacy_training,
    to_time,
    wide_training,
)

SERVICE, TAIL = 16, 6
RATE_BITS = (0b1011, 0b1111, 0b1010, 0b1110, 0b1001, 0b1101, 0b1000, 0b1100)  # R4..R1, table 17-6
SIGNAL = 24


@dataclass(frozen=True, slots=True)
class Mcs:
    """Bits a subcarrier, and the rate of the code."""

    per_tone: int
    rate: tuple[int, int]

    def data_bits(self, tones: Tones) -> int:
        """N_DBPS."""
        return len(tones.data) * self.per_tone * self.rate[0] // self.rate[1]


NON_HT_MCS = (
    Mcs(1, (1, 2)), Mcs(1, (3, 4)), Mcs(2, (1, 2)), Mcs(2, (3, 4)),
    Mcs(4, (1, 2)), Mcs(4, (3, 4)), Mcs(6, (2, 3)), Mcs(6, (3, 4)),
)  # 6, 9, 12, 18, 24, 36, 48 and 54 Mb/s (table 17-4)  # fmt: skip
WIDE_MCS = (
    Mcs(1, (1, 2)), Mcs(2, (1, 2)), Mcs(2, (3, 4)), Mcs(4, (1, 2)), Mcs(4, (3, 4)),
    Mcs(6, (2, 3)), Mcs(6, (3, 4)), Mcs(6, (5, 6)), Mcs(8, (3, 4)), Mcs(8, (5, 6)),
)  # tables 19-27 and 21-30; HT ends with 7, VHT of 20 MHz with 8  # fmt: skip
BPSK = NON_HT_MCS[0]


def non_ht(psdu: bytes, mcs: int, width_hz: float, seed: int) -> Iq:
    """Clause 17, in every 20 MHz of the channel (17.3.9: non-HT duplicate)."""
    size = round(width_hz / SPACING_HZ)
    chosen = NON_HT_MCS[mcs]
    unit = chosen.data_bits(NON_HT)
    count = -(-(SERVICE + 8 * len(psdu) + TAIL) // unit)
    bits = np.zeros(count * unit, np.uint8)
    bits[SERVICE : SERVICE + 8 * len(psdu)] = lsb_first(psdu)
    bits ^= scrambling(seed, len(bits))
    bits[SERVICE + 8 * len(psdu) :][:TAIL] = 0
    data = _legacy_symbols(bits, chosen, 1, size)
    return np.concatenate([legacy_training(size), _l_sig(mcs, len(psdu), size), data])


def ht(
    psdu: bytes, mcs: int, width_hz: float, short_guard: bool, aggregated: bool, seed: int
) -> Iq:
    """HT-mixed (clause 19)."""
    tones, chosen = WIDE[width_hz], WIDE_MCS[mcs]
    unit = chosen.data_bits(tones)
    count = -(-(SERVICE + 8 * len(psdu) + TAIL) // unit)
    bits = np.zeros(count * unit, np.uint8)
    bits[SERVICE : SERVICE + 8 * len(psdu)] = lsb_first(psdu)
    bits ^= scrambling(seed, len(bits))
    bits[SERVICE + 8 * len(psdu) :][:TAIL] = 0
    data = _wide_symbols(bits, tones, chosen, 3, short_guard)
    length = _spoofed_length(8 + 4 + 4 + _duration_us(data, tones))
    first = np.concatenate([number(mcs, 7), number(width_hz > 20e6, 1), number(len(psdu), 16)])
    second = np.array([1, 1, 1, aggregated, 0, 0, 0, short_guard, 0, 0], np.uint8)  # table 19-11
    fields = np.concatenate([first, second])
    sig = np.concatenate([fields, crc8(fields), np.zeros(TAIL, np.uint8)])
    size = tones.size
    return np.concatenate(
        [
            legacy_training(size), _l_sig(0, length, size),
            _legacy_symbols(sig, BPSK, 1, size, turned=(True, True)), wide_training(size), data,
        ]
    )  # fmt: skip


def vht(mpdus: bytes, mcs: int, width_hz: float, short_guard: bool, seed: int) -> Iq:
    """Clause 21, to one user; `mpdus` is an A-MPDU, which is padded to whole symbols."""
    tones, chosen = WIDE[width_hz], WIDE_MCS[mcs]
    unit = chosen.data_bits(tones)
    count = -(-(SERVICE + 8 * len(mpdus) + TAIL) // unit)
    psdu = end_of_frame_padding(mpdus, (count * unit - SERVICE - TAIL) // 8)
    sig_b = _vht_sig_b(len(mpdus), width_hz)
    bits = np.zeros(count * unit, np.uint8)
    bits[8:SERVICE] = crc8(sig_b[:-TAIL])  # 21.3.10.3
    bits[SERVICE : SERVICE + 8 * len(psdu)] = lsb_first(psdu)
    bits ^= scrambling(seed, len(bits))
    bits[-TAIL:] = 0  # after the padding (21.3.10.5)
    data = _wide_symbols(bits, tones, chosen, 4, short_guard)
    size = tones.size
    repeats = np.zeros(len(tones.data) // 2, np.uint8)
    copies = np.tile(sig_b, len(repeats) // len(sig_b))  # 21.3.8.3.6
    repeats[: len(copies)] = copies
    length = _spoofed_length(8 + 4 + 4 + 4 + _duration_us(data, tones))
    odd = short_guard and count % 10 == 9
    return np.concatenate(
        [
            legacy_training(size), _l_sig(0, length, size),
            _legacy_symbols(
                _vht_sig_a(mcs, width_hz, short_guard, odd), BPSK, 1, size, (False, True)
            ),
            wide_training(size), _wide_symbols(repeats, tones, BPSK, 3, False), data,
        ]
    )  # fmt: skip


def end_of_frame_padding(mpdus: bytes, length: int) -> bytes:
    """The last subframe to whole words, EOF subframes, at most three bytes (9.7.1, 21.3.10.5)."""
    aligned = mpdus + bytes(min(-len(mpdus) % 4, length - len(mpdus)))
    words, rest = divmod(length - len(aligned), 4)
    return aligned + delimiter(0, True) * words + bytes(rest)


def delimiter(length: int, eof: bool = False) -> bytes:
    """Of an A-MPDU subframe: EOF, length, CRC, signature (9.7.1)."""
    bits = np.zeros(16, np.uint8)
    bits[0] = eof
    bits[2:4] = number(length >> 12, 2)
    bits[4:] = number(length & 0xFFF, 12)
    return np.packbits(np.concatenate([bits, crc8(bits)]), bitorder="little").tobytes() + b"\x4e"


@lru_cache(1024)
def _l_sig(mcs: int, length: int, size: int) -> Iq:
    """17.3.4."""
    bits = np.zeros(SIGNAL, np.uint8)
    bits[:4] = number(RATE_BITS[mcs], 4)
    bits[5:17] = number(length, 12)
    bits[17] = bits.sum() % 2
    symbol = _legacy_symbols(bits, BPSK, 0, size)
    symbol.flags.writeable = False
    return symbol


def _spoofed_length(after_us: float) -> int:
    """L_LENGTH at 6 Mb/s for what follows L-SIG (19.3.9.3.5, 21.3.8.2.4)."""
    return 3 * math.ceil(round(after_us / 4, 3)) - 3


def _vht_sig_a(mcs: int, width_hz: float, short_guard: bool, odd: bool) -> Bits:
    """Table 21-12; the group is 63, to a station."""
    bits = np.zeros(48, np.uint8)
    bits[0:2] = number({20e6: 0, 40e6: 1, 80e6: 2}[width_hz], 2)
    bits[[2, 23, 33]] = 1  # reserved
    bits[4:10] = number(63, 6)
    bits[24], bits[25] = short_guard, odd
    bits[28:32] = number(mcs, 4)
    bits[34:42] = crc8(bits[:34])
    return bits


def _vht_sig_b(length: int, width_hz: float) -> Bits:
    """Table 21-14: the length in units of 4 bytes, reserved ones, tail."""
    size, reserved = {20e6: (17, 3), 40e6: (19, 2), 80e6: (21, 2)}[width_hz]
    ones = np.ones(reserved, np.uint8)
    return np.concatenate([number(-(-length // 4), size), ones, np.zeros(TAIL, np.uint8)])


def _points(
    bits: Bits, tones: Tones, mcs: Mcs
) -> np.ndarray[tuple[int, ...], np.dtype[np.complex64]]:
    coded = len(tones.data) * mcs.per_tone
    order = interleaving(coded, mcs.per_tone, tones.columns)
    sent = convolve(bits, mcs.rate).reshape(-1, coded)[:, order]
    return constellation(sent.reshape(len(sent), -1, mcs.per_tone), mcs.per_tone)


def _legacy_symbols(
    bits: Bits, mcs: Mcs, first: int, size: int, turned: tuple[bool, ...] = ()
) -> Iq:
    """Symbols of 4 us; `turned` ones are QBPSK (19.3.9.4.3, 21.3.8.3.3)."""
    points = _points(bits, NON_HT, mcs)
    for row, quarter in enumerate(turned):
        points[row] *= 1j if quarter else 1
    grid = NON_HT.grid(points, first)
    return to_time(duplicate(grid, size), GUARD * size // LEGACY)


def _wide_symbols(bits: Bits, tones: Tones, mcs: Mcs, first: int, short_guard: bool) -> Iq:
    grid = tones.grid(_points(bits, tones, mcs), first)
    return to_time(grid, tones.size // (8 if short_guard else 4))


def _duration_us(iq: Iq, tones: Tones) -> float:
    return len(iq) / (tones.size * SPACING_HZ) * 1e6
