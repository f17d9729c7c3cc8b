"""What a transmitter does to its waveform: it is keyed, ramps up and down, and saturates."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from radiofm_capture.scenes.signal import Burst, Iq, sample_span
from radiofm_capture.scenes.traffic import Spans


class Amplifier(BaseModel):
    """Rapp's model of a solid-state amplifier (GLOBECOM 1991): no phase, a smooth limit."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    backoff_db: Annotated[float, Field(ge=-20, le=60)]  # saturation over mean power
    smoothness: Annotated[float, Field(gt=0, le=20)] = 2.0

    def apply(self, iq: Iq) -> None:
        """Saturate `iq`, of unit mean power while on, in place.

        Third-order products of a signal that fills the rate fold back: 1 to 2 dB too much of them.
        """
        drive = np.square(iq.real) + np.square(iq.imag)
        drive *= np.float32(10 ** (-self.backoff_db / 10))
        drive **= np.float32(self.smoothness)
        drive += 1
        drive **= np.float32(-0.5 / self.smoothness)
        iq *= drive


def key(iq: Iq, bursts: list[Burst], spans: Spans, rate: float) -> list[Burst]:
    """Silence `iq` outside the spans (s, in order, apart), in place; the bursts that are left."""
    edges = [sample_span(start, stop, rate, len(iq)) for start, stop in spans]
    at = 0
    for first, last in edges:
        iq[at:first] = 0
        at = last
    iq[at:] = 0
    kept = []
    for burst in bursts:
        for first, last in edges:
            begin, end = max(burst.start, first), min(burst.start + burst.count, last)
            if begin < end:
                kept.append(replace(burst, start=begin, count=end - begin))
    return kept


def ramp(iq: Iq, bursts: list[Burst], samples: int) -> None:
    """Let each transmission rise and fall by a raised cosine over `samples`, in place.

    Bursts that touch in time are one transmission; what was on before the first sample, or is
    after the last, does not change there.
    """
    for begin, end in _together(bursts):
        length = min(samples, (end - begin) // 2)
        rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / length)).astype(np.float32)
        if begin > 0:
            iq[begin : begin + length] *= rise
        if end < len(iq):
            iq[end - length : end] *= rise[::-1]


def _together(bursts: list[Burst]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for burst in sorted(bursts, key=lambda b: b.start):
        end = burst.start + burst.count
        if spans and burst.start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((burst.start, end))
    return [span for span in spans if span[1] - span[0] > 1]
