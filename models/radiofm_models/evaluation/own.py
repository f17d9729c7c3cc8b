"""Runs of tasks of their own: the tables of what their run.json tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from radiofm_models.checkpoint import read_json
from radiofm_models.finetune_run import RUN
from radiofm_models.report import (
    Cell,
    Column,
    Measured,
    Part,
    Report,
    Run,
    Section,
    Series,
    Table,
    curves,
)

SPREAD = " std"
LEFT_OUT = ("score",)


def evaluate(folder: Path, command: str, machine: str) -> Report:
    """The report of the finished run in `folder`: test items are not looked at again."""
    forecast = read_json(folder / RUN, ("task",))["task"] == "forecast"
    what = "sentences" if forecast else "blocks"
    about = read_json(folder / RUN, ("data", "encoder", "recipe", "test", "tuning", what))
    counts = ", ".join(f"{name} {count:,}" for name, count in about[what].items())
    data = f"{about['data']}: {what}: {counts}"
    run = Run(
        command, (about["recipe"]["seed"],), data, machine, None,
        ("other seeds and splits", "real air, where the data are simulated"),
    )  # fmt: skip
    parts = _forecasts(about["test"]) if forecast else [_shots(about)]
    title = f"{about['task']} on {Path(about['data']).name}, encoder {about['encoder']}"
    return Report(
        title, run, [Section("Test items", parts), Section("Training", [about["tuning"]])]
    )


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


def _forecasts(test: dict[str, Any]) -> list[Part]:
    ahead = len(test["model"]["mse"])
    horizons = [f"{count} ahead" for count in range(1, ahead + 1)]
    parts: list[Part] = [
        Table(
            "Mean squared error by tokens ahead, in standardised units",
            [Column("forecast"), *(Column(name, best="min") for name in horizons)],
            [[name, *figures["mse"]] for name, figures in test.items()],
        ),
        _recall(test, ahead),
    ]
    for number, block in enumerate(test["model"]["blocks"]):
        rows: list[list[Cell]] = []
        for name, figures in test.items():
            one = figures["blocks"][number]
            rows.append([name, *one["recall"], one["precision"][-1], one["f1"][-1]])
        titles = [*(f"recall, {name}" for name in horizons), "recall", "precision", "F1"]
        parts.append(
            Table(
                f"Occupied blocks of {block['ms']:g} ms and {block['mhz']:g} MHz",
                [Column("forecast"), *(Column(title, ".1%", "max") for title in titles)],
                rows,
                "Recall is the paper's figure. To call all occupied has a recall of 100 %.",
            )
        )
    return parts


def _recall(test: dict[str, Any], ahead: int) -> Part:
    """The paper's figure, of the network."""
    series = [
        Series(
            f"{block['ms']:g} ms, {block['mhz']:g} MHz",
            np.arange(1, ahead + 1),
            np.array(block["recall"][:ahead], np.float64),
        )
        for block in test["model"]["blocks"]
    ]
    return curves(
        "Probability of correct occupied predictions, by size of block.",
        series, "tokens ahead", "occupied blocks called so", percent=True,
    )  # fmt: skip
