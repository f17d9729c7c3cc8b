"""PPDUs of 802.11b: Barker and CCK at 11 Mchip/s (IEEE 802.11-2020, clauses 15 and 16)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy.signal

from radiofm_capture.scenes.coding import CRC16, Bits
from radiofm_capture.scenes.serial import lsb_first, number, preset_crc
from radiofm_capture.scenes.signal import Iq

CHIPS_S = 11e6
SAMPLES = 2  # a chip
RATE = SAMPLES * CHIPS_S
BARKER = np.array([1, -1, 1, 1, -1, 1, 1, 1, -1, -1, -1], np.float32)  # 15.4.4.2
SPEEDS = (1.0, 2.0, 5.5, 11.0)  # Mb/s
TURNS = {1: (0, 2), 2: (0, 3, 1, 2)}  # quarters of a DBPSK, DQPSK symbol; its first bit is the low
ROLL_OFF = 0.6  # of the pulses, a raised cosine: the standard gives a mask only (16.3.8.4.2)
WIDTH_HZ = 13.6e6  # holds 99 % of the power
SPAN = 4  # chips of the pulse either side
QUARTERS = np.array([1, 1j, -1, -1j], np.complex64)

LONG_SEED, SHORT_SEED = (1, 1, 0, 1, 1, 0, 0), (0, 0, 1, 1, 0, 1, 1)  # 16.2.4
LONG_SFD, SHORT_SFD = 0xF3A0, 0x05CF  # 16.2.3.3, 16.2.3.10


def dsss(psdu: bytes, speed: int, short: bool) -> Iq:
    """A PPDU at `SPEEDS[speed]`, with the long or short preamble; samples at `RATE`."""
    head = preamble(short), header(len(psdu), speed)
    bits = scramble(np.concatenate([*head, lsb_first(psdu)]), SHORT_SEED if short else LONG_SEED)
    begin, body = len(head[0]), len(head[0]) + len(head[1])
    turns = [_differential(bits[:begin], 1), _differential(bits[begin:body], 2 if short else 1)]
    if speed < 2:
        turns.append(_differential(bits[body:], speed + 1))
    phase = np.cumsum(np.concatenate(turns))
    chips = np.multiply.outer(QUARTERS[phase % 4], BARKER).reshape(-1)
    if speed >= 2:
        chips = np.concatenate([chips, _cck(bits[body:], speed, int(phase[-1]))])
    return np.asarray(scipy.signal.upfirdn(_pulse(), chips, SAMPLES), np.complex64)


def preamble(short: bool) -> Bits:
    """SYNC and SFD (16.2.3.2, 16.2.3.9)."""
    sync = np.zeros(56, np.uint8) if short else np.ones(128, np.uint8)
    return np.concatenate([sync, number(SHORT_SFD if short else LONG_SFD, 16)])


def header(length: int, speed: int) -> Bits:
    """SIGNAL, SERVICE, LENGTH and CRC (16.2.3.4 to 16.2.3.7)."""
    rate = SPEEDS[speed]
    duration = int(-(-8 * length // rate))
    extended = speed == 3 and duration * 11 - 8 * length >= 8
    service = 0x04 | extended << 7  # the clocks are locked
    fields = np.concatenate([number(round(10 * rate), 8), number(service, 8), number(duration, 16)])
    return np.concatenate([fields, preset_crc(fields, CRC16, 16, 0xFFFF) ^ np.uint8(1)])


def scramble(bits: Bits, seed: tuple[int, ...]) -> Bits:
    """z^-7 + z^-4 + 1, of its own output (16.2.4)."""
    sent = list(seed[::-1])
    for bit in bits.tolist():
        sent.append(bit ^ sent[-4] ^ sent[-7])
    return np.array(sent[7:], np.uint8)


def _differential(bits: Bits, per_symbol: int) -> npt.NDArray[np.int64]:
    """Quarter turns from symbol to symbol (15.4.4.4)."""
    index = bits[::per_symbol].astype(np.int64)
    if per_symbol == 2:
        index += 2 * bits[1::2]
    return np.array(TURNS[per_symbol])[index]


def _cck(bits: Bits, speed: int, phase: int) -> npt.NDArray[np.complex64]:
    """Eight chips a symbol of four or eight bits (16.3.6.6); `phase` in quarters, before it."""
    words = bits.reshape(-1, 8 if speed == 3 else 4).astype(np.int64)
    n = np.arange(len(words))
    turns = _differential(bits.reshape(len(words), -1)[:, :2].reshape(-1), 2)
    first = phase + np.cumsum(turns + 2 * (n % 2))
    if speed == 3:
        second, third, fourth = (2 * words[:, a] + words[:, a + 1] for a in (2, 4, 6))
    else:
        second, third, fourth = 2 * words[:, 2] + 1, 0 * n, 2 * words[:, 3]
    quarters = first[:, None] + np.stack(
        [
            second + third + fourth, third + fourth, second + fourth, fourth + 2,
            second + third, third, second + 2, 0 * n,
        ],
        axis=1,
    )  # fmt: skip
    return np.asarray(QUARTERS[quarters.reshape(-1) % 4])


@lru_cache(1)
def _pulse() -> npt.NDArray[np.float64]:
    """A raised cosine, and unit power of random chips sent with it."""
    t = np.arange(-SPAN * SAMPLES, SPAN * SAMPLES + 1) / SAMPLES
    taps = np.sinc(t) * np.cos(np.pi * ROLL_OFF * t) / (1 - (2 * ROLL_OFF * t) ** 2)
    return np.asarray(taps / np.sqrt(1 - ROLL_OFF / 4))
