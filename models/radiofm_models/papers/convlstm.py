"""What the figures of the ConvLSTM paper share: their recipe, the air, and pretraining.

"Self-Supervised Radio Pre-training" (Aboulfotouh et al., 2024). Of a corpus's parts, train is the
half that the paper pretrains on, validation and test are its 80 % and 20 % of the other half.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import BaseModel, ConfigDict

from radiofm.errors import RadiofmError, UsageError
from radiofm_models.convlstm import MaskedConvLSTM
from radiofm_models.convlstm_pretrain import HELD_OUT, masked_error, pretrain_convlstm
from radiofm_models.convlstm_tuning import Mode
from radiofm_models.material import Material, open_material
from radiofm_models.recipe import ConvLSTMRecipe, Schedule
from radiofm_models.report import Column, Measured, Scale, Section, Table
from radiofm_models.sentences import Sentences
from radiofm_models.world import World, device

FRACTIONS = "0.5,0.4,0.1"
SCENE = "convlstm-air.toml"
NAMES: dict[Mode, str] = {
    "frozen": "pretrained, frozen",
    "full": "pretrained, all trained",
    "scratch": "from scratch (b)",
    "random": "untrained, frozen",
}


class Air(BaseModel):
    """Recordings to simulate; each is of another scene."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recordings: int
    seconds: float
    seed: int  # of the first
    fractions: str  # of recordings, as FRACTIONS: few recordings need another share to test on


class Study(BaseModel):
    """What both recipes have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seeds: tuple[int, ...]  # of weights and draws
    threads: int | None = None  # of torch; None: its own choice
    modes: tuple[Mode, ...]
    air: Air | None = None
    pretrain: ConvLSTMRecipe
    tune: Schedule


S = TypeVar("S", bound=Study)
Told = tuple[list[Section], tuple[int, ...], str]  # a report's sections, seeds, what the data are


def load_study(kind: type[S], name: str, scale: Scale) -> S:
    """The recipe `name` shipped with the package: what scales share, and the tables of `scale`."""
    text = (
        resources.files("radiofm_models").joinpath(f"recipes/papers/{name}.toml").read_text("utf-8")
    )
    table = tomllib.loads(text)
    scales: dict[str, dict[str, Any]] = {s: table.pop(s) for s in ("smoke", "paper")}
    return kind.model_validate(_merged(table, scales[scale]))


def _merged(table: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    both = {k: _merged(table[k], v) for k, v in over.items() if isinstance(table.get(k), dict)}
    return table | over | both


def run_study(
    kind: type[S],
    names: Sequence[str],
    recipe: str,
    scale: Scale,
    sources: Mapping[str, str],
    run: Callable[[S], Told],
) -> Told:
    """What `run` makes of the study `recipe`; `sources` may give the data `names`."""
    check_names(sources, names)
    study = load_study(kind, recipe, scale)
    with threads(study.threads):
        return run(study)


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Compute in `count` threads: small convolutions wait for each other in more."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def radiofm(*commands: Sequence[object]) -> None:
    """Run command lines of this program, two at a time; RadiofmError where one fails."""

    def one(arguments: Sequence[object]) -> None:
        words = [str(argument) for argument in arguments]
        done = subprocess.run(
            [sys.executable, "-m", "radiofm", *words, "--json"], capture_output=True, text=True
        )
        if done.returncode:
            raise RadiofmError(f"radiofm {' '.join(words)}: {done.stderr.strip()}")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, commands))


def open_air(air: Air | None, sources: Mapping[str, str], out: Path) -> Material:
    """The corpus that --data names rrd, or one that is simulated in `out`, split as the paper's."""
    folder = Path(sources.get("rrd", out / "rrd"))
    if "rrd" not in sources:
        if air is None:
            raise UsageError("--scale paper: give --data rrd=FOLDER, a corpus of 2 ms slices")
        if not (folder / "spec.json").exists():
            simulate_air(air, folder)
    material = open_material(str(folder), out / "data")
    if material.dataset.parts is None:
        raise UsageError(
            f"{folder} is not split: run `radiofm corpus split {folder} --fractions {FRACTIONS}`"
        )
    return material


def simulate_air(air: Air, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with resources.as_file(resources.files("radiofm_models.papers") / SCENE) as scene:
        numbers = range(air.seed, air.seed + air.recordings)
        radiofm(
            *(
                ["simulate", "record", scene, "--out", folder / f"air-{number}",
                 "--seconds", f"{air.seconds}s", "--seed", number]
                for number in numbers
            )
        )  # fmt: skip
    radiofm(["corpus", "build", folder, "--spec", "convlstm"])
    radiofm(["corpus", "split", folder, "--fractions", air.fractions])


def pretrained(study: Study, material: Material, seed: int, out: Path) -> MaskedConvLSTM:
    """The encoder of `seed`, trained on the corpus's first part in `out`."""
    recipe = study.pretrain.model_copy(update={"seed": seed})
    sentences = Sentences(material, material.split.train, recipe.sentence)
    model, _ = pretrain_convlstm(
        sentences, recipe, out, World(0, 1, device()), {"data": material.dataset.fingerprint()}
    )
    return model


def masked_table(study: Study, material: Material, models: Sequence[MaskedConvLSTM]) -> Table:
    """How well masked tokens of recordings never trained on are put back."""
    recipe = study.pretrain
    sentences = Sentences(material, material.split.test, recipe.sentence)
    tokens = sentences.batch((0,), range(min(HELD_OUT, 4 * len(sentences))))
    errors = [masked_error(model, tokens, recipe.mask_ratio, 0) for model in models]
    return Table(
        "Masked tokens put back: mean squared error over their pixels",
        [Column(""), Column("MSE", best="min")],
        [
            ["the pretrained ConvLSTM", Measured.over([e["masked_mse"] for e in errors])],
            ["the mean of each row's visible pixels", errors[0]["row_mean_mse"]],
        ],
        "Standardised units: 1 is the variance of an average slice.",
    )


def check_names(sources: Mapping[str, str], names: Sequence[str]) -> None:
    """That `--data` names nothing else; UsageError."""
    for given in sources:
        if given not in names:
            raise UsageError(f"--data {given}=...: this recipe has {', '.join(names)}")


def sizes(study: Study) -> str:
    """Of network and sentences, for a report."""
    model, shape = study.pretrain.model, study.pretrain.sentence
    return (
        f"{model.layers} layers of {model.kernels} kernels; sentences of {shape.tokens} tokens of "
        f"{shape.rows} x {shape.columns}."
    )
