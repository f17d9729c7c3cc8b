"""When a transmitter sends, for waveforms that would go on for ever."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from radiofm_capture.scenes.signal import Range, log_uniform

Seconds = Annotated[float, Field(gt=0)]
Spans = list[tuple[float, float]]


class _Traffic(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Always(_Traffic):
    kind: Literal["always"] = "always"

    def spans(self, seconds: float, rng: np.random.Generator) -> Spans:
        """Transmissions (start, stop) in s that touch [0, seconds), in order, apart."""
        return [(-1.0, seconds + 1)]


class Periodic(_Traffic):
    """A transmission of `on_s` each `period_s`."""

    kind: Literal["periodic"] = "periodic"
    period_s: Seconds
    on_s: Seconds

    @model_validator(mode="after")
    def _pauses(self) -> Periodic:
        if self.on_s >= self.period_s:
            raise ValueError("on_s must be shorter than period_s")
        return self

    def spans(self, seconds: float, rng: np.random.Generator) -> Spans:
        """As Always; the first begins anywhere within a period."""
        first = (rng.random() - 1) * self.period_s
        starts = first + self.period_s * np.arange(int((seconds - first) / self.period_s) + 1)
        return [(float(start), float(start) + self.on_s) for start in starts]


class Poisson(_Traffic):
    """Transmissions begin independently of each other; one that begins in another prolongs it."""

    kind: Literal["poisson"] = "poisson"
    bursts_s: Seconds  # mean number in a second
    on_s: Range  # length, drawn log-uniformly

    @model_validator(mode="after")
    def _lengths(self) -> Poisson:
        if not 0 < self.on_s[0] <= self.on_s[1]:
            raise ValueError("on_s is [shortest, longest], both above 0")
        return self

    def spans(self, seconds: float, rng: np.random.Generator) -> Spans:
        """As Always."""
        spans: Spans = []
        at = -self.on_s[1]
        while (at := at + rng.exponential(1 / self.bursts_s)) < seconds:
            stop = at + log_uniform(rng, *self.on_s)
            if spans and at <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(stop, spans[-1][1]))
            elif stop > 0:
                spans.append((at, stop))
        return spans


Traffic = Annotated[Always | Periodic | Poisson, Field(discriminator="kind")]
