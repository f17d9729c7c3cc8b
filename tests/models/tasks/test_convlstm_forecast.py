"""`radiofm finetune --task forecast` on a ConvLSTM, and its report, on recordings of 512 kHz."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from safetensors.torch import load_file
from typer.testing import CliRunner

from radiofm.cli import commands
from radiofm.errors import RadiofmError, UsageError
from radiofm_models.checkpoint import MODEL
from radiofm_models.convlstm_pretrain import run_convlstm
from radiofm_models.evaluation.run import evaluate
from radiofm_models.forecasting import blocks_within, figures, future_of
from radiofm_models.material import Material
from radiofm_models.tasks.own import run_own
from tests.models.test_convlstm_training import RECIPE, TINY
from tests.models.test_sentences import SMALL, corpus

__all__ = ["corpus"]

SETTINGS = {"epochs": 1, "batch": 2, "model": TINY.model_dump(), "sentence": SMALL.model_dump()}
TASK = "convlstm-forecast"
HEAD = 4 * 27 + 1  # Conv3d of 4 kernels


@pytest.fixture(scope="module")
def pretrained(corpus: Material, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pretrained")
    run_convlstm(corpus.source, folder, RECIPE)
    return folder


def weights(folder: Path) -> dict[str, torch.Tensor]:
    (step,) = folder.glob("step-*")
    return load_file(step / MODEL)


@pytest.mark.parametrize(
    ("mode", "encoder"),
    [("strict", "run"), ("strict", "random"), ("full", "run"), ("scratch", "run")],
)
def test_each_mode(
    mode: str, encoder: str, corpus: Material, pretrained: Path, tmp_path: Path
) -> None:
    source = str(pretrained) if encoder == "run" else encoder
    report = run_own(TASK, corpus.source, source, SETTINGS | {"mode": mode}, tmp_path, False)
    kept = mode == "strict"
    assert report["parameters"]["head"] == HEAD
    assert (report["parameters"]["encoder"] == 0) == kept
    assert {name.split(".")[0] for name in weights(tmp_path)} == (
        {"head"} if kept else {"encoder", "head"}
    )
    assert report["recipe"]["model"] == TINY.model_dump()
    assert set(report["test"]) == {"model", "persistence", "row mean", "training mean"}
    (block, *_) = blocks = report["test"]["model"]["blocks"]
    assert [(one["ms"], one["mhz"]) for one in blocks] == [(0.5, 0.256), (1, 0.256), (2, 0.256)]
    assert len(block["recall"]) == 5 and len(report["test"]["model"]["ahead"]) == 4
    assert json.loads((tmp_path / "run.json").read_text("utf-8")) == report
    again = run_own(TASK, corpus.source, source, SETTINGS | {"mode": mode}, tmp_path, False)
    assert again == report  # nothing is left to train


def test_modes_begin_with_the_encoder_that_they_name(
    corpus: Material, pretrained: Path, tmp_path: Path
) -> None:
    """At a rate of next to nothing, the weights stay where they began."""
    begun = {
        name.removeprefix("encoder."): value
        for name, value in weights(pretrained).items()
        if name.startswith("encoder.")
    }
    for mode, same in (("full", True), ("scratch", False)):
        settings = SETTINGS | {"mode": mode, "lr": 1e-12}
        run_own(TASK, corpus.source, str(pretrained), settings, tmp_path / mode, False)
        ended = weights(tmp_path / mode)
        close = [torch.allclose(ended[f"encoder.{n}"], v, atol=1e-6) for n, v in begun.items()]
        assert all(close) == same


def test_another_encoder_is_another_run(corpus: Material, pretrained: Path, tmp_path: Path) -> None:
    run_own(TASK, corpus.source, "random", SETTINGS, tmp_path, False)
    with pytest.raises(RadiofmError, match="holds another recipe's run"):
        run_own(TASK, corpus.source, str(pretrained), SETTINGS, tmp_path, False)


def test_the_report(corpus: Material, tmp_path: Path) -> None:
    run = run_own(TASK, corpus.source, "random", SETTINGS, tmp_path / "run", False)
    report = evaluate(tmp_path / "run", tmp_path / "report", "radiofm evaluate run", "here")
    errors, *blocks = report.tables()
    assert [row[0] for row in errors.rows] == [
        "model", "random-init, frozen", "persistence", "row mean", "training mean"
    ]  # fmt: skip
    assert list(errors.rows[0][1:]) == run["test"]["model"]["ahead"]
    assert errors.rows[1][1:] == errors.rows[0][1:]  # this run's encoder has learnt nothing either
    assert [table.title for table in blocks][0] == "Occupied blocks of 0.5 ms and 0.256 MHz"
    assert blocks[0].rows[2][5] == run["test"]["persistence"]["blocks"][0]["recall"][-1]
    assert len(report.figures()) == 1 and (tmp_path / "report" / "report.html").is_file()


def test_the_command_line(corpus: Material, pretrained: Path, tmp_path: Path) -> None:
    """Options that are given take the place of the task's own, no other command's defaults do."""
    app = typer.Typer()
    commands.register(app)

    def invoke(*arguments: str) -> dict[str, Any]:
        done = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    run = tmp_path / "run"
    arguments = ["--task", "forecast", "--encoder", str(pretrained), "--epochs", "8"]
    closing = invoke("finetune", corpus.source, *arguments, "--out", str(run))
    assert closing["task"] == TASK and set(closing["test"]) == {
        "model", "persistence", "row mean", "training mean"
    }  # fmt: skip
    recipe = json.loads((run / "run.json").read_text("utf-8"))["recipe"]
    assert (recipe["epochs"], recipe["batch"], recipe["mode"]) == (8, 32, "strict")
    shown = invoke("evaluate", str(run))
    assert len(shown["tables"]) == 4
    with pytest.raises(
        UsageError, match="run is a run of --task convlstm-forecast, which no bundle serves"
    ):
        invoke("export", str(run), "--out", str(tmp_path / "bundle"))


def test_blocks_of_a_narrow_band_and_a_short_forecast() -> None:
    assert blocks_within(10e6, 5e-3) == [(0.5, 1), (1, 1), (1, 5), (2, 5)]
    assert blocks_within(4e6, 5e-3) == [(0.5, 1), (1, 1), (1, 2), (2, 2)]
    assert blocks_within(10e6, 2e-3) == [(0.5, 1), (1, 1), (1, 5)]


def test_figures_by_hand() -> None:
    """Occupied is the lower half, always; to call nothing occupied has no precision."""
    tokens = np.zeros((1, 4, 1, 4, 2), np.float32)
    tokens[:, :, :, :2] = 1
    test = future_of(tokens, 2, 4e-3, np.array([4e6]))
    assert test.context.shape == test.future.shape == (1, 4, 4) and test.token_s == 1e-3
    answers = {"right": test.future, "nothing": np.zeros_like(test.future)}
    found: dict[str, Any] = figures(test, answers, [(1.0, 1.0)])
    assert found["right"]["f1"] == 1 and found["right"]["ahead"] == [0, 0]
    (block,) = found["nothing"]["blocks"]
    assert block["recall"] == [0, 0, 0] and block["precision"] == [None, None, None]
    assert found["nothing"]["f1"] == 0 and found["nothing"]["ahead"] == [0.5, 0.5]
    assert found["nothing"]["score"] == -found["nothing"]["mse"] == -0.5


@pytest.mark.parametrize("encoder", ["gone", "."])
def test_an_encoder_that_is_none(
    encoder: str, corpus: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"is no ConvLSTM: name a run of `radiofm pretrain"):
        run_own(TASK, corpus.source, encoder, SETTINGS, tmp_path / "run", False)


def test_data_that_are_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no corpus: name one that `radiofm corpus build"):
        run_own(TASK, str(tmp_path), "random", SETTINGS, tmp_path / "run", False)
