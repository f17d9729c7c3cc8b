"""ProtoBeam's recipe: every constant of its table, at the paper's scale and at a small one."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from radiofm.spectrogram import SpectrogramSpec
from radiofm_models.protobeam.densenet import DenseNetConfig
from radiofm_models.protobeam.episodes import EpisodeRecipe
from radiofm_models.protobeam.supervised import CnnConfig

Scale = Literal["paper", "smoke"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DeepBeamFiles(_Part):
    """The public recordings: a file for each pair of antennas."""

    kind: Literal["deepbeam"]
    pattern: str  # of their names, {} for the transmitting antenna
    trained: tuple[int, ...]  # antennas
    other: tuple[int, ...]  # TOTA's
    every: tuple[int, int]  # blocks, to train and to test


class SimulatedBeams(_Part):
    """A set of `radiofm simulate beams`; antennas not trained on are TOTA's."""

    kind: Literal["simulated"]
    count: int
    trained: tuple[int, ...]


class BeamRecipe(_Part):
    """Table I and what stands beside it."""

    data: Annotated[DeepBeamFiles | SimulatedBeams, Field(discriminator="kind")]
    samples: int  # of each block
    shots: tuple[int, ...]
    network: DenseNetConfig = DenseNetConfig()
    episodes: EpisodeRecipe = EpisodeRecipe()
    cnn: CnnConfig = CnnConfig()
    supervised: EpisodeRecipe = EpisodeRecipe()  # its steps, and as many blocks in each


class EncoderRecipe(_Part):
    """The shared encoder on spectrograms of blocks; a pretrained one brings its own."""

    preset: str
    spec: SpectrogramSpec
    episodes: EpisodeRecipe = EpisodeRecipe()


class AngleRecipe(_Part):
    """ProtoAoA's set-up on a set of `radiofm simulate aoa`: its recordings are not public."""

    count: int
    samples: int
    skip: int = 3  # angles between those trained on
    held_out: int  # sessions to test on
    shots: tuple[int, ...]
    network: DenseNetConfig = DenseNetConfig()
    episodes: EpisodeRecipe = EpisodeRecipe()


class ProtoBeamRecipe(_Part):
    """All of a run."""

    name: str
    seeds: tuple[int, ...]
    beams: BeamRecipe
    encoder: EncoderRecipe
    angles: AngleRecipe


def load_recipe(name: str, scale: Scale) -> ProtoBeamRecipe:
    """The recipe `name` shipped with the package: the tables of `scale` over the common ones."""
    text = resources.files("radiofm_models").joinpath(f"recipes/papers/{name}.toml").read_text()
    table = tomllib.loads(text)
    scales = {one: table.pop(one) for one in ("paper", "smoke")}
    return ProtoBeamRecipe.model_validate(_over(table, scales[scale]))


def _over(table: dict[str, Any], upper: dict[str, Any]) -> dict[str, Any]:
    """`table` with `upper`'s values in place of its own, table by table."""
    both = {
        key: _over(table[key], value)
        if isinstance(value, dict) and isinstance(table.get(key), dict)
        else value
        for key, value in upper.items()
    }
    return table | both
