"""Runs of tasks of their own: the tables of what their run.json tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from radiofm_models.checkpoint import read_json
from radiofm_models.evaluation.forecasts import forecast_parts
from radiofm_models.evaluation.tuned import RANDOM
from radiofm_models.finetune_run import RUN
from radiofm_models.report import Cell, Column, Measured, Part, Report, Run, Section, Table
from radiofm_models.tasks.convlstm_forecast import untrained

SPREAD = " std"
LEFT_OUT = ("score",)


def evaluate(folder: Path, command: str, machine: str) -> Report:
    """The report of the finished run in `folder`.

    The baseline of forecasts is trained in `folder`/random-init, by the same recipe; no test item
    is looked at again else.
    """
    forecast = read_json(folder / RUN, ("task",))["task"] == "convlstm-forecast"
    what = "sentences" if forecast else "blocks"
    about = read_json(folder / RUN, ("data", "encoder", "recipe", "test", "tuning", what))
    counts = ", ".join(f"{name} {count:,}" for name, count in about[what].items())
    data = f"{about['data']}: {what}: {counts}"
    run = Run(
        command, (about["recipe"]["seed"],), data, machine, None,
        ("other seeds and splits", "real air, where the data are simulated"),
    )  # fmt: skip
    parts = _forecasts(about, folder) if forecast else [_shots(about)]
    title = f"{about['task']} on {Path(about['data']).name}, encoder {about['encoder']}"
    return Report(
        title, run, [Section("Test items", parts), Section("Training", [about["tuning"]])]
    )


def _forecasts(about: dict[str, Any], folder: Path) -> list[Part]:
    test = dict(about["test"])
    model = test.pop("model")
    return forecast_parts({"model": model, RANDOM: untrained(about, folder), **test})


def _shots(about: dict[str, Any]) -> Table:
    test = about["test"]
    names = list(dict.fromkeys(name for figures in test.values() for name in figures))
    names = [name for name in names if not name.endswith(SPREAD) and name not in LEFT_OUT]
    rows: list[list[Cell]] = [
        [who, *(_over_folds(figures, name) for name in names)] for who, figures in test.items()
    ]
    if about["task"] == "beams":
        columns = [Column(name, ".1%", "max") for name in names]
        title = "Accuracy, and its spread over folds of shots"
        note = "TTSA: the antenna that was trained on; TOTA: others. Shots are of the same antenna."
    else:
        columns = [Column(name, ".2f", "min") for name in names]
        title = "Mean absolute error, degrees, and its spread over folds of shots"
        note = "Taught: angles that were trained on; new: angles of which only shots are known."
    return Table(title, [Column("by"), *columns], rows, note)


def _over_folds(figures: dict[str, float], name: str) -> Cell:
    return Measured(figures[name], figures.get(name + SPREAD)) if name in figures else None
