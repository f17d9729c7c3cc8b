"""A cell as it is sent: synchronisation, pilot, broadcast and users' channels (TS 25.211, 5.3)."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from radiofm_capture.scenes.coding import qpsk
from radiofm_capture.scenes.frames import Frame, lay
from radiofm_capture.scenes.pulse import root_raised_cosine, shaped, unit_power
from radiofm_capture.scenes.rhythm import Steady
from radiofm_capture.scenes.signal import Burst, Iq
from radiofm_capture.scenes.umts.codes import (
    FRAME,
    SLOT,
    SLOTS,
    SYNC,
    allocation,
    channelisation,
    primary_sync,
    scrambling,
    secondary_sync,
)

CHIP_RATE = 3.84e6
PER_CHIP = 2
ROLL_OFF, REACH = 0.22, 16  # of the filter (TS 25.104, 6.8.1)
PILOT_DB, BROADCAST_DB, SYNC_DB = -10.0, -12.0, -13.0  # of a cell's full power; the SCH's two each
PAGING_DB = -18.0
PAGING_CODE = 16
USER_DB = (-22.0, -10.0)
USERS = {128: range(2, 8), 64: range(5, 8), 32: range(4, 8), 16: range(4, 16)}  # all orthogonal
NO_DIVERSITY = -1  # "a" of the SCH where the P-CCPCH has one antenna (TS 25.211, 5.3.3.5)


class Umts(Steady):
    """Always on. `code` is the primary scrambling code, of group `code` // 8. What the channels
    carry is random, but for the pilot."""

    family: Literal["umts"] = "umts"
    code: Annotated[int, Field(ge=0, le=511)] = 100
    load: Annotated[float, Field(ge=0, le=1)] = 0.5  # share of the users' codes in use

    @property
    def bandwidth_hz(self) -> float:
        return CHIP_RATE  # what a matched filter lets through

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        start = -float(rng.random()) * FRAME / CHIP_RATE
        lead = start - REACH / CHIP_RATE
        frames = int((count / rate - start) * CHIP_RATE / FRAME) + 1
        chips = unit_power(self.chips(frames, rng).reshape(-1))
        chips = np.pad(chips, REACH)
        iq = shaped(chips, root_raised_cosine(ROLL_OFF, PER_CHIP, REACH), PER_CHIP)
        frame = Frame(lead, iq, CHIP_RATE * PER_CHIP, (1 + ROLL_OFF) * CHIP_RATE)
        return lay([frame], rate, count, offset_hz)

    def chips(self, frames: int, rng: np.random.Generator) -> Iq:
        """Chips [frames, 38400]: the sum of the spread channels scrambled, and the SCH."""
        pilot = np.full((frames, SLOTS, SLOT), _amplitude(PILOT_DB), np.complex64)  # C_ch,256,0
        pilot *= np.complex64(np.exp(0.25j * np.pi))
        broadcast = _spread(frames, 256, 1, rng) * _amplitude(BROADCAST_DB)
        broadcast[:, :, :SYNC] = 0  # gives way to the SCH (TS 25.211, 5.3.3.3)
        total = pilot + broadcast + _spread(frames, 256, PAGING_CODE, rng) * _amplitude(PAGING_DB)
        for factor, numbers in USERS.items():
            for number in numbers:
                if rng.random() < self.load:
                    level = _amplitude(rng.uniform(*USER_DB))
                    total += _spread(frames, factor, number, rng) * level
        scrambled = total.reshape(frames, FRAME) * (scrambling(self.code) / np.float32(2**0.5))
        slots = scrambled.reshape(frames, SLOTS, SLOT)
        level = NO_DIVERSITY * _amplitude(SYNC_DB) / np.float32(2**0.5)
        slots[:, :, :SYNC] += level * primary_sync()
        slots[:, :, :SYNC] += level * secondary_sync()[allocation(self.code // 8)]
        return np.asarray(scrambled, np.complex64)


def _spread(
    frames: int, factor: int, number: int, rng: np.random.Generator
) -> npt.NDArray[np.complex64]:
    """Random QPSK symbols of unit power spread by a channelisation code [frames, 15, 2560]."""
    symbols = qpsk(rng.integers(0, 2, 2 * frames * FRAME // factor, np.uint8))
    chips = np.multiply.outer(symbols, channelisation(factor, number))
    return chips.reshape(frames, SLOTS, SLOT)


def _amplitude(decibels: float) -> np.float32:
    return np.float32(10 ** (decibels / 20))


def draw_umts(rng: np.random.Generator, rate: float) -> Umts:
    return Umts(code=int(rng.integers(512)), load=rng.choice([0.1, 0.3, 0.6, 1.0]))
