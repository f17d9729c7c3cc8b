"""Physical broadcast channel with the master information block (TS 36.211, 6.6)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from radiofm_capture.scenes.coding import CRC16, Bits, crc, gold, qpsk
from radiofm_capture.scenes.lte.cell import Cell, Grid, Mask
from radiofm_capture.scenes.lte.convolutional import encode, rate_match
from radiofm_capture.scenes.lte.diversity import diversity

WIDTHS = (6, 15, 25, 50, 75, 100)  # dl-Bandwidth (TS 36.331, 6.2.2)
PHICH_SIXTHS = (1, 3, 6, 12)  # phich-Resource (TS 36.331, 6.3.2, PHICH-Config)
SPARE = 10
CODED = 1920  # bits over four frames (6.6.1)
PORT_MASK = {1: (0,) * 16, 2: (1,) * 16, 4: (0, 1) * 8}  # TS 36.212, table 5.3.1.1-1
SUBCARRIERS, FIRST, COUNT = 72, 7, 4  # the middle of symbols 7 to 10 of subframe 0 (6.6.4)


def master_information(cell: Cell, frame: int) -> Bits:
    """The 24 bits of the MIB (TS 36.331, 6.2.2); the PHICH has normal duration."""
    fields = [
        (WIDTHS.index(cell.prb), 3),
        (0, 1),
        (PHICH_SIXTHS.index(cell.phich_sixths), 2),
        (frame >> 2, 8),  # the position within four frames is found by descrambling
        (0, SPARE),
    ]
    bits = [value >> n & 1 for value, size in fields for n in range(size - 1, -1, -1)]
    return np.array(bits, np.uint8)


def broadcast(cell: Cell, frame: int) -> Grid:
    """What each port sends in one frame, [ports, 240], in the order of `free`."""
    mib = master_information(cell, frame)
    parity = crc(mib, CRC16, 16) ^ np.array(PORT_MASK[cell.ports], np.uint8)
    bits = rate_match(encode(np.concatenate([mib, parity])), CODED)
    bits = bits ^ _scrambling(cell.cell_id)
    quarter = bits.reshape(4, -1)[frame % 4]
    return diversity(qpsk(quarter), cell.ports)


def free(cell: Cell) -> Mask:
    """Its elements among [4, 72]: as if there were reference signals of four ports (6.6.4)."""
    mask = np.ones((COUNT, SUBCARRIERS), bool)
    mask[:2, cell.cell_id % 3 :: 3] = False
    return mask


@lru_cache(1)
def _scrambling(cell_id: int) -> Bits:
    return gold(cell_id, CODED)  # 6.6.1
