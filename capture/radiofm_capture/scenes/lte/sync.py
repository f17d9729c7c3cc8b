"""Primary and secondary synchronisation signals (TS 36.211, 6.11)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from radiofm_capture.scenes.lte.cell import SLOT, Cell, Grid

ROOTS = (25, 29, 34)  # Zadoff-Chu root of each N_ID(2) (table 6.11.1.1-1)
LENGTH = 62  # subcarriers in use
RESERVED = 72  # and with the free ones at both sides
HALF = 5  # subframes between two of each


def primary(cell_id: int) -> Grid:
    """d(0..61) of 6.11.1.1."""
    n = np.arange(LENGTH + 1)
    chirp = np.exp(-1j * np.pi * ROOTS[cell_id % 3] * n * (n + 1) / 63)
    return np.delete(chirp, LENGTH // 2).astype(np.complex64)  # the centre is not sent


def secondary(cell_id: int, subframe: int) -> Grid:
    """d(0..61) of 6.11.2.1 in subframe 0 or 5."""
    first, second = cell_id // 3, cell_id % 3
    q = (first + first // 30 * (first // 30 + 1) // 2) // 30
    m = first + q * (q + 1) // 2
    m0, m1 = m % 31, (m % 31 + m // 31 + 1) % 31
    s, c, z = _sequence(0b00101), _sequence(0b01001), _sequence(0b10111)
    if subframe:
        m0, m1 = m1, m0
    even = np.roll(s, -m0) * np.roll(c, -second)
    odd = np.roll(s, -m1) * np.roll(c, -second - 3) * np.roll(z, -(m0 % 8))
    return np.stack([even, odd], axis=1).reshape(-1).astype(np.complex64)


def _sequence(taps: int) -> npt.NDArray[np.int64]:
    """1 - 2 x(0..30) with x(i + 5) the sum of x(i + n) over the bits n of `taps`, modulo 2."""
    x = [0, 0, 0, 0, 1]
    for i in range(26):
        x.append(sum(x[i + n] for n in range(5) if taps >> n & 1) % 2)
    return 1 - 2 * np.array(x)


def places(cell: Cell) -> list[tuple[int, int, Grid]]:
    """(subframe, symbol, d) of both signals in a frame (6.11.1.2 and 6.11.2.2)."""
    found = []
    for half in (0, HALF):
        if cell.tdd:
            found.append((half + 1, 2, primary(cell.cell_id)))
            found.append((half, 2 * SLOT - 1, secondary(cell.cell_id, half)))
        else:
            found.append((half, SLOT - 1, primary(cell.cell_id)))
            found.append((half, SLOT - 2, secondary(cell.cell_id, half)))
    return found
