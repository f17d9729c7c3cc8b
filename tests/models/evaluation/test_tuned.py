"""`radiofm evaluate` of fine-tuned heads: what stands in the report of each kind of task."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from radiofm.cli.evaluate import evaluate as command
from radiofm.errors import RadiofmError
from radiofm_models.data import Indices
from radiofm_models.evaluation.run import evaluate
from radiofm_models.export_run import export
from radiofm_models.finetune_run import RUN, Wanted, read_run, run, tune_in
from radiofm_models.pretrain_run import run as pretrain
from radiofm_models.recipe import PretrainRecipe
from radiofm_models.report import Figure, Report
from tests.models.datasets.recordings import recording
from tests.models.tiny import slice_set

RANDOM = "random-init, frozen"
SETTINGS = {"batch": 8, "lr": 3e-3, "mode": "strict", "pooling": "avg", "evaluate_every": 4}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slice set, and an encoder that was pretrained on it for a few steps."""
    folder = tmp_path_factory.mktemp("made")
    slices = slice_set(folder / "slices", 120)
    recipe = PretrainRecipe(steps=2, batch=8, lr=1e-3, preset="nano")
    pretrain([str(slices)], folder / "pretrain", recipe)
    return folder


@pytest.fixture(scope="module")
def signals(made: Path) -> Path:
    """A finished run of a classifier."""
    wanted = Wanted(
        "signals", str(made / "slices"), str(made / "pretrain"), epochs=3, settings=SETTINGS
    )
    run(wanted, made / "signals")
    return made / "signals"


def judged(folder: Path) -> Report:
    report = evaluate(folder, folder / "report", "radiofm evaluate", "a machine")
    written = {path.name for path in (folder / "report").iterdir()}
    assert {"report.md", "report.html", "report.json"} <= written
    return report


def rows(report: Report, title: str) -> dict[str, list[str]]:
    (table,) = [table for table in report.tables() if table.title == title]
    return {row[0]: row[1:] for row in table.texts()}


def captions(report: Report) -> list[str]:
    return [figure.caption for figure in report.figures()]


def fail(*_: Any, **__: Any) -> None:
    raise AssertionError("a step was trained")


def test_a_classifier(signals: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = judged(signals)
    assert [s.title for s in report.sections] == [
        "Test items", "Calibration", "Features", "Training",
    ]  # fmt: skip
    table = rows(report, "Test items")
    assert list(table) == ["model", RANDOM, "commonest class"]
    about = json.loads((signals / RUN).read_text())
    assert f"{about['test']['model']['accuracy']:.3f}" in table["model"]
    assert "0.500" in table["commonest class"]
    calibration = rows(report, "Calibration on test items")
    assert list(calibration)[0] == "as trained" and len(calibration) == 2
    features = rows(report, "Accuracy without a trained head")
    assert list(features) == ["this encoder", RANDOM]
    assert "Truth by row, answer by column" in captions(report)
    assert about["tuning"] in report.sections[-1].parts
    text = (signals / "report" / "report.json").read_text()
    monkeypatch.setattr(torch.optim.AdamW, "step", fail)  # the baseline is kept, too
    judged(signals)
    assert (signals / "report" / "report.json").read_text() == text


def test_features_are_of_items_from_all_over_the_set(
    signals: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a set that lies class by class, the first would be of one."""
    opened, where = tune_in, "radiofm_models.evaluation.tuned"
    seen: list[set[int]] = []

    def class_by_class(wanted: Wanted, folder: Path) -> Any:
        tuned, about = opened(wanted, folder)
        material = tuned.task.material
        for rows in (material.split.train, material.split.test):
            rows[:] = rows[np.argsort(rows % 2, kind="stable")]
        return tuned, about

    def neighbours(
        train: Any, train_classes: Indices, test: Any, test_classes: Indices, k: int
    ) -> float:
        seen.extend({int(one) for one in classes} for classes in (train_classes, test_classes))
        return 0.0

    monkeypatch.setattr(f"{where}.AT_MOST", 6)
    monkeypatch.setattr(f"{where}.tune_in", class_by_class)
    monkeypatch.setattr(f"{where}.knn_accuracy", neighbours)
    judged(signals)
    assert seen == [{0, 1}] * 4


def test_a_segmentation(made: Path) -> None:
    data, encoder = str(made / "slices"), str(made / "pretrain")
    run(Wanted("occupancy", data, encoder, epochs=1, settings=SETTINGS), made / "occupancy")
    report = judged(made / "occupancy")
    assert [s.title for s in report.sections] == ["Test items", "Training"]
    table = rows(report, "Test items")
    assert {"model", RANDOM} < table.keys() and len(table) > 2
    assert "Test slices" in captions(report)
    (pictures,) = [part for part in report.figures() if part.caption == "Test slices"]
    assert isinstance(pictures, Figure) and pictures.png


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a regression: where the tone is."""
    folder = tmp_path_factory.mktemp("numbers")
    lines = ["file,tone"]
    for at in range(12):
        recording(folder / f"air/r{at}", 1, tone=0.05 * at + 0.1, seed=at)
        lines.append(f"r{at},{0.05 * at + 0.1:g}")
    (folder / "air/labels.csv").write_text("\n".join(lines))
    wanted = Wanted(
        "regression", str(folder / "air"), "random", "nano", 32, epochs=1, settings=SETTINGS
    )
    run(wanted, folder / "run")
    return folder / "run"


def test_a_regression(numbers: Path) -> None:
    report = judged(numbers)
    assert list(rows(report, "Test items")) == ["model", RANDOM, "mean of training"]
    assert "Distance between label and answer" in captions(report)


def test_a_pretrained_encoder(made: Path) -> None:
    report = judged(made / "pretrain")
    (section,) = report.sections
    table = rows(report, "With 75% removed")
    assert list(table) == ["slices", "mean of the frequency row", "mean of the slice"]
    assert "other seeds" in report.run.not_checked
    assert len(report.figures()) == 3 and section.title == "Test slices"


def test_the_command_line(signals: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(command)
    done = CliRunner().invoke(app, [str(signals), "--out", str(tmp_path / "r"), "--json"])
    closing = json.loads(done.stdout)
    assert closing["command"] == "evaluate" and closing["report"] == str(tmp_path / "r")
    assert closing["tables"][0]["title"] == "Test items"
    done = CliRunner().invoke(app, [str(signals), "--out", str(tmp_path / "r")])
    assert "commonest class" in done.stdout and "report.html" in done.stdout


def test_what_is_no_finished_run(made: Path, signals: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    for path in signals.glob("step-*"):
        (unfinished / path.name).symlink_to(path)
    for folder, says in (
        (tmp_path / "empty", "is no run of"),
        (tmp_path / "gone", "is no run of"),
        (unfinished, "unfinished has no run.json: let `radiofm finetune` finish it"),
    ):
        with pytest.raises(RadiofmError, match=says) as raised:
            evaluate(folder, tmp_path / "report", "", "")
        assert raised.value.exit_code == 2
    wanted = Wanted("signals", str(made / "slices"), str(signals), epochs=1, settings=SETTINGS)
    with pytest.raises(RadiofmError, match="is a fine-tuned head's: name what it began with"):
        run(wanted, tmp_path / "run")


DAMAGE: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda about: list(about), "run.json: no JSON object"),
    (lambda about: {k: v for k, v in about.items() if k != "recipe"}, "run.json has no recipe: "),
    (lambda about: {k: v for k, v in about.items() if k != "split"}, "run.json has no split: "),
    (lambda about: about | {"size": "large"}, "run.json: size 'large': .*: train it anew"),
    (lambda about: about | {"recipe": 3}, "run.json: settings 3: .*: train it anew"),
    (lambda about: about | {"epochs": None}, "run.json: epochs None: .*: train it anew"),
]


@pytest.mark.parametrize(("damage", "says"), DAMAGE)
def test_an_old_or_damaged_run_is_one_sentence(
    damage: Callable[[dict[str, Any]], Any], says: str, signals: Path, tmp_path: Path
) -> None:
    about = json.loads((signals / RUN).read_text())
    (tmp_path / RUN).write_text(json.dumps(damage(about)))
    with pytest.raises(RadiofmError, match=says) as raised:
        read_run(tmp_path)
    assert "\n" not in str(raised.value)
    for use in (lambda: evaluate(tmp_path, tmp_path, "", ""),
                lambda: export([tmp_path], tmp_path / "bundle", "x")):  # fmt: skip
        with pytest.raises(RadiofmError, match=says):
            use()
    (tmp_path / RUN).write_text(json.dumps(about)[:-9])
    with pytest.raises(RadiofmError, match="run.json: .*: train it anew"):
        read_run(tmp_path)
