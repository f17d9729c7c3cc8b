"""The downlink of one LTE cell as a receiver's antenna has it."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from radiofm_capture.scenes.lte.broadcast import WIDTHS
from radiofm_capture.scenes.lte.cell import (
    DWPTS,
    FDD,
    FRAMES,
    SLOT,
    SPACING_HZ,
    SUBFRAME_S,
    SUBFRAMES,
    TDD,
    Cell,
    Grid,
)
from radiofm_capture.scenes.lte.control import phich_fits
from radiofm_capture.scenes.lte.grid import downlink
from radiofm_capture.scenes.lte.modulator import RAMP, UNITS, modulate
from radiofm_capture.scenes.resample import Resampler
from radiofm_capture.scenes.signal import Burst, Iq, Waveform, carrier, rotation

FRAME_S = SUBFRAMES * SUBFRAME_S
PERIOD_S = FRAMES * FRAME_S  # after which the system frame number is 0 again
PORT_DB = 3.0  # the most by which further ports arrive stronger or weaker than the first
ALIGNMENT_S = 65e-9  # and later (TS 36.104, 6.5.3.1)
WIDTH_SHARES = {6: 0.05, 15: 0.05, 25: 0.15, 50: 0.3, 75: 0.15, 100: 0.3}
UPLINK_DOWNLINK_SHARES = (0.05, 0.25, 0.45, 0.05, 0.05, 0.1, 0.05)
LOAD_SHARES = {0.02: 0.25, 0.05: 0.2, 0.1: 0.2, 0.3: 0.15, 0.7: 0.1, 1.0: 0.1}
PHICH_SIXTHS = {"1/6": 1, "1/2": 3, "1": 6, "2": 12}


class Lte(Waveform):
    """Always on: a TDD cell pauses by its frame structure. Normal cyclic prefix.

    The ports come together at one antenna with static gains, phases and small delays.
    """

    family: Literal["lte"] = "lte"
    prb: Literal[6, 15, 25, 50, 75, 100] = 50  # of 1.4, 3, 5, 10, 15 and 20 MHz
    cell_id: Annotated[int, Field(ge=0, le=503)] | None = None  # None: drawn by the seed
    ports: Literal[1, 2, 4] = 2  # of the cell-specific reference signals
    duplex: Literal["fdd", "tdd"] = "fdd"
    uplink_downlink: Annotated[int, Field(ge=0, le=6)] = 2  # configuration of TDD
    special_subframe: Annotated[int, Field(ge=0, le=9)] = 7  # configuration of TDD
    load: Annotated[float, Field(ge=0, le=1)] = 0.3  # share of blocks that users have
    phich_resource: Literal["1/6", "1/2", "1", "2"] = "1"  # N_g
    start_s: Annotated[float, Field(ge=0, lt=PERIOD_S)] | None = None  # of the first sample from
    # the begin of system frame 0; None: drawn

    @model_validator(mode="after")
    def _consistent(self) -> Lte:
        if self.off_s[1] > 0:
            raise ValueError("off_s must stay 0: a cell is always on; `duplex` makes its pauses")
        if not phich_fits(self._cell(np.random.default_rng(0))):
            raise ValueError(
                f"phich_resource {self.phich_resource} does not fit into {self.prb} blocks with"
                f" uplink_downlink {self.uplink_downlink}: use 1"
            )
        return self

    @property
    def bandwidth_hz(self) -> float:
        return 12 * self.prb * SPACING_HZ

    def resume(self, seconds: float, rng: np.random.Generator) -> Self:
        drawn, begin = int(rng.integers(504)), rng.random() * PERIOD_S
        start = (begin if self.start_s is None else self.start_s) + seconds
        cell_id = drawn if self.cell_id is None else self.cell_id
        return self.model_copy(update={"cell_id": cell_id, "start_s": start % PERIOD_S})

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        cell = self._cell(rng)
        start = rng.random() * PERIOD_S if self.start_s is None else self.start_s
        resampler = Resampler(rate, UNITS * SPACING_HZ)
        lead, needed = resampler.span(count)
        size = round(resampler.inner_rate / SPACING_HZ)
        length = round(SUBFRAME_S * resampler.inner_rate)
        first, skip = divmod(round(start * resampler.inner_rate) - lead, length)
        subframes = -(-(skip + needed) // length)

        frequencies = cell.frequencies()
        grid = _at_antenna(downlink(cell, first, subframes, self.load, rng), frequencies, rng)
        symbols = sum(cell.downlink(n % SUBFRAMES) for n in range(first, first + subframes))
        energy = float(np.square(grid.view(np.float32)).sum(dtype=np.float64))
        if energy > 0:
            grid *= np.float32((symbols / energy) ** 0.5)
        shift = round(offset_hz / SPACING_HZ)
        heard = np.abs(frequencies * SPACING_HZ + offset_hz) < rate / 2
        rows = grid.reshape(2 * subframes, SLOT, -1)[..., heard]
        ramp = math.ceil(RAMP[self.prb] * size / UNITS)
        iq = modulate(rows, (frequencies[heard] + shift) % size, shift, size, ramp)
        iq = resampler.apply(iq[skip : skip + needed], count)
        rest = offset_hz - shift * SPACING_HZ
        if rest:
            iq *= carrier(count, rest / rate)
        return iq, self._bursts(cell, start, rate, count, offset_hz)

    def _cell(self, rng: np.random.Generator) -> Cell:
        drawn = int(rng.integers(504))
        tdd = self.duplex == "tdd"
        return Cell(
            prb=self.prb,
            cell_id=drawn if self.cell_id is None else self.cell_id,
            ports=self.ports,
            pattern=TDD[self.uplink_downlink] if tdd else FDD,
            dwpts=DWPTS[self.special_subframe],
            phich_sixths=PHICH_SIXTHS[self.phich_resource],
        )

    def _bursts(
        self, cell: Cell, start: float, rate: float, count: int, offset_hz: float
    ) -> list[Burst]:
        """A box for each stretch of downlink."""
        reach = (cell.subcarriers + 1) / 2 * SPACING_HZ  # outer edges of the outer subcarriers
        low, high = offset_hz - reach, offset_hz + reach
        if not cell.tdd:
            return [Burst(0, count, low, high)]
        first = round(start * rate)  # samples from the begin of system frame 0
        bursts = []
        for frame in range(int(start / FRAME_S) - 1, int((start + count / rate) / FRAME_S) + 1):
            for begin, end in cell.runs_s():
                edges = (
                    round((frame * FRAME_S + begin) * rate),
                    round((frame * FRAME_S + end) * rate),
                )
                a, b = (min(max(edge - first, 0), count) for edge in edges)
                if a < b:
                    bursts.append(Burst(a, b - a, low, high))
        return bursts


def _at_antenna(grid: Grid, frequencies: npt.NDArray[np.int64], rng: np.random.Generator) -> Grid:
    """[ports, ...] -> [...]: the sum of the ports through a gain and a delay each."""
    total = np.zeros(grid.shape[1:], np.complex64)
    for port, sent in enumerate(grid):
        turn, level, late = rng.random(), rng.uniform(-1, 1), rng.uniform(0, ALIGNMENT_S)
        gain = 10 ** (PORT_DB * level / 20) if port else 1.0
        total += sent * (gain * rotation(np.asarray(turn - late * SPACING_HZ * frequencies)))
    return total


def draw_lte(rng: np.random.Generator, rate: float) -> Lte:
    """Any width that the band shows an edge of, mostly two ports, often nearly idle."""
    fitting = [n for n in WIDTHS if 12 * n * SPACING_HZ < 1.3 * rate] or [6]
    shares = np.array([WIDTH_SHARES[n] for n in fitting])
    prb = int(rng.choice(fitting, p=shares / shares.sum()))
    return Lte.model_validate(
        {
            "prb": prb,
            "cell_id": int(rng.integers(504)),
            "ports": int(rng.choice([1, 2, 4], p=[0.2, 0.65, 0.15])),
            "duplex": "tdd" if rng.random() < 0.3 else "fdd",
            "uplink_downlink": int(rng.choice(7, p=UPLINK_DOWNLINK_SHARES)),
            "special_subframe": int(rng.integers(10)),
            "load": float(rng.choice(list(LOAD_SHARES), p=list(LOAD_SHARES.values()))),
            "phich_resource": str(
                rng.choice(["1/6", "1/2", "1"] if prb == 6 else list(PHICH_SIXTHS))
            ),
        }
    )
