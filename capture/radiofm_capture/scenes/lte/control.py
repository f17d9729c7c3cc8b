"""Where the control channels lie: PCFICH, PHICH and PDCCH (TS 36.211, 6.7, 6.8 and 6.9)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from radiofm_capture.scenes.lte.cell import SUBFRAMES, TDD, Cell
from radiofm_capture.scenes.lte.convolutional import interleaver

CCE = 9  # groups of a control channel element (6.8.1)
PHICH_FACTOR = (  # m_i by uplink-downlink configuration and subframe (table 6.9-1)
    "2100021000", "0100101001", "0001000010", "1000000011", "0000000011", "0000000010",
    "1100011001",
)  # fmt: skip

Elements = npt.NDArray[np.int64]  # numbers in a subframe: symbol * subcarriers + subcarrier


class ControlRegion:
    """Resource-element groups of four elements each (6.2.4), shared out among the channels."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._groups = [_groups(cell, symbol) for symbol in range(4)]
        self._pdcch: dict[tuple[int, int], Elements] = {}
        halves = 2 * cell.prb  # groups in the first symbol
        self._format = (cell.cell_id % halves + np.arange(4) * cell.prb // 2) % halves  # 6.7.4
        self._rest = np.delete(np.arange(halves), self._format)

    def symbols(self, subframe: int) -> range:
        """How many symbols the region may have (table 6.7-1)."""
        narrow = int(self._cell.prb <= 10)
        if self._cell.tdd and subframe in (1, 6):
            return range(1 + narrow, 3)
        return range(1 + narrow, 4 + narrow)

    def pcfich(self) -> Elements:
        """[16]"""
        return self._groups[0][self._format].reshape(-1)

    def phich(self, subframe: int) -> Elements:
        """[PHICH groups, 12], of normal duration (6.9.3)."""
        return self._groups[0][self._indicators(subframe)].reshape(-1, 12)

    def pdcch(self, subframe: int, symbols: int) -> Elements:
        """[CCEs, 36]: interleaved, turned by the cell's identity, mapped time first (6.8.5)."""
        taken = np.concatenate([self._format, self._indicators(subframe).reshape(-1)])
        key = len(taken), symbols
        if key not in self._pdcch:
            groups = self._groups[:symbols]
            lowest = [np.arange(len(g)) * (self._cell.subcarriers // len(g)) for g in groups]
            symbol = np.repeat(np.arange(symbols), [len(g) for g in groups])
            order = np.lexsort((symbol, np.concatenate(lowest)))
            order = order[~np.isin(order, taken)]
            count = len(order)
            places = np.empty((count, 4), np.int64)
            sent = interleaver(count)[(np.arange(count) + self._cell.cell_id) % count]
            places[sent] = np.concatenate(groups)[order]
            self._pdcch[key] = places[: count // CCE * CCE].reshape(-1, 4 * CCE)
        return self._pdcch[key]

    def _indicators(self, subframe: int) -> npt.NDArray[np.int64]:
        """The groups of each PHICH group, [PHICH groups, 3]."""
        cell = self._cell
        number = phich_groups(cell, subframe)
        have = len(self._rest)
        unit = cell.cell_id + np.arange(number)[:, None] + np.arange(3) * have // 3
        return np.asarray(self._rest[unit % have], np.int64)


def phich_groups(cell: Cell, subframe: int) -> int:
    """How many PHICH groups a subframe has (6.9)."""
    number = -(-cell.phich_sixths * cell.prb // 48)
    return number * int(PHICH_FACTOR[TDD.index(cell.pattern)][subframe]) if cell.tdd else number


def phich_fits(cell: Cell) -> bool:
    """Whether the first symbol has room for it beside PCFICH: not so in the narrowest TDD cell."""
    most = max(phich_groups(cell, subframe) for subframe in range(SUBFRAMES))
    return 4 + 3 * most <= 2 * cell.prb


def _groups(cell: Cell, symbol: int) -> Elements:
    """Elements of each group in a symbol, [groups, 4]: those without reference signals (6.2.4)."""
    k = np.arange(cell.subcarriers)
    if symbol == 0 or (symbol == 1 and cell.ports == 4):  # of two ports even if there is one
        k = k[k % 3 != cell.cell_id % 3]
    return symbol * cell.subcarriers + k.reshape(-1, 4)
