"""Samples that a device loses now and then, and says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from radiofm_capture.scenes.signal import log_uniform

Samples = Annotated[int, Field(gt=0)]


class Drops(BaseModel):
    """Losses that come independently of each other, as exact as the ledger wants them."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    every_s: Annotated[float, Field(gt=0)]  # mean time between two
    samples: tuple[Samples, Samples]  # least and most; drawn log-uniformly

    @model_validator(mode="after")
    def _in_order(self) -> Drops:
        if self.samples[0] > self.samples[1]:
            raise ValueError("samples is [least, most]")
        return self

    def losses(self, rate: float, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
        """(sample at which it begins, samples lost), for ever."""
        at = 0.0
        while True:
            at += rng.exponential(self.every_s) * rate
            yield round(at), round(log_uniform(rng, *self.samples))
