"""A cell: what it sends where, before any of it is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from radiofm_capture.scenes.nr.numerology import SUBCARRIERS, SYMBOLS, slots_per_half_frame
from radiofm_capture.scenes.nr.pbch import Mib
from radiofm_capture.scenes.nr.ssb import SSB_SYMBOLS, WIDTH, candidates

DOWNLINK = {"D": 14, "S": 10, "U": 0}  # symbols: S is 10 down, 2 guard, 2 up (TS 38.213, 11.1)
CORESET0_RB = 24  # and two symbols: the first entries of tables 13-1 and 13-4 (TS 38.213, 13)
CORESET0_OFFSETS = {0: (0, 2, 4), 1: (0, 1, 2, 3, 4)}  # by mu: resource blocks below the SSB's
SEARCH_SPACE0 = 4  # SSB i has SIB1 5 ms and i slots into every other frame (table 13-11)
NO_CORESET0 = 31  # k_SSB of a cell that sends no SIB1, as beside LTE (TS 38.213, 13)
SIB1_HALF_FRAMES = 4  # 20 ms (TS 38.331, 5.2.1)


@dataclass(frozen=True)
class Cell:
    mu: int  # subcarriers 15 kHz * 2^mu apart
    n_rb: int
    cell_id: int
    ssb_first: int  # subcarrier of the carrier's grid
    ssb_symbols: tuple[int, ...]  # first symbols of the blocks sent, within their half frame
    ssb_period: int  # half frames
    l_max: int
    pattern: str  # a letter of DOWNLINK for each slot, repeated
    standalone: bool  # sends SIB1

    @property
    def ssb_rb(self) -> slice:
        """Resource blocks that the SSB touches."""
        return slice(self.ssb_first // SUBCARRIERS, -(-(self.ssb_first + WIDTH) // SUBCARRIERS))

    @property
    def coreset0(self) -> tuple[int, slice]:
        """controlResourceSetZero and its resource blocks: the first entry that fits."""
        for index, offset in enumerate(CORESET0_OFFSETS[self.mu]):
            first = self.ssb_rb.start - offset
            if 0 <= first <= self.n_rb - CORESET0_RB:
                return index, slice(first, first + CORESET0_RB)
        raise AssertionError("no CORESET#0 fits")  # none of tables 5.3.2-1 and 13-1 is so

    def mib(self, half_frame: int) -> Mib:
        """Of a half frame counted from system frame 0."""
        sfn, half = half_frame // 2 % 1024, half_frame % 2
        if not self.standalone:
            return Mib(sfn, half, self.mu, NO_CORESET0, 0, 0)
        k_ssb = self.ssb_first % SUBCARRIERS << self.mu
        return Mib(sfn, half, self.mu, k_ssb, self.coreset0[0], SEARCH_SPACE0)


def ssb_places(case: str, f0_hz: float, tdd: str) -> tuple[list[int], int]:
    """Candidates in a half frame, and how many of the first are in downlink symbols of `tdd`."""
    places = candidates(case, f0_hz, not tdd)
    for count, place in enumerate(places):
        slot, symbol = divmod(place, SYMBOLS)
        if tdd and symbol + SSB_SYMBOLS > DOWNLINK[tdd[slot % len(tdd)]]:
            return places, count
    return places, len(places)


@dataclass(frozen=True)
class Slots:
    """What is sent in some slots; the last two fields count kinds: 0 nothing, 1 QPSK, ..."""

    number: npt.NDArray[np.int64]  # counted from system frame 0
    downlink: npt.NDArray[np.int64]  # symbols of each
    ssb: npt.NDArray[np.bool_]  # holds SSBs
    sib1: npt.NDArray[np.bool_]  # holds SIB1 and its PDCCH
    data: npt.NDArray[np.uint8]  # [slots, n_rb] of the PDSCH
    control: npt.NDArray[np.uint8]  # [slots, n_rb] of the PDCCH

    def split(self, count: int) -> Iterator[Slots]:
        """Parts of `count` slots."""
        for at in range(0, len(self.number), count):
            yield Slots(*(getattr(self, field.name)[at : at + count] for field in fields(self)))


def full_slots(cell: Cell, first: int, count: int) -> Slots:
    """Slots [first, first + count) with QPSK wherever there is room for traffic."""
    number = np.arange(first, first + count)
    per_half = slots_per_half_frame(cell.mu)
    letters = np.array([DOWNLINK[letter] for letter in cell.pattern])
    downlink = letters[number % len(letters)]
    half_frame, within = np.divmod(number, per_half)
    blocks = [symbol // SYMBOLS for symbol in cell.ssb_symbols]
    ssb = (half_frame % cell.ssb_period == 0) & np.isin(within, blocks)
    beam = number % (SIB1_HALF_FRAMES * per_half) - per_half
    sib1 = (beam >= 0) & (beam < len(cell.ssb_symbols)) & (downlink == SYMBOLS) & ~ssb
    sib1 &= cell.standalone
    control = np.repeat((downlink > 0)[:, None], cell.n_rb, axis=1).astype(np.uint8)
    control[sib1, cell.coreset0[1]] = 0
    data = control.copy()
    data[ssb, cell.ssb_rb] = 0
    return Slots(number, downlink, ssb, sib1, data, control)
