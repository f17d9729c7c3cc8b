"""Where the runs of a recipe are made, each once: data sets, pretrained encoders, tuned heads.

Recipes of one scale share a folder, and so what they have in common:

    data/NAME        a simulated set
    cache/           sets as arrays, and their splits
    pretrain/NAME    runs of `radiofm pretrain`
    tuned/NAME       runs of `radiofm finetune`
"""

from __future__ import annotations

import hashlib
import json
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radiofm.errors import RadiofmError, UsageError
from radiofm_models.data import Indices
from radiofm_models.finetune_run import RANDOM, Wanted, tune_in
from radiofm_models.finetuning import Tuned, judge
from radiofm_models.papers.plan import Figures, Pretraining, Row, Run
from radiofm_models.pretrain_run import run as pretrain_run
from radiofm_models.recipe import PretrainRecipe
from radiofm_models.report import Scale


@dataclass(frozen=True)
class Result:
    """A head that was tuned, on the test items of its set."""

    tuned: Tuned
    figures: dict[str, Any]  # the model's metrics, and `epochs` to its best
    combined: dict[str, dict[str, Any]]  # of answers that take the model's in part
    trivial: dict[str, dict[str, Any]]
    history: list[tuple[float, float]]  # epoch, validation score

    @property
    def test(self) -> Indices:
        return self.tuned.task.material.split.test


class Laboratory:
    """The runs of one recipe at one scale."""

    def __init__(self, out: Path, scale: Scale, run: Run, sources: Mapping[str, str]) -> None:
        self.out, self.scale, self.run = out, scale, run
        unknown = sorted(set(sources) - set(run.data))
        if unknown:
            raise UsageError(
                f"--data {unknown[0]}=...: this recipe has {', '.join(run.data) or 'no data'}"
            )
        missing = [f"{name}=... ({run.data[name]})" for name in run.data if name not in sources]
        if missing and scale == "paper":  # said before days are spent on what is not missing
            raise UsageError(f"--scale paper needs --data {', --data '.join(missing)}")
        self._sources = dict(sources)
        self._results: dict[Path, Result] = {}  # columns may show several figures of one head

    def source(self, name: str) -> str:
        """The set `name`: the user's, or a simulated one."""
        if name in self._sources:
            return self._sources[name]
        wanted = self.run.data[name]
        arguments = shlex.split(wanted)
        folder = self.out / "data" / f"{arguments[0]}-{_digest(arguments)}"
        if not (folder / "set.json").exists():
            command = [sys.executable, "-m", "radiofm", "simulate", *arguments]
            done = subprocess.run([*command, "--out", str(folder)], check=False)
            if done.returncode:
                raise RadiofmError(f"radiofm simulate {wanted}: exit {done.returncode}")
        return str(folder)

    def pretrained(self, how: Pretraining, seed: int) -> Path:
        """The run of an encoder."""
        settings = dict(self.run.pretrain)
        epochs = settings.pop("epochs", None)
        preset = self.run.preset or how.preset
        recipe = PretrainRecipe.model_validate(
            {"steps": 1, "batch": 256, "lr": 1e-3, "preset": preset, "patch": self.run.patch,
             "mask_ratio": how.mask_ratio, "seed": seed} | settings
        )  # fmt: skip
        sources = [self.source(name) for name in how.data]
        name = f"{preset}-{round(100 * how.mask_ratio)}-seed{seed}"
        about = [sources, recipe.model_dump(mode="json"), epochs, self.run.size]
        folder = self.out / "pretrain" / f"{name}-{_digest(about)}"
        pretrain_run(
            sources, folder, recipe, epochs=epochs, size=(self.run.size, self.run.size),
            cache=self.out / "cache",
        )  # fmt: skip
        return folder

    def tuned(self, row: Row, column: Figures, seed: int, **more: Any) -> Result:
        """The head of a cell; `more` are settings over those of row and column."""
        encoder = RANDOM if row.pretrain is None else str(self.pretrained(row.pretrain, seed))
        task = self.run.tasks.get(column.task, {})
        settings = {**self.run.tune, **task, **column.settings, **row.settings, **more}
        epochs = settings.pop("epochs", 200)
        size = settings.pop("size", self.run.size)
        preset = self.run.preset or (row.pretrain.preset if row.pretrain else row.preset)
        wanted = Wanted(
            column.task, self.source(column.data), encoder, preset, self.run.patch,
            (size, size), epochs, settings | {"seed": seed},
            self.out / "cache",
        )  # fmt: skip
        name = f"{column.task}-{column.data}-{row.name}-seed{seed}"
        about = [encoder, wanted.data, preset, wanted.patch, wanted.size, epochs, settings]
        folder = self.out / "tuned" / f"{_plain(name)}-{_digest(about)}"
        if folder not in self._results:
            self._results[folder] = _tuned(wanted, folder, epochs)
        return self._results[folder]


def _tuned(wanted: Wanted, folder: Path, epochs: int) -> Result:
    tuned, about_run = tune_in(wanted, folder)
    judged = judge(tuned, tuned.task.material.split.test)
    per_epoch = about_run["recipe"]["steps"] / epochs
    history = _history(folder / "log.jsonl", per_epoch)
    best = {"epochs": tuned.record["best"]["step"] / per_epoch}
    combined = {name: judged.pop(name) for name in tuned.task.combinations}
    return Result(tuned, judged.pop("model") | best, combined, judged, history)


def _history(log: Path, per_epoch: float) -> list[tuple[float, float]]:
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    return [
        ((line["step"] + 1) / per_epoch, line["evaluation"]["score"])
        for line in lines
        if "evaluation" in line
    ]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]


def _plain(name: str) -> str:
    """As a folder may be named."""
    return "".join(c if c.isalnum() or c in "-+." else "_" for c in name)
