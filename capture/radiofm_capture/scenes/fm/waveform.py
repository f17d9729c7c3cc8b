"""An FM station: the pilot-tone system of ITU-R BS.450 with RDS."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from radiofm_capture.scenes.audio import emphasised, limited, speech
from radiofm_capture.scenes.fm.rds import BIT_RATE, GROUP_BITS, baseband, bits, groups
from radiofm_capture.scenes.frames import Frame, lay
from radiofm_capture.scenes.rhythm import Steady
from radiofm_capture.scenes.signal import Burst, Iq, rotation

PER_BIT = 384
RATE = PER_BIT * BIT_RATE  # 456 kS/s, 24 times the pilot
PILOT_HZ = 19e3
AUDIO_HZ = 15e3
PILOT, DATA = 0.09, 0.04  # shares of the deviation (BS.450, 8 to 10 %; IEC 62106, 4.3)
LETTERS = list("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ")


class Fm(Steady):
    """Always on. The name and the text are those of RDS."""

    family: Literal["fm"] = "fm"
    deviation_hz: Annotated[float, Field(gt=0)] = 75e3
    emphasis_s: Annotated[float, Field(ge=0)] = 50e-6  # 75e-6 in the Americas
    stereo: bool = True
    rds: bool = True
    program: Annotated[int, Field(ge=0, le=0xFFFF)] = 0xD3C2  # PI
    kind: Annotated[int, Field(ge=0, le=31)] = 10  # programme type
    name: Annotated[str, Field(max_length=8)] = "RADIO FM"
    text: Annotated[str, Field(max_length=64)] = "A station that is not there"

    @property
    def bandwidth_hz(self) -> float:
        """The channel that stations are planned for, which holds 99 % of the power."""
        return 200e3 * self.deviation_hz / 75e3

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        start = -float(rng.random()) * GROUP_BITS / BIT_RATE
        cells = int((count / rate - start) * BIT_RATE) + 2
        multiplex = self._multiplex(cells, rng)
        iq = rotation(np.cumsum(multiplex) * (self.deviation_hz / RATE))
        return lay([Frame(start, iq, RATE, self.bandwidth_hz)], rate, count, offset_hz)

    def _multiplex(self, cells: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Within +-1 over `cells` bits of RDS, the first of them a group's (BS.450)."""
        count = cells * PER_BIT
        middle, side = (
            limited(emphasised(sound, RATE, AUDIO_HZ, self.emphasis_s), RATE, AUDIO_HZ)
            for sound in (speech(count, RATE, AUDIO_HZ, rng) for _ in range(2))
        )  # half the sum and half the difference of left and right
        wide = rng.uniform(0.1, 0.7)
        pilot = 2 * np.pi * PILOT_HZ / RATE * np.arange(count)
        audio = middle
        if self.stereo:
            audio = (middle + wide * side * np.sin(2 * pilot)) / (1 + wide)
        share = 1.0 - PILOT * self.stereo - DATA * self.rds
        multiplex = share * audio
        if self.stereo:
            multiplex += PILOT * np.sin(pilot)
        if self.rds:
            blocks = groups(self.program, self.kind, self.name, self.text)
            data = bits(blocks, -(-cells // GROUP_BITS))[:cells]
            multiplex += DATA * baseband(data, PER_BIT) * np.cos(3 * pilot)
        return np.asarray(multiplex)


def draw_fm(rng: np.random.Generator, rate: float) -> Fm:
    """Mostly stereo with RDS."""
    stereo = rng.random() < 0.9
    return Fm(
        stereo=stereo,
        rds=stereo and rng.random() < 0.8,
        emphasis_s=50e-6 if rng.random() < 0.7 else 75e-6,
        program=int(rng.integers(0x1000, 0x10000)),
        kind=int(rng.integers(1, 32)),
        name="".join(rng.choice(LETTERS, 8)),
        text="".join(rng.choice(LETTERS, 64)),
    )
