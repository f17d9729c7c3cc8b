"""Cell-specific reference signals (TS 36.211, 6.10.1)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from radiofm_capture.scenes.coding import gold, qpsk
from radiofm_capture.scenes.lte.cell import SLOT, SUBFRAMES, SYMBOLS, Cell, Grid

STEP = 6  # subcarriers between two of a port in a symbol
WIDEST = 110  # N_RB(max, DL): the sequence is the middle part of that of the widest cell
SLOTS = 2 * SUBFRAMES
IN_SLOT = {0: (0, 4), 1: (0, 4), 2: (1,), 3: (1,)}  # symbols of each port


def reference(cell: Cell) -> Grid:
    """One frame of each port, [ports, 10, 14, subcarriers], zero elsewhere."""
    grid = np.zeros((cell.ports, SLOTS, SLOT, cell.subcarriers), np.complex64)
    for port in range(cell.ports):
        for symbol in IN_SLOT[port]:
            for slot in range(SLOTS):
                row = _sequence(cell.cell_id, slot, symbol)
                first = WIDEST - cell.prb
                k = columns(cell.cell_id, port, symbol, slot, cell.prb)
                grid[port, slot, symbol, k] = row[first : first + 2 * cell.prb]
    return grid.reshape(cell.ports, SUBFRAMES, SYMBOLS, cell.subcarriers)


def columns(cell_id: int, port: int, symbol: int, slot: int, prb: int) -> npt.NDArray[np.int64]:
    """Subcarriers of a port's signals in a symbol that has them (6.10.1.2)."""
    if port < 2:
        shift = 0 if (port == 0) == (symbol == 0) else 3
    else:
        shift = 3 * (slot % 2) + (3 if port == 3 else 0)
    return STEP * np.arange(2 * prb) + (shift + cell_id) % STEP


@lru_cache(64)
def _sequence(cell_id: int, slot: int, symbol: int) -> Grid:
    """r(0..219) of 6.10.1.1."""
    start = 2**10 * (7 * (slot + 1) + symbol + 1) * (2 * cell_id + 1) + 2 * cell_id + 1
    return qpsk(gold(start, 4 * WIDEST))
