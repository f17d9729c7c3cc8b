"""A recipe: every constant of a training run, in TOML beside the code, and its small-scale twin."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from radiofm.errors import UsageError
from radiofm_models.convlstm import ConvLSTMConfig
from radiofm_models.lora import LoRAConfig
from radiofm_models.masks import Geometry
from radiofm_models.probes import Pooling
from radiofm_models.sentences import SentenceShape
from radiofm_models.tuning import Mode

Scale = Literal["full", "smoke"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Schedule(_Part):
    """How weights are moved, step by step; the trainer's part of a recipe."""

    steps: Annotated[int, Field(gt=0)]
    batch: Annotated[int, Field(gt=0)]
    lr: Annotated[float, Field(gt=0)]  # at its highest
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.05  # on matrices only
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.05  # share of the steps
    clip: Annotated[float, Field(gt=0)] = 1.0  # largest gradient norm
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None  # decay of the weights' moving average
    bf16: bool = False  # compute in bfloat16; without hardware for it, 11 times slower
    seed: int = 0
    checkpoint_every: Annotated[int, Field(gt=0)] = 500
    evaluate_every: Annotated[int, Field(gt=0)] = 1000


class PretrainRecipe(Schedule):
    """Masked spectrogram modeling."""

    preset: str
    patch: Annotated[int, Field(gt=0)] = 16  # edge, pixels
    mask_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.75
    geometry: Geometry = "random"
    gain_db: float = 0.0  # augmentation of spectrograms: +- this,
    augment: bool = True  # rolled in frequency, and half of them reversed in time


class ConvLSTMRecipe(Schedule):
    """Masked spectrogram modeling of radio sentences."""

    model: ConvLSTMConfig = ConvLSTMConfig()
    sentence: SentenceShape = SentenceShape()
    mask_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.2  # of tokens, replaced by white noise


class TuneRecipe(Schedule):
    """Fine-tuning of an encoder for one task. Defaults are the papers', where they say."""

    mode: Mode = "strict"
    pooling: Pooling = "avg"
    layers: Annotated[int, Field(gt=0)] = 1  # of a probe
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 0.75
    last: Annotated[int, Field(gt=0)] = 2  # blocks that mode `last` trains
    lora: LoRAConfig = LoRAConfig(rank=32, alpha=8)
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0  # theta of WavesFM's equation 17
    weighted: bool = False  # classes by their rarity, WavesFM's equation 18
    per_class: int | None = None  # training items of each class; None: all


Kind = TypeVar("Kind", bound=BaseModel)


def recipe_of(kind: type[Kind], settings: Mapping[str, Any]) -> Kind:
    """The recipe of these settings, or UsageError that names the first that cannot be."""
    try:
        return kind.model_validate(settings)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{where} {first['input']!r}: {first['msg'].lower()}") from None


class Lesson(_Part):
    """A set that the encoder learns from, and the tasks that its labels are for."""

    set: str
    heads: dict[str, str] = {}  # name: task; none of them: masked modeling
    turns: Annotated[int, Field(gt=0)] = 1  # batches of each round of the lessons
    keep: Annotated[float, Field(gt=0, le=1)] = 1.0  # share of the patches, for pooling heads


class JointRecipe(TuneRecipe):
    """Of encoder and heads together; the sets take turns."""

    mode: Mode = "full"
    gain_db: Annotated[float, Field(ge=0)] = 0.0  # augmentation: +- this
    mask_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.75  # of lessons without heads
    lessons: tuple[Lesson, ...]


class FrozenHead(_Part):
    """A head on the encoder that came of it."""

    name: str
    task: str
    set: str
    epochs: Annotated[int, Field(gt=0)]
    settings: dict[str, Any] = {}  # of a TuneRecipe


class Recipe(_Part):
    """All of a shipped bundle. Sets are arguments of `radiofm simulate`, by name."""

    name: str
    data: dict[str, str]
    test: dict[str, str]  # other seeds: scenes, emitters and receivers that no training saw
    pretrain_on: tuple[str, ...]
    centred: bool = False  # slices without their level
    pretrain: PretrainRecipe
    joint: JointRecipe
    heads: tuple[FrozenHead, ...] = ()


def load_recipe(name: str, scale: Scale) -> Recipe:
    """The recipe `name` shipped with the package; `smoke` overrides it with its [smoke] tables.

    One that `extends` another says only what differs. UsageError where there is none.
    """
    table = _table(name)
    smoke = table.pop("smoke")
    return Recipe.model_validate(_over(table, smoke) if scale == "smoke" else table)


def bundles() -> list[str]:
    """Names of the recipes of shipped bundles."""
    folder = resources.files("radiofm_models").joinpath("recipes")
    return sorted(
        file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml")
    )


def _table(name: str) -> dict[str, Any]:
    if name not in bundles():
        raise UsageError(f"recipe {name!r} is unknown: take one of {', '.join(bundles())}")
    file = resources.files("radiofm_models").joinpath(f"recipes/{name}.toml")
    table = tomllib.loads(file.read_text("utf-8"))
    base = table.pop("extends", None)
    return _over(_table(base), table) if base else table


def _over(table: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """`table` with the values of `more`; tables of one name are put together."""
    both = {
        key: {**table[key], **value}
        for key, value in more.items()
        if isinstance(value, dict) and key in table
    }
    return table | more | both
