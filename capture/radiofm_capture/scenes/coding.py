"""What LTE and NR share: the Gold sequence, CRCs, constellations."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.uint8]  # 0 or 1, the first to be sent first

WARM_UP = 1600  # N_C
LENGTH = 31
CRC16 = 0x1021  # D^16 + D^12 + D^5 + 1 (TS 36.212, 5.1.1)
CRC24A = 0x864CFB  # 5.1.1 of TS 36.212 and TS 38.212
CRC24C = 0xB2B117  # TS 38.212, 5.1


def gold(c_init: int, count: int) -> Bits:
    """The pseudo-random sequence c(0..count - 1) (TS 36.211, 7.2; TS 38.211, 5.2.1)."""
    total = WARM_UP + count
    x2 = np.array([c_init >> n & 1 for n in range(LENGTH)], np.uint8)
    second = _shift_register(x2, (0, 1, 2, 3), total)
    return _first(total)[WARM_UP:] ^ second[WARM_UP:]


@lru_cache(4)
def _first(total: int) -> Bits:
    x1 = np.zeros(LENGTH, np.uint8)
    x1[0] = 1
    return _shift_register(x1, (0, 3), total)


def _shift_register(state: Bits, taps: tuple[int, ...], total: int) -> Bits:
    """x(n + 31) = sum of x(n + tap), modulo 2; 28 values at a time, since no tap is above 3."""
    step = LENGTH - max(taps)
    x = np.zeros(total + LENGTH + step, np.uint8)
    x[:LENGTH] = state
    for n in range(0, total, step):
        x[n + LENGTH : n + LENGTH + step] = np.bitwise_xor.reduce(
            [x[n + tap : n + tap + step] for tap in taps]
        )
    return x[:total]


def crc(bits: Bits, polynomial: int, length: int) -> Bits:
    """The `length` parity bits of `bits` (TS 36.212, 5.1.1: start at 0, highest power first)."""
    register, top = 0, 1 << length
    for bit in [*bits.tolist(), *[0] * length]:
        register = register << 1 | int(bit)
        if register & top:
            register ^= top | polynomial
    return np.array([register >> n & 1 for n in range(length - 1, -1, -1)], np.uint8)


def qpsk(bits: Bits) -> npt.NDArray[np.complex64]:
    """Bits [2 n] -> n symbols of unit power (TS 36.211, 7.1.2; TS 38.211, 5.1.3)."""
    return _pam(bits.reshape(-1, 2), 1)


def qam(bits: Bits, per_symbol: int) -> npt.NDArray[np.complex64]:
    """Bits [n * per_symbol] -> n symbols of unit power; 2, 4, 6 or 8 bits (TS 38.211, 5.1)."""
    return _pam(bits.reshape(-1, per_symbol), per_symbol // 2)


def _pam(bits: Bits, levels: int) -> npt.NDArray[np.complex64]:
    sign = 1.0 - 2.0 * bits
    axes = []
    for axis in (0, 1):  # I takes the even bits, Q the odd ones; the first gives the sign
        value = np.zeros(len(bits))
        for level in range(levels - 1, -1, -1):
            value = sign[:, 2 * level + axis] * (2 ** (levels - 1 - level) - value)
        axes.append(value)
    power = 2 * (4**levels - 1) / 3
    return np.asarray((axes[0] + 1j * axes[1]) / np.sqrt(power), np.complex64)
