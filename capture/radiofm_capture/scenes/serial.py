"""What short-range radios share: the order of bits, presets of CRCs, sequences of registers."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from radiofm_capture.scenes.coding import Bits


def lsb_first(data: bytes) -> Bits:
    """The bits of bytes, each byte's lowest first [8 len(data)]."""
    return np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")


def number(value: int, length: int) -> Bits:
    """`length` bits of a number, the lowest first."""
    return np.array([value >> n & 1 for n in range(length)], np.uint8)


def preset_crc(bits: Bits, polynomial: int, length: int, preset: int) -> Bits:
    """The CRC, highest power first, of a register that starts at `preset`."""
    register, mask = preset, (1 << length) - 1
    for bit in bits.tolist():
        top = register >> length - 1 ^ bit
        register = (register << 1 & mask) ^ polynomial * top
    return number(register, length)[::-1]


@lru_cache(256)
def recurrence(first: tuple[int, ...], near: int, far: int) -> Bits:
    """One period, 2^far - 1 values, of x(n) = x(n - near) + x(n - far) after `first` [far]."""
    values = list(first)
    while len(values) < far + 2**far - 1:
        values.append(values[-near] ^ values[-far])
    sequence = np.array(values[far:], np.uint8)
    sequence.flags.writeable = False
    return sequence


def repeat(sequence: Bits, count: int) -> Bits:
    """The first `count` values of a periodic sequence."""
    return np.tile(sequence, -(-count // len(sequence)))[:count]
