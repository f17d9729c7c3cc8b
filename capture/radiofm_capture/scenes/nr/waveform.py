"""The 5G NR downlink of one cell: what a receiver that follows the standard can acquire."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from radiofm_capture.scenes.nr import ssb
from radiofm_capture.scenes.nr.cell import DOWNLINK, Cell, Slots, full_slots
from radiofm_capture.scenes.nr.grid import half_frame, mean_energy
from radiofm_capture.scenes.nr.modulator import Modulator, fitting_rate, resample
from radiofm_capture.scenes.nr.numerology import (
    HALF_FRAMES,
    PARTS,
    RESOURCE_BLOCKS,
    SUBCARRIERS,
    SYMBOLS,
    slots_per_half_frame,
    symbol_start,
)
from radiofm_capture.scenes.nr.traffic import thin_out
from radiofm_capture.scenes.signal import Burst, Iq, Waveform, carrier

HALF_FRAME_S = 5e-3


class Nr(Waveform):
    """The defaults are a cell of band n78.

    A box of its truth is the occupied band while the duplex pattern is downlink (always, without
    one), whether traffic uses it or not: power is the mean over that time, so the SSBs of an idle
    cell stand far above it.
    """

    family: Literal["nr"] = "nr"
    scs_hz: float = 30e3  # 15e3 or 30e3
    channel_hz: float = 20e6  # one of TS 38.101-1, table 5.3.2-1
    f0_hz: Annotated[float, Field(gt=0, le=7.125e9)] = 3.5001e9  # the carrier's, on the air
    tdd: Annotated[str, Field(pattern="^[DSU]*$")] = "DDDSU"  # its slots; empty: FDD
    cell_id: Annotated[int, Field(ge=0, le=1007)] | None = None  # None: drawn
    ssb_case: Literal["A", "B", "C"] = "C"
    ssb_offset_hz: float | None = None  # of its centre from the carrier's; None: on the raster
    ssb_period_s: Literal[0.005, 0.01, 0.02, 0.04, 0.08, 0.16] = 0.02
    beams: Annotated[int, Field(ge=1, le=8)] = 1  # SSBs in each of these periods
    load: Annotated[float, Field(ge=0, le=1)] = 0.3  # share of the resources for data in use
    sfn: Annotated[int, Field(ge=0, le=1023)] | None = None  # it begins with; None: anywhere

    @property
    def mu(self) -> int:
        return round(math.log2(self.scs_hz / 15e3))

    @property
    def n_rb(self) -> int:
        return RESOURCE_BLOCKS[self.scs_hz][self.channel_hz / 1e6]

    @property
    def bandwidth_hz(self) -> float:
        """Of the resource blocks; the channel adds guard bands."""
        return self.n_rb * SUBCARRIERS * self.scs_hz

    @model_validator(mode="after")
    def _follows_the_standard(self) -> Self:
        if self.channel_hz / 1e6 not in RESOURCE_BLOCKS.get(self.scs_hz, {}):
            raise ValueError(
                "scs_hz is 15e3 with channel_hz of 5e6 to 50e6, or 30e3 with 10e6 to 100e6"
            )
        if (self.ssb_case == "A") != (self.scs_hz == 15e3):
            raise ValueError("ssb_case is A at scs_hz = 15e3, B or C at 30e3")
        if self.tdd and (20 << self.mu) % len(self.tdd):
            raise ValueError("tdd repeats a whole number of times in 20 ms")
        places = ssb.candidates(self.ssb_case, self.f0_hz, not self.tdd)
        if self.beams > len(places):
            raise ValueError(f"beams is at most {len(places)} at this f0_hz and ssb_case")
        pattern = self.tdd or "D"
        for place in places[: self.beams]:
            slot, symbol = divmod(place, SYMBOLS)
            if symbol + ssb.SYMBOLS > DOWNLINK[pattern[slot % len(pattern)]]:
                raise ValueError(f"tdd {self.tdd} has no room for beams = {self.beams}")
        if not self._ssb_places():
            raise ValueError(
                "ssb_offset_hz is a multiple of scs_hz with the SSB inside the carrier"
                if self.ssb_offset_hz is not None
                else "f0_hz leaves the SSB no place on the raster: move it, or give ssb_offset_hz"
            )
        return self

    def _ssb_places(self) -> list[int]:
        """First subcarriers that the SSB may have."""
        if self.ssb_offset_hz is None:
            return ssb.raster(self.f0_hz, self.scs_hz, self.n_rb)
        first = self.ssb_offset_hz / self.scs_hz + (self.n_rb * SUBCARRIERS - ssb.WIDTH) / 2
        inside = 0 <= first <= self.n_rb * SUBCARRIERS - ssb.WIDTH
        return [int(first)] if inside and first == int(first) else []

    def _cell(self, rng: np.random.Generator) -> Cell:
        places = ssb.candidates(self.ssb_case, self.f0_hz, not self.tdd)
        drawn = int(rng.integers(1008))
        return Cell(
            mu=self.mu,
            n_rb=self.n_rb,
            cell_id=drawn if self.cell_id is None else self.cell_id,
            ssb_first=int(rng.choice(self._ssb_places())),
            ssb_symbols=tuple(places[: self.beams]),
            ssb_period=round(self.ssb_period_s / HALF_FRAME_S),
            l_max=len(places),
            pattern=self.tdd or "D",
        )

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        cell, made = self._cell(rng), fitting_rate(rate, self.scs_hz)
        start = rng.random() * HALF_FRAMES if self.sfn is None else 2.0 * self.sfn
        length = round(HALF_FRAME_S * made)
        first, skip = int(start), round(start % 1 * length)
        needed = count if made == rate else math.ceil(count * made / rate) + 1
        halves, per_half = -(-(skip + needed) // length), slots_per_half_frame(self.mu)
        slots = thin_out(full_slots(cell, first * per_half, halves * per_half), self.load, rng)

        shift = round(offset_hz / self.scs_hz)
        gain = mean_energy(cell, self.load) ** -0.5
        modulator = Modulator(made, self.mu, self.f0_hz, shift, rate / 2, gain)
        iq = np.empty(halves * length, np.complex64)
        for at, part in zip(range(0, len(iq), length), slots.split(per_half), strict=True):
            iq[at : at + length] = modulator.samples(half_frame(cell, part, rng), at - skip)
        iq = iq[skip : skip + needed]
        residual = offset_hz - shift * self.scs_hz
        if residual:
            iq *= carrier(needed, residual / made)
        if made != rate:
            iq = resample(iq, made, rate)[:count]
        return iq, self._boxes(slots, skip / made, rate, count, offset_hz)

    def _boxes(
        self, slots: Slots, skipped_s: float, rate: float, count: int, offset_hz: float
    ) -> list[Burst]:
        """One box for each unbroken stretch of downlink."""
        low = offset_hz - (self.bandwidth_hz + self.scs_hz) / 2
        first = SYMBOLS * np.arange(len(slots.number))
        parts_s = 1 / (PARTS * self.scs_hz)
        bursts: list[Burst] = []
        begin, end = (
            np.rint((symbol_start(at, self.mu) * parts_s - skipped_s) * rate).astype(int)
            for at in (first, first + slots.downlink)
        )
        for start, stop in zip(begin.clip(0, count), end.clip(0, count), strict=True):
            if start == stop:
                continue
            if bursts and bursts[-1].start + bursts[-1].count == start:
                start = bursts.pop().start
            bursts.append(Burst(int(start), int(stop - start), low, low + self.bandwidth_hz))
        return bursts


# Carrier frequencies (MHz), raster (kHz), spacing (kHz), SSB case, duplex patterns of some bands
# (TS 38.101-1, tables 5.2-1, 5.4.2.3-1 and 5.4.3.3-1).
BANDS = (
    (2115, 2165, 100, 15, "A", ("",)),  # n1
    (1810, 1875, 100, 15, "A", ("",)),  # n3
    (763, 798, 100, 15, "A", ("",)),  # n28
    (2130, 2175, 100, 30, "B", ("",)),  # n66
    (2310, 2390, 100, 30, "C", ("DDDSU", "DSUUD")),  # n40
    (2506, 2680, 30, 30, "C", ("DDDSU", "DDDDDDDSUU")),  # n41
    (3310, 3790, 30, 30, "C", ("DDDSU", "DDDDDDDSUU", "DDDSUUDDDD", "DSUU")),  # n77, n78
)


def draw_nr(rng: np.random.Generator, rate: float) -> Nr:
    """A cell of a band in use, about as wide as the receiver's or narrower, at any load."""
    return Nr()
