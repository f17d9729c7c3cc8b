"""Frequency plans: where to dwell, how and how long, in which order, how often."""

from __future__ import annotations

import itertools
import math
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from radiofm.errors import UsageError
from radiofm.settings import Duration, Frequency, Gain, Rate

SLICES = 6  # of a dwell: 96 ms
MOST_DWELLS = 100_000  # of one pass


def _tables(value: object) -> object:
    return [value] if isinstance(value, dict) else value


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Reception(_Model):
    """What dwells and sweeps have in common."""

    bandwidth: Frequency | None = None  # Hz; the rate if absent
    gain: Gain | None = None  # dB; the device's own control if absent
    gain_mode: str | None = None
    slices: Annotated[int, Field(ge=1, le=1_000_000)] = SLICES


class Dwell(_Reception):
    """One tuning, held for so many slices."""

    fc: Frequency
    rate: Rate


class Sweep(_Reception):
    """Centres from `start` in steps of `step`, `stop` included where a step meets it; each of
    them at every rate."""

    start: Frequency
    stop: Frequency
    step: Frequency
    rates: Annotated[tuple[Rate, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _goes_up(self) -> Sweep:
        if self.stop < self.start:
            raise ValueError(f"stop {self.stop:g} is below start {self.start:g}")
        if self._steps * len(self.rates) > MOST_DWELLS:
            raise ValueError(f"step {self.step:g} makes more than {MOST_DWELLS} dwells")
        return self

    @property
    def _steps(self) -> int:
        return math.floor((self.stop - self.start) / self.step + 1e-6) + 1

    def dwells(self) -> Iterator[Dwell]:
        common = {name: getattr(self, name) for name in _Reception.model_fields}
        for number in range(self._steps):
            for rate in self.rates:
                yield Dwell(fc=round(self.start + number * self.step), rate=rate, **common)


class Plan(_Model):
    """Literal dwells, then the sweeps' dwells."""

    dwell: Annotated[tuple[Dwell, ...], BeforeValidator(_tables)] = ()
    sweep: Annotated[tuple[Sweep, ...], BeforeValidator(_tables)] = ()
    repeat: Annotated[int, Field(ge=0)] = 1  # passes; 0 is for ever
    order: Literal["sequential", "shuffled"] = "sequential"
    seed: Annotated[int, Field(ge=0)] = 0  # of the shuffled order: another in each pass
    mode: Literal["stream", "burst", "auto"] | None = None  # that of the settings if absent
    settle: Duration = 0.01  # seconds between a retune and the first sample

    @model_validator(mode="after")
    def _somewhere(self) -> Plan:
        if not self.dwell and not self.sweep:
            raise ValueError("nothing to do: add a [[dwell]] or a [sweep]")
        return self

    @property
    def dwells(self) -> tuple[Dwell, ...]:
        """Those of one pass, in the order of the file."""
        return (*self.dwell, *itertools.chain.from_iterable(s.dwells() for s in self.sweep))

    def run(self) -> Iterator[Dwell]:
        """All of them, pass after pass."""
        dwells = self.dwells
        for number in range(self.repeat) if self.repeat else itertools.count():
            if self.order == "shuffled":
                order = np.random.default_rng([self.seed, number]).permutation(len(dwells))
                yield from (dwells[place] for place in order)
            else:
                yield from dwells


def presets() -> list[str]:
    """Names of the plans that come with the package."""
    folder = resources.files("radiofm_capture") / "plans"
    return sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".toml"))


def load_plan(name: str) -> Plan:
    """A preset by name, or the plan in a TOML file. UsageError says what is wrong with it."""
    try:
        if name in presets():
            text = (resources.files("radiofm_capture") / "plans" / f"{name}.toml").read_text()
        elif Path(name).suffix == ".toml":
            text = Path(name).read_text("utf-8")
        else:
            have = ", ".join(presets())
            raise UsageError(f"plan {name!r} is not known: use {have} or a .toml file")
        return make_plan(tomllib.loads(text), f"plan {name}")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"plan {name}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"plan {name}: not TOML: {error}") from None


def parse_sweep(text: str, rate: float, slices: int) -> Plan:
    """`2.4e9:2.65e9:20e6`, start, stop and step -> the plan of that sweep."""
    parts = text.split(":")
    if len(parts) != 3:
        raise UsageError(f"sweep {text!r} is not start:stop:step: write it like 2.4G:2.65G:20M")
    edges = dict(zip(("start", "stop", "step"), parts, strict=True))
    return make_plan({"sweep": {**edges, "rates": [rate], "slices": slices}}, f"sweep {text}")


def make_plan(fields: dict[str, Any], name: str) -> Plan:
    """The checked plan; errors begin with its `name`."""
    try:
        return Plan.model_validate(fields)
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        fault = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{name}: {f'{where}: ' if where else ''}{fault}") from None
