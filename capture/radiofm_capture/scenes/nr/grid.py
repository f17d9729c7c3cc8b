"""The resource grid of half a frame: SSBs, SIB1, PDCCH and PDSCH with their DM-RS."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from radiofm_capture.scenes.coding import qam
from radiofm_capture.scenes.nr.cell import CORESET0_RB, SIB1_HALF_FRAMES, Cell, Slots, full_slots
from radiofm_capture.scenes.nr.numerology import SUBCARRIERS, SYMBOLS, slots_per_half_frame
from radiofm_capture.scenes.nr.sequences import reference
from radiofm_capture.scenes.nr.ssb import ENERGY, WIDTH, block
from radiofm_capture.scenes.nr.traffic import CONTROL_SHARE

Grid = npt.NDArray[np.complex64]
Kinds = npt.NDArray[np.uint8]  # 0 nothing, 1 QPSK, 2 16QAM, 3 64QAM, 4 256QAM

CORESET = 2  # symbols of PDCCH, before those of the PDSCH
# DM-RS of the PDSCH by the slot's downlink symbols: type A, one symbol, the two additional places
# of the default (TS 38.211, table 7.4.1.1.2-3; TS 38.331, dmrs-AdditionalPosition).
REFERENCE = {14: (2, 7, 11), 10: (2, 6, 9)}
BOOST = np.float32(2**0.5)  # the other comb stays empty (TS 38.214, table 4.1-1)
QPSK = 1
# [256 * kind + byte] -> a point from the byte's first bits.
POINTS = np.concatenate(
    [np.zeros(256, np.complex64)]
    + [
        qam(np.unpackbits(np.arange(256, dtype=np.uint8)).reshape(-1, 8)[:, :n].reshape(-1), n)
        for n in (2, 4, 6, 8)
    ]
)


def half_frame(cell: Cell, slots: Slots, rng: np.random.Generator) -> Grid:
    """[symbols, 12 n_rb] of one half frame; elements in use have unit mean power.

    What PDCCH and PDSCH carry are random bits in place of scrambled ones.
    """
    grid = np.zeros((len(slots.number), SYMBOLS, cell.n_rb * SUBCARRIERS), np.complex64)
    number = slots.number % (2 * slots_per_half_frame(cell.mu))  # in the frame
    for length in REFERENCE:
        rows = np.flatnonzero(slots.downlink == length)
        grid[rows] = _slots(
            cell.cell_id, number[rows], length, slots.data[rows], slots.control[rows], rng
        )
    for row in np.flatnonzero(slots.sib1):
        blocks, full = cell.coreset0[1], np.full((1, CORESET0_RB), QPSK, np.uint8)
        band = slice(blocks.start * SUBCARRIERS, blocks.stop * SUBCARRIERS)
        grid[row, :, band] = _slots(cell.cell_id, number[[row]], SYMBOLS, full, full, rng)[0]
    symbols = grid.reshape(-1, cell.n_rb * SUBCARRIERS)
    if slots.ssb.any():
        mib = cell.mib(int(slots.number[0]) // slots_per_half_frame(cell.mu))
        band = slice(cell.ssb_first, cell.ssb_first + WIDTH)
        for index, first in enumerate(cell.ssb_symbols):
            symbols[first : first + 4, band] = block(mib, cell.cell_id, index, cell.l_max)
    return symbols


def _slots(
    cell_id: int, number: npt.NDArray[np.int64], length: int, kinds: Kinds,
    control: Kinds, rng: np.random.Generator,
) -> Grid:  # fmt: skip
    """[slots, 14, 12 rb] with `length` symbols in use; DM-RS count from the first block."""
    grid = np.zeros((len(kinds), SYMBOLS, kinds.shape[1] * SUBCARRIERS), np.complex64)
    grid[:, :CORESET] = _points(control, CORESET, rng)
    grid[:, CORESET:length] = _points(kinds, length - CORESET, rng)
    for symbol in range(CORESET):  # on subcarriers 1, 5, 9 (TS 38.211, 7.4.1.3.2)
        used = (control > 0).repeat(3, axis=1)
        grid[:, symbol, 1::4] = used * reference(cell_id, number, symbol, used.shape[1])
    for symbol in REFERENCE[length]:  # type 1, antenna port 1000 (TS 38.211, 7.4.1.1.2)
        used = (kinds > 0).repeat(6, axis=1)
        grid[:, symbol, ::2] = used * reference(cell_id, number, symbol, used.shape[1])
        grid[:, symbol, ::2] *= BOOST
        grid[:, symbol, 1::2] = 0
    return grid


def _points(kinds: Kinds, symbols: int, rng: np.random.Generator) -> Grid:
    """Random points of each block's kind: [slots, rb] -> [slots, symbols, 12 rb]."""
    at = kinds.repeat(SUBCARRIERS, axis=1)[:, None].astype(np.uint16) << 8
    shape = (len(kinds), symbols, at.shape[2])
    return np.asarray(POINTS[at | rng.integers(0, 256, shape, np.uint8)], np.complex64)


def mean_energy(cell: Cell, load: float) -> float:
    """Expected energy of a downlink symbol, in elements of unit power."""
    half_frames = max(SIB1_HALF_FRAMES, cell.ssb_period)  # everything repeats with it
    slots = full_slots(cell, 0, half_frames * slots_per_half_frame(cell.mu))
    data = load * np.sum(slots.data.sum(axis=1) * np.maximum(0, slots.downlink - CORESET))
    control = load**0.5 * CONTROL_SHARE * CORESET * slots.control.sum()
    sib1 = SYMBOLS * CORESET0_RB * slots.sib1.sum()
    ssb = ENERGY * len(cell.ssb_symbols) * half_frames / cell.ssb_period
    return float((SUBCARRIERS * (data + control + sib1) + ssb) / slots.downlink.sum())
