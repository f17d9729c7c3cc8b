"""The radio data system (IEC 62106:2015)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice

import numpy as np
import numpy.typing as npt

from radiofm_capture.scenes.coding import Bits, crc

BIT_RATE = 1187.5  # 57 kHz / 48 (4.5)
GENERATOR = 0x1B9  # x^10 + x^8 + x^7 + x^5 + x^4 + x^3 + 1 (5.3)
OFFSETS = (0x0FC, 0x198, 0x168, 0x1B4)  # A, B, C and D (annex A)
GROUP_BITS = 104
NO_FREQUENCY = 0xE0CD  # no list of other frequencies, filler (6.2.1.6)


def groups(program: int, kind: int, name: str, text: str) -> Iterator[tuple[int, int, int, int]]:
    """Blocks of groups 0A (name, 8 letters) and 2A (text, 64 letters) in turn, for ever.

    `program` is the PI code, `kind` the programme type (6.1.5.1, 6.1.5.3).
    """
    common = kind << 5
    letters, line = name.ljust(8)[:8].encode("ascii"), text.ljust(64)[:64].encode("ascii")
    names = [
        (program, common | 1 << 3 | n, NO_FREQUENCY, letters[2 * n] << 8 | letters[2 * n + 1])
        for n in range(4)  # music, then the segment
    ]
    texts = [
        (
            program,
            2 << 12 | common | n,
            line[4 * n] << 8 | line[4 * n + 1],
            line[4 * n + 2] << 8 | line[4 * n + 3],
        )
        for n in range(16)
    ]
    for first, second in zip(cycle(names), cycle(texts), strict=False):
        yield first
        yield second


def bits(blocks: Iterator[tuple[int, int, int, int]], count: int) -> Bits:
    """`count` groups as bits [104 count], each block with its checkword (5.1 to 5.3)."""
    sent = []
    for group in islice(blocks, count):
        for word, offset in zip(group, OFFSETS, strict=True):
            data = _number(word, 16)
            sent += [data, crc(data, GENERATOR, 10) ^ _number(offset, 10)]
    return np.concatenate(sent)


def _number(value: int, length: int) -> Bits:
    return np.array([value >> n & 1 for n in range(length - 1, -1, -1)], np.uint8)


def baseband(data: Bits, per_bit: int) -> npt.NDArray[np.float64]:
    """Differential coding, biphase symbols and the cosine filter: [n] -> [n * per_bit], peaks of 1.

    (4.6 and 4.7: the spectrum is shaped by cos(pi f td / 4) up to 2 / td.)
    """
    level = 2.0 * (np.cumsum(data) % 2) - 1
    impulses = np.zeros(len(data) * per_bit)
    impulses[::per_bit] = level
    impulses[per_bit // 2 :: per_bit] = -level
    frequency = np.fft.rfftfreq(len(impulses), 1 / per_bit)  # in units of 1 / td
    shape = np.cos(np.pi * frequency / 4) * (frequency <= 2)
    wave = np.fft.irfft(np.fft.rfft(impulses) * shape, len(impulses))
    return np.asarray(wave / np.abs(wave).max())
