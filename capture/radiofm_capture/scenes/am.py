"""The VHF airband: voice by amplitude modulation (ICAO Annex 10, III, part II, chapter 2)."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from radiofm_capture.scenes.audio import limited, speech
from radiofm_capture.scenes.frames import Frame, lay
from radiofm_capture.scenes.pulse import soften, unit_power
from radiofm_capture.scenes.signal import Burst, Iq, Range, Waveform

RATE = 32e3
WIDE_HZ, NARROW_HZ = 3400.0, 2500.0  # highest of the audio (ETSI EN 300 676-1)
EDGE_S = 5e-3


class Am(Waveform):
    """A3E, double sideband with its carrier, which is on while the speaker holds the key."""

    family: Literal["am"] = "am"
    narrow: bool = False  # a channel of 8.33 kHz, not of 25
    depth: Annotated[float, Field(gt=0, le=1)] = (
        0.85  # of modulation: at least this can be had on the ground
    )
    on_s: Range = (1.0, 6.0)
    off_s: Range = (0.5, 5.0)

    @property
    def audio_hz(self) -> float:
        return NARROW_HZ if self.narrow else WIDE_HZ

    @property
    def bandwidth_hz(self) -> float:
        return 2 * self.audio_hz

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        frames = []
        for start, stop in self.schedule(count / rate, rng):
            length = max(2 * round(EDGE_S * RATE), round((stop - start) * RATE))
            audio = limited(speech(length, RATE, self.audio_hz, rng), RATE, self.audio_hz)
            over = unit_power((1 + self.depth * audio) * np.exp(2j * np.pi * rng.random()))
            over = soften(over.astype(np.complex64), round(EDGE_S * RATE))
            frames.append(Frame(start, over, RATE, self.bandwidth_hz))
        return lay(frames, rate, count, offset_hz)


def draw_am(rng: np.random.Generator, rate: float) -> Am:
    """Half of them in 8.33 kHz channels; some cells are always on (ATIS, VOLMET)."""
    always = rng.random() < 0.3
    return Am.model_validate(
        {
            "narrow": bool(rng.random() < 0.5),
            "depth": rng.uniform(0.5, 0.95),
            "on_s": (1, 1) if always else (0.05, 1.0),
            "off_s": (0, 0) if always else (0.02, 0.5),
        }
    )
