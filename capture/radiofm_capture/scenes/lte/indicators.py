"""What PCFICH and PHICH say, as symbols (TS 36.211, 6.7 and 6.9)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from radiofm_capture.scenes.coding import Bits, gold, qpsk
from radiofm_capture.scenes.lte.cell import Cell, Grid, Mask
from radiofm_capture.scenes.lte.diversity import diversity

CFI_WORDS = ((0, 1, 1), (1, 0, 1), (1, 1, 0))  # begin of 1, 2 and 3 (TS 36.212, table 5.3.4-1)
CFI_BITS = 32
SPREADING = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
SEQUENCES = np.concatenate([SPREADING, 1j * SPREADING])  # table 6.9.1-2, normal prefix
REPEATS = 3  # of an acknowledgement (TS 36.212, table 5.3.5-1)


def format_indicator(cell: Cell, subframe: int, cfi: int) -> Grid:
    """[ports, 16]: CFI 1 to 3, which is one less than the symbols of a narrow cell (6.7)."""
    word = np.resize(np.array(CFI_WORDS[cfi - 1], np.uint8), CFI_BITS)
    return diversity(qpsk(word ^ _scrambling(cell.cell_id, subframe)), cell.ports)


def acknowledgements(cell: Cell, subframe: int, sent: Mask, positive: Mask) -> Grid:
    """[ports, groups * 12]: which of a group's eight sequences are sent, and ACK or NACK.

    `sent` and `positive` are [groups, 8]. Each group has unit power if it sends at all.
    """
    scrambling = 1 - 2.0 * _scrambling(cell.cell_id, subframe)[: 4 * REPEATS]
    level = np.where(positive, -1, 1) * sent * np.exp(0.25j * np.pi)  # BPSK (7.1.1)
    level /= np.sqrt(np.maximum(sent.sum(axis=1), 1))[:, None]
    spread = np.tile(level @ SEQUENCES, REPEATS) * scrambling  # 6.9.1
    symbols = spread.astype(np.complex64).reshape(-1)
    if cell.ports < 4:
        return diversity(symbols, cell.ports)
    pair = diversity(symbols, 2).reshape(2, -1, REPEATS, 4)
    odd = (np.arange(len(sent))[:, None] + np.arange(REPEATS)) % 2  # 6.9.2
    odd = odd[..., None].astype(np.float32)
    four = np.stack([pair[0] * (1 - odd), pair[0] * odd, pair[1] * (1 - odd), pair[1] * odd])
    return four.reshape(4, -1)


@lru_cache(10)
def _scrambling(cell_id: int, subframe: int) -> Bits:
    """Both channels begin the sequence alike (6.7.1 and 6.9.1)."""
    return gold((subframe + 1) * (2 * cell_id + 1) * 2**9 + cell_id, CFI_BITS)
