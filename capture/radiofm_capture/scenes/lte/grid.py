"""The resource grid of a cell: everything it sends, port by port (TS 36.211, 6)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from radiofm_capture.scenes.coding import qam, qpsk
from radiofm_capture.scenes.lte import broadcast, sync
from radiofm_capture.scenes.lte.cell import BLOCK, FRAMES, SUBFRAMES, Cell, Grid, Mask
from radiofm_capture.scenes.lte.control import ControlRegion
from radiofm_capture.scenes.lte.diversity import diversity
from radiofm_capture.scenes.lte.indicators import acknowledgements, format_indicator
from radiofm_capture.scenes.lte.reference import reference
from radiofm_capture.scenes.lte.traffic import ORDERS, Traffic, draw_traffic

Integers = npt.NDArray[np.int64]

LEVELS, LEVEL_SHARES = (1, 2, 4, 8), (0.3, 0.3, 0.25, 0.15)  # of a PDCCH (table 6.8.1-1)
SEQUENCES = 8  # of a PHICH group
IN_USE = 0.25  # share of them at full load
POSITIVE = 0.9  # share of ACK
ROOM = 2  # control channel elements for each that is used, so that few messages collide


def downlink(cell: Cell, first: int, count: int, load: float, rng: np.random.Generator) -> Grid:
    """Subframes `first` on, counted from frame 0: [ports, count, 14, subcarriers].

    A reference signal has unit power; so have, over all ports together, the other channels but
    for the power offsets of PDSCH.
    """
    frame, vacant = _frame(cell)
    number = (first + np.arange(count)) % SUBFRAMES
    grid, vacant = frame.take(number, axis=1), vacant[number]
    for at in np.flatnonzero(number == 0):
        system_frame = (first + int(at)) // SUBFRAMES % FRAMES
        rows = slice(broadcast.FIRST, broadcast.FIRST + broadcast.COUNT)
        part = grid[:, at, rows, cell.middle(broadcast.SUBCARRIERS)]
        part[:, broadcast.free(cell)] = broadcast.broadcast(cell, system_frame)
    traffic = draw_traffic(first, count, cell.prb, load, rng)
    _control(cell, number, traffic.grants, load, grid, vacant, rng)
    _shared(cell, number, traffic, grid, vacant, rng)
    return grid


def _frame(cell: Cell) -> tuple[Grid, Mask]:
    """What every frame has, and the elements that may carry something else, [10, 14, k]."""
    grid = reference(cell)
    vacant: Mask = np.all(grid == 0, axis=0)
    middle = cell.middle(sync.RESERVED)
    for subframe, symbol, signal in sync.places(cell):
        grid[0, subframe, symbol, cell.middle(sync.LENGTH)] = signal
        vacant[subframe, symbol, middle] = False
    vacant[0, broadcast.FIRST : broadcast.FIRST + broadcast.COUNT, middle] = False
    for subframe in range(SUBFRAMES):
        grid[:, subframe, cell.downlink(subframe) :] = 0
        vacant[subframe, cell.downlink(subframe) :] = False
    return grid, vacant


def _control(
    cell: Cell, number: Integers, grants: Integers, load: float, grid: Grid, vacant: Mask,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """PCFICH, PHICH and PDCCH; closes their symbols to what follows."""
    region = ControlRegion(cell)
    flat = grid.reshape(cell.ports, len(number), -1)
    for at, subframe in enumerate(number.tolist()):
        if not cell.downlink(subframe):
            continue
        levels = rng.choice(LEVELS, grants[at], p=LEVEL_SHARES)
        lengths = region.symbols(subframe)
        for symbols in lengths:
            places = region.pdcch(subframe, symbols)
            if len(places) >= ROOM * levels.sum():
                break
        used = np.zeros(len(places), bool)
        for level in levels:
            if level <= len(places):
                begin = level * int(rng.integers(0, len(places) // level))
                used[begin : begin + level] = True
        where = places[used].reshape(-1)
        bits = rng.integers(0, 2, 2 * len(where), np.uint8)
        flat[:, at, where] = diversity(qpsk(bits), cell.ports)

        where = region.phich(subframe).reshape(-1)
        draw = rng.random((2, len(where) // 12, SEQUENCES))
        sent, positive = draw[0] < IN_USE * load, draw[1] < POSITIVE
        flat[:, at, where] = acknowledgements(cell, subframe, sent, positive)

        cfi = 1 + lengths.index(symbols)
        flat[:, at, region.pcfich()] = format_indicator(cell, subframe, cfi)
        vacant[at, :symbols] = False


def _shared(
    cell: Cell, number: Integers, traffic: Traffic, grid: Grid, vacant: Mask,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    """PDSCH with random data in all elements of its blocks that are left (6.3.5)."""
    short = np.array([0 < cell.downlink(n) <= 3 for n in range(SUBFRAMES)])  # 36.213, 7.1.7
    order = np.where(short[number, None], 0, traffic.order)
    used = vacant & (order > 0).repeat(BLOCK, axis=1)[:, None]
    subframe, _, k = np.nonzero(used)
    block = subframe * cell.prb + k // BLOCK
    symbols = _POINTS[order.reshape(-1)[block], rng.integers(0, 64, len(block), np.uint8)]
    symbols *= traffic.amplitude.reshape(-1)[block]
    odd = -len(symbols) % 4  # see 6.3.3.3
    grid[:, used] = diversity(np.pad(symbols, (0, odd)), cell.ports)[:, : len(symbols)]


def _points() -> Grid:
    """[bits of a symbol, 6 bits of which the first are taken] -> point (7.1)."""
    points = np.zeros((7, 64), np.complex64)
    words = (np.arange(64)[:, None] >> np.arange(5, -1, -1) & 1).astype(np.uint8)
    for order in ORDERS:
        points[order] = qam(np.ascontiguousarray(words[:, :order]).reshape(-1), order)
    return points


_POINTS = _points()
