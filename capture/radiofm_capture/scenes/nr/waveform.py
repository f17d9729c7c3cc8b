"""The 5G NR downlink of one cell: what a receiver that follows the standard can acquire."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from radiofm_capture.scenes.nr import ssb
from radiofm_capture.scenes.nr.cell import Cell, Slots, full_slots, ssb_places
from radiofm_capture.scenes.nr.grid import half_frame, mean_energy
from radiofm_capture.scenes.nr.modulator import Modulator
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
from radiofm_capture.scenes.resample import Resampler
from radiofm_capture.scenes.signal import Burst, Iq, Waveform, carrier

HALF_FRAME_S = 5e-3
SSB_PERIODS_S = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16)  # TS 38.213, 4.1; TS 38.331


class Nr(Waveform):
    """The defaults are a cell of band n78. It sends SSBs, SIB1, and traffic as `load` says.

    A box of its truth is the occupied band while the duplex pattern is downlink (FDD: always),
    whether traffic uses it or not: the cell owns that time and band. Unit power is the mean
    expected over it, so that the SSBs of an idle cell stand far above.
    """

    family: Literal["nr"] = "nr"
    scs_hz: float = 30e3  # 15e3 or 30e3
    channel_hz: float = 20e6  # one of TS 38.101-1, table 5.3.2-1
    f0_hz: Annotated[float, Field(gt=0, le=7.125e9)] = 3.5001e9  # the carrier's, on the air
    tdd: Annotated[str, Field(pattern="^[DSU]*$")] = "DDDSU"  # its slots; empty: FDD
    cell_id: Annotated[int, Field(ge=0, le=1007)] | None = None  # None: drawn
    ssb_case: Literal["A", "B", "C"] = "C"
    ssb_offset_hz: float | None = None  # of its centre from the carrier's; None: on the raster
    ssb_period_s: float = 0.02
    beams: Annotated[int, Field(ge=1, le=8)] = 1  # SSBs in each of these periods
    load: Annotated[float, Field(ge=0, le=1)] = 0.3  # share of the resources for data in use
    standalone: bool = True  # sends SIB1; else a cell beside LTE
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
        if self.off_s[1] > 0:
            raise ValueError("off_s must stay 0: a cell is always on; `tdd` makes its pauses")
        if self.channel_hz / 1e6 not in RESOURCE_BLOCKS.get(self.scs_hz, {}):
            raise ValueError(
                "scs_hz is 15e3 with channel_hz of 5e6 to 50e6, or 30e3 with 10e6 to 100e6"
            )
        if (self.ssb_case == "A") != (self.scs_hz == 15e3):
            raise ValueError("ssb_case is A at scs_hz = 15e3, B or C at 30e3")
        if self.ssb_period_s not in SSB_PERIODS_S:
            raise ValueError("ssb_period_s is 0.005, 0.01, 0.02, 0.04, 0.08 or 0.16")
        span = min(4, round(self.ssb_period_s / HALF_FRAME_S)) * slots_per_half_frame(self.mu)
        if self.tdd and span % len(self.tdd):
            raise ValueError("tdd repeats a whole number of times in 20 ms and in ssb_period_s")
        room = ssb_places(self.ssb_case, self.f0_hz, self.tdd)[1]
        if self.beams > room:
            raise ValueError(f"beams is at most {room} with this ssb_case, f0_hz and tdd")
        if not self._firsts():
            raise ValueError(
                "ssb_offset_hz is a multiple of scs_hz with the SSB inside the carrier"
                if self.ssb_offset_hz is not None
                else "f0_hz leaves the SSB no place on the raster: move it, or give ssb_offset_hz"
            )
        return self

    def _firsts(self) -> list[int]:
        """First subcarriers that the SSB may have."""
        if self.ssb_offset_hz is None:
            return ssb.raster(self.f0_hz, self.scs_hz, self.n_rb)
        first = self.ssb_offset_hz / self.scs_hz + (self.n_rb * SUBCARRIERS - ssb.WIDTH) / 2
        inside = 0 <= first <= self.n_rb * SUBCARRIERS - ssb.WIDTH
        return [int(first)] if inside and first == int(first) else []

    def _cell(self, rng: np.random.Generator) -> Cell:
        places = ssb_places(self.ssb_case, self.f0_hz, self.tdd)[0]
        drawn = int(rng.integers(1008))
        return Cell(
            mu=self.mu,
            n_rb=self.n_rb,
            cell_id=drawn if self.cell_id is None else self.cell_id,
            ssb_first=int(rng.choice(self._firsts())),
            ssb_symbols=tuple(places[: self.beams]),
            ssb_period=round(self.ssb_period_s / HALF_FRAME_S),
            l_max=len(places),
            pattern=self.tdd or "D",
            standalone=self.standalone,
        )

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        cell = self._cell(rng)
        start = rng.random() * HALF_FRAMES if self.sfn is None else 2.0 * self.sfn
        resampler = Resampler(rate, PARTS * self.scs_hz)
        lead, needed = resampler.span(count)
        length = round(HALF_FRAME_S * resampler.inner_rate)
        first, skip = divmod(round(start * length) - lead, length)
        halves, per_half = -(-(skip + needed) // length), slots_per_half_frame(self.mu)
        slots = thin_out(full_slots(cell, first * per_half, halves * per_half), self.load, rng)

        shift = round(offset_hz / self.scs_hz)
        gain = mean_energy(cell, self.load) ** -0.5
        inner = resampler.inner_rate
        modulator = Modulator(inner, self.mu, self.f0_hz, shift, rate / 2, gain)
        iq = np.empty(halves * length, np.complex64)
        for at, part in zip(range(0, len(iq), length), slots.split(per_half), strict=True):
            grid = half_frame(cell, part, rng)
            iq[at : at + length] = modulator.samples(grid, at - skip - lead)
        iq = resampler.apply(iq[skip : skip + needed], count)
        rest = offset_hz - shift * self.scs_hz
        if rest:
            iq *= carrier(count, rest / rate)
        return iq, self._boxes(slots, (skip + lead) / inner, rate, count, offset_hz)

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
