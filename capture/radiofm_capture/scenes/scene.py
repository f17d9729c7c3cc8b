"""A scene: emitters around a centre frequency over a noise floor, with their ground truth."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from radiofm_capture.scenes.drops import Drops
from radiofm_capture.scenes.front_end import FrontEnd, Ppm
from radiofm_capture.scenes.multipath import Channel
from radiofm_capture.scenes.recorded import Recorded
from radiofm_capture.scenes.traffic import Always, Traffic
from radiofm_capture.scenes.transmitter import Amplifier
from radiofm_capture.scenes.waveforms import AnyWaveform

SLICE_S = 0.016  # the unit of schedules and loops
DROPS = 2  # a stream of random numbers beside those of noise (render.py)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Emitter(_Model):
    """One transmitter. Give its place as `center_hz` or `offset_hz`, its strength as `snr_db`
    (in its own bandwidth) or `power_dbfs` (both as received, mean over the time that it is on)."""

    waveform: AnyWaveform
    label: Annotated[str, Field(min_length=1, max_length=64)] | None = None  # None: its family;
    # what is labelled `noise` has no boxes
    center_hz: Annotated[float, Field(ge=0)] | None = None
    offset_hz: float | None = None  # from the scene's centre
    snr_db: float | None = None
    power_dbfs: float | None = None
    exclusive: bool = False  # not there when an exclusive one before it has a part of its band
    on: tuple[tuple[int, int], ...] = ()  # slices [first, last) of the loop; empty: always
    traffic: Traffic = Always()
    ramp_s: Annotated[float, Field(ge=0)] = 0.0  # in which a transmission rises, and falls
    amplifier: Amplifier | None = None  # None: linear
    channel: Channel | None = None  # None: a path without echoes
    carrier_ppm: Ppm = 0.0  # error of its frequency
    clock_ppm: Ppm = 0.0  # error of its symbol clock: above 0 it is fast

    @model_validator(mode="after")
    def _one_of_each(self) -> Emitter:
        if (self.center_hz is None) == (self.offset_hz is None):
            raise ValueError("give either center_hz or offset_hz")
        if (self.snr_db is None) == (self.power_dbfs is None):
            raise ValueError("give either snr_db or power_dbfs")
        return self

    @property
    def name(self) -> str:
        """What its boxes are labelled with."""
        return self.label or self.waveform.family


class Scene(_Model):
    seed: Annotated[int, Field(ge=0)] = 0
    center_frequency_hz: Annotated[float, Field(ge=0)] = 2.44e9
    sample_rate_hz: Annotated[float, Field(gt=0)] | None = None  # of the receiver, if none is given
    slices: Annotated[int, Field(ge=1, le=100_000)] = 250  # length of the loop, 16 ms each
    noise_dbfs_per_hz: float = -115.0
    noise: Recorded | None = None  # real noise instead of white, brought to that level
    emitters: tuple[Emitter, ...] = ()
    front_end: FrontEnd = FrontEnd()
    drops: Drops | None = None

    def emitter_hz(self, emitter: Emitter) -> float:
        """Radio frequency of the emitter's centre, without its error."""
        if emitter.center_hz is not None:
            return emitter.center_hz
        assert emitter.offset_hz is not None
        return self.center_frequency_hz + emitter.offset_hz

    def emitter_dbfs(self, emitter: Emitter) -> float:
        """Power of the emitter while it is on."""
        if emitter.power_dbfs is not None:
            return emitter.power_dbfs
        assert emitter.snr_db is not None
        return emitter.snr_db + self._noise_dbfs(emitter)

    def emitter_snr_db(self, emitter: Emitter) -> float:
        return self.emitter_dbfs(emitter) - self._noise_dbfs(emitter)

    def _noise_dbfs(self, emitter: Emitter) -> float:
        return self.noise_dbfs_per_hz + 10 * math.log10(emitter.waveform.bandwidth_hz)

    def apart(self) -> Scene:
        """The scene without the exclusive emitters that would lie upon another."""
        kept: list[Emitter] = []
        for emitter in self.emitters:
            if not emitter.exclusive or not any(
                other.exclusive
                and abs(self.emitter_hz(emitter) - self.emitter_hz(other))
                < (emitter.waveform.span_hz + other.waveform.span_hz) / 2
                for other in kept
            ):
                kept.append(emitter)
        return self.model_copy(update={"emitters": tuple(kept)})

    def losses(self, rate: float) -> Iterator[tuple[int, int]]:
        """(sample of the stream, samples lost there), in order: what `drops` makes of it."""
        return self.drops.losses(rate, self.random(0, 0, DROPS)) if self.drops else iter(())

    def random(self, *place: int) -> np.random.Generator:
        """The stream of random numbers for one place in the scene: [emitter, first slice, ...]."""
        return np.random.default_rng([self.seed, *place])
