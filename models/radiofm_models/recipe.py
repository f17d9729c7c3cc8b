"""A recipe: every constant of a training run, in TOML beside the code, and its small-scale twin."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Scale = Literal["full", "smoke"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataRecipe(_Part):
    """The simulated slice set and how it is split."""

    slices: int
    seed: int
    workers: int
    held_out: float  # share of groups for validation, and again for test


class PretrainRecipe(_Part):
    """Masked spectrogram modeling."""

    preset: str
    seed: int
    mask_ratio: float
    steps: int
    batch: int
    lr: float
    betas: tuple[float, float]
    weight_decay: float  # on matrices only
    warmup: float  # share of the steps
    clip: float  # largest gradient norm
    gain_db: float  # augmentation: +- this
    checkpoint_every: int


class HeadRecipe(_Part):
    """One head on the frozen encoder."""

    tap: Literal["trunk", "tokens"]
    dim: int  # width inside the head
    steps: int
    batch: int
    lr: float
    weight_decay: float
    seed: int
    label_smoothing: float = 0.0


class Recipe(_Part):
    """All of a run."""

    name: str
    data: DataRecipe
    pretrain: PretrainRecipe
    signals: HeadRecipe
    segmentation: HeadRecipe
    anomaly: HeadRecipe


def load_recipe(name: str, scale: Scale) -> Recipe:
    """The recipe `name` shipped with the package; `smoke` overrides it with its [smoke] tables."""
    text = resources.files("radiofm_models").joinpath(f"recipes/{name}.toml").read_text("utf-8")
    table = tomllib.loads(text)
    smoke: dict[str, dict[str, Any]] = table.pop("smoke")
    if scale == "smoke":
        table = {
            key: value | smoke.get(key, {}) if isinstance(value, dict) else value
            for key, value in table.items()
        }
    return Recipe.model_validate(table)
