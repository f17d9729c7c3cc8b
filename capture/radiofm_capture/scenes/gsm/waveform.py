"""One carrier of a base station: with the broadcast channel, or with traffic only."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from radiofm_capture.scenes.coding import Bits
from radiofm_capture.scenes.frames import Frame, lay
from radiofm_capture.scenes.gsm.bursts import (
    BITS,
    DUMMY_BURST,
    FREQUENCY_CORRECTION,
    normal,
    synchronisation,
)
from radiofm_capture.scenes.pulse import phase_of, soften
from radiofm_capture.scenes.rhythm import Steady
from radiofm_capture.scenes.signal import Burst, Iq, rotation

SYMBOL_RATE = 1625e3 / 6  # (TS 45.004, 2.1)
PER_SYMBOL = 4
RATE = PER_SYMBOL * SYMBOL_RATE
SLOTS = 8
SLOT_SYMBOLS = 156.25  # (TS 45.002, 5.2.2)
SLOT_S = SLOT_SYMBOLS / SYMBOL_RATE
SLOT = round(SLOT_SYMBOLS * PER_SYMBOL)
GUARD = 4  # symbols before and after a burst in which the power ramps (TS 45.005, annex B)
MULTIFRAME = 51
HYPERFRAME = 26 * 51 * 2048


class Gsm(Steady):
    """GMSK with BT 0.3. `bcch`: the C0 carrier, all eight slots always on, slot 0 with FCCH, SCH
    and normal bursts, idle slots with dummy bursts. Otherwise each call has a slot of its own, and
    the slots of nobody are off. What the bursts carry is random."""

    family: Literal["gsm"] = "gsm"
    bcch: bool = True
    colour: Annotated[int, Field(ge=0, le=63)] = 21  # BSIC; its low three bits choose the training
    load: Annotated[float, Field(ge=0, le=1)] = 0.5  # share of the slots that have a call

    @property
    def bandwidth_hz(self) -> float:
        return 200e3  # the raster (TS 45.005, 2)

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        frame_s = SLOTS * SLOT_S
        start = -float(rng.random()) * frame_s
        frames = int((count / rate - start) / frame_s) + 1
        first = int(rng.integers(HYPERFRAME))
        busy = rng.random(SLOTS) < self.load
        if not self.bcch and not busy.any():
            busy[rng.integers(SLOTS)] = True
        bits = self._bits(first, frames, busy, rng)
        on = np.tile(busy | self.bcch, frames)
        edges = np.flatnonzero(np.diff(on, prepend=False, append=False)).reshape(-1, 2)
        runs = (
            Frame(
                start + a * SLOT_S - GUARD / SYMBOL_RATE,
                _modulated(bits[a:b]), RATE, self.bandwidth_hz,
            )
            for a, b in edges.tolist()
        )  # fmt: skip
        return lay(runs, rate, count, offset_hz)

    def _bits(
        self, first: int, frames: int, busy: npt.NDArray[np.bool_], rng: np.random.Generator
    ) -> Bits:
        """Bursts [frames * 8, 148] from frame `first` on."""
        code = self.colour & 7
        data = rng.integers(0, 2, (frames, SLOTS, 116), np.uint8)
        bursts = normal(data, code)
        if self.bcch:
            bursts[:, ~busy] = DUMMY_BURST
            for n in range(frames):  # slot 0 (TS 45.002, clause 7, table 3)
                number = (first + n) % HYPERFRAME
                place = number % MULTIFRAME
                if place == MULTIFRAME - 1:
                    bursts[n, 0] = DUMMY_BURST
                elif place % 10 == 0:
                    bursts[n, 0] = FREQUENCY_CORRECTION
                elif place % 10 == 1:
                    bursts[n, 0] = synchronisation(self.colour, number)
                else:
                    bursts[n, 0] = normal(data[n, 0], code)
        return bursts.reshape(-1, BITS)


def _modulated(bursts: Bits) -> Iq:
    """Consecutive bursts [n, 148] -> n * 625 samples with ramps at both ends (TS 45.004, 2).

    The modulating bits before and after a burst are ones.
    """
    after = math.ceil(SLOT_SYMBOLS) - BITS - GUARD
    padded = np.pad(bursts, ((0, 0), (GUARD + 1, after)), constant_values=1)
    levels = 1 - 2.0 * (padded[:, 1:] ^ padded[:, :-1])
    phase = phase_of(levels, PER_SYMBOL, 0.5, 0.3)[:, :SLOT]
    phase[1:] += np.cumsum(phase[:-1, -1])[:, None]  # each goes on where the one before ended
    return soften(rotation(phase.reshape(-1)), GUARD * PER_SYMBOL)


def draw_gsm(rng: np.random.Generator, rate: float) -> Gsm:
    """Half of them broadcast carriers."""
    return Gsm(
        bcch=rng.random() < 0.5, colour=int(rng.integers(64)), load=rng.choice([0.15, 0.4, 0.8])
    )
