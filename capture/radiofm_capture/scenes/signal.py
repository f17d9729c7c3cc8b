"""What the waveforms stand on: the base model, bursts, carriers, on-off schedules."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

Iq = npt.NDArray[np.complex64]
Range = tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]]


@dataclass(frozen=True, slots=True)
class Burst:
    """A box around a piece of signal; frequencies in Hz from the receiver's centre."""

    start: int
    count: int
    low_hz: float
    high_hz: float


class Waveform(BaseModel):
    """Parameters of one kind of signal. Seconds and Hz; ranges are drawn from log-uniformly."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    family: str = ""
    on_s: Range = (1.0, 1.0)  # length of a transmission
    off_s: Range = (0.0, 0.0)  # and of the pause after it; 0: never off

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        for name, (low, high) in (("on_s", self.on_s), ("off_s", self.off_s)):
            if low > high or (low == 0 and (high > 0 or name == "on_s")):
                raise ValueError(f"{name} is [shortest, longest], both above 0")
        return self

    @property
    def bandwidth_hz(self) -> float:
        """The bandwidth that SNR is stated in: of one channel for a hopper."""
        raise NotImplementedError

    @property
    def span_hz(self) -> float:
        """All that it ever occupies around its centre: more than `bandwidth_hz` for a hopper."""
        return self.bandwidth_hz

    def resume(self, seconds: float, rng: np.random.Generator) -> Self:
        """The transmitter `seconds` later, what it keeps (identity, frame timing) drawn by `rng`.

        Here it keeps nothing: each rendering is a draw of its own.
        """
        return self

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        """`count` samples at `rate` with the signal's centre `offset_hz` from the receiver's.

        The whole signal has unit mean power while on; what lies beyond +-rate / 2 is left out.
        """
        raise NotImplementedError

    def schedule(self, seconds: float, rng: np.random.Generator) -> list[tuple[float, float]]:
        """Transmissions (start, stop) in s over [0, seconds); the first began before 0."""
        if self.off_s[1] == 0:
            return [(-float(rng.random()), seconds)]
        at = -float(rng.random()) * (self.on_s[1] + self.off_s[1])
        spans = []
        while at < seconds:
            stop = at + log_uniform(rng, *self.on_s)
            if stop > 0:
                spans.append((at, min(stop, seconds)))
            at = stop + log_uniform(rng, *self.off_s)
        return spans


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A positive number whose logarithm is uniform over [log low, log high]."""
    return low if low == high else math.exp(rng.uniform(math.log(low), math.log(high)))


def carrier(count: int, cycles: float, phase: float = 0.0) -> Iq:
    """exp(j 2 pi (cycles n + phase)), complex64 [count]; `cycles` a sample, `phase` in cycles."""
    step = 1024  # one outer product instead of `count` sines
    fine = np.exp(2j * np.pi * cycles * np.arange(step))
    turns = cycles * step * np.arange(-(-count // step)) + phase
    coarse = np.exp(2j * np.pi * (turns % 1))
    blocks: Iq = np.multiply.outer(coarse.astype(np.complex64), fine.astype(np.complex64))
    return blocks.reshape(-1)[:count]


def rotation(cycles: npt.NDArray[np.float64]) -> Iq:
    """exp(j 2 pi cycles), complex64, for phases of any size."""
    angle = ((cycles - np.rint(cycles)) * (2 * np.pi)).astype(np.float32)
    iq = np.empty(angle.shape, np.complex64)
    iq.real, iq.imag = np.cos(angle), np.sin(angle)
    return iq


def sample_span(start_s: float, stop_s: float, rate: float, count: int) -> tuple[int, int]:
    """First and last-plus-one sample of [start_s, stop_s) within [0, count)."""
    first, last = math.ceil(start_s * rate), math.ceil(stop_s * rate)
    return min(max(first, 0), count), min(max(last, 0), count)
