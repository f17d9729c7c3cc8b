"""Remote controls of a fixed code (data sheets of the PT2262 and the EV1527)."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from radiofm_capture.scenes.ism.keying import Keyed, Message, pulses
from radiofm_capture.scenes.signal import Range

SYNC = 31  # units of silence after the sync pulse
PAIRS = {"0": "00", "1": "11", "F": "01"}  # pulses of the PT2262's three states


class Remote(Keyed):
    """A bit is a pulse and a gap of 1 and 3 units for a 0, of 3 and 1 for a 1; 24 bits and a sync.

    `ev1527` sends 20 bits of address and 4 of buttons, `pt2262` 8 states of address and 4 of data.
    """

    family: Literal["remote"] = "remote"
    protocol: Literal["ev1527", "pt2262"] = "ev1527"
    unit_s: Annotated[float, Field(gt=0)] = 450e-6
    repeats: Annotated[int, Field(ge=1)] = 8  # as long as the button is held
    off_s: Range = (0.3, 2.0)

    @property
    def bandwidth_hz(self) -> float:
        return 1.6 / self.unit_s  # holds more than 90 % of the power

    def message(self, rng: np.random.Generator) -> Message:
        if self.protocol == "ev1527":
            word = int(rng.integers(1, 1 << 20)) << 4 | 1 << int(rng.integers(4))
            bits = f"{word:024b}"
        else:
            address = rng.choice(list(PAIRS), 8)
            buttons = ["0"] * 4
            buttons[int(rng.integers(4))] = "1"
            bits = "".join(PAIRS[state] for state in [*address, *buttons])
            word = int(bits, 2)
        short, long = self.unit_s * 1e6, 3 * self.unit_s * 1e6
        code = [(long, short) if bit == "1" else (short, long) for bit in bits]
        sync = (short, SYNC * short)
        return Message({"code": float(word)}, pulses(self.repeats * [*code, sync]))


def draw_remote(rng: np.random.Generator, rate: float) -> Remote:
    """Oscillators of a resistor spread the unit; buttons are held for 4 to 20 words."""
    return Remote.model_validate(
        {
            "protocol": str(rng.choice(["ev1527", "pt2262"])),
            "unit_s": rng.uniform(250e-6, 550e-6),
            "repeats": int(rng.integers(4, 21)),
            "error_hz": rng.uniform(-75e3, 75e3),
            "off_s": (0.02, rng.uniform(0.05, 0.5)),
        }
    )
