"""A recipe for a table or figure of a paper: what is trained, on what, and what the paper found.

`[smoke]` and `[paper]` say what is done at each scale: at smoke, small models on sets that
`radiofm simulate` makes; at paper scale the paper's own, on data that the user has.
"""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from radiofm.errors import UsageError
from radiofm_models.report import Measured, Scale

Number = float | tuple[float, float] | None  # a mean, or a mean and its deviation


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Pretraining(_Part):
    """An encoder to begin with."""

    data: tuple[str, ...]  # names of the scale's data; several are modalities that take turns
    preset: str = "small"
    mask_ratio: float = 0.75


class Row(_Part):
    """A row of a table: how the encoder came to be, and what the paper found in each column."""

    name: str
    pretrain: Pretraining | None = None  # None: untrained
    preset: str = "small"  # of an untrained encoder
    settings: dict[str, Any] = {}  # of fine-tuning, over those of the column
    published: tuple[Number, ...] = ()  # of the first columns: what a paper lacks comes last


class Figures(_Part):
    """One column of a table: a figure of a task on a data set."""

    title: str
    task: str
    data: str
    metric: str
    format: str = ".3f"
    best: Literal["max", "min"] | None = None
    settings: dict[str, Any] = {}  # of fine-tuning


class Run(_Part):
    """How much is done at a scale."""

    seeds: tuple[int, ...]
    data: dict[str, str]  # smoke: arguments of `radiofm simulate`; paper: what the user must name
    pretrain: dict[str, Any] = {}  # of a PretrainRecipe, and `epochs`
    tune: dict[str, Any] = {}  # of a TuneRecipe, and `epochs`
    tasks: dict[str, dict[str, Any]] = {}  # the same of one task
    preset: str | None = None  # instead of every other
    patch: int = 16
    size: int = 224  # of what is no spectrogram
    rows: tuple[str, ...] | None = None  # of those named; None: all
    columns: tuple[str, ...] | None = None
    ranks: tuple[int, ...] = ()  # lora-front
    alphas: tuple[float, ...] = ()
    not_checked: tuple[str, ...] = ()


class Plan(_Part):
    """All of a recipe."""

    title: str
    source: str  # paper and table or figure
    kind: Literal["parameters", "reconstruction", "tuning", "lora-front", "few-labels"]
    about: str = ""
    rows: tuple[Row, ...] = ()
    columns: tuple[Figures, ...] = ()
    show: tuple[Literal["confusion", "convergence", "errors", "snr"], ...] = ()
    ratios: tuple[float, ...] = ()  # reconstruction: to mask when looked at
    shots: tuple[int, ...] = ()  # few-labels: of prototypes
    per_class: Annotated[int, Field(gt=0)] = 40  # few-labels: of the probe
    smoke: Run
    paper: Run

    def at(self, scale: Scale) -> Run:
        return self.smoke if scale == "smoke" else self.paper


def names() -> list[str]:
    """Of all recipes of papers."""
    folder = resources.files("radiofm_models").joinpath("recipes/papers")
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir())


def check_name(name: str) -> None:
    """UsageError that lists the recipes there are, unless `name` is one."""
    if name not in names():
        raise UsageError(f"recipe {name!r} is unknown: take one of {', '.join(names())}")


def load_plan(name: str) -> Plan:
    """The recipe `name`; UsageError where there is none."""
    check_name(name)
    file = resources.files("radiofm_models").joinpath(f"recipes/papers/{name}.toml")
    return Plan.model_validate(tomllib.loads(file.read_text("utf-8")))


def measured(number: Number) -> Measured | None:
    """A published number as a report shows it."""
    if number is None:
        return None
    return Measured(number) if isinstance(number, float) else Measured(*number)
