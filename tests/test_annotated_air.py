"""From simulated air to a head: a scene's recordings, their truth as labels, `radiofm finetune`."""

from __future__ import annotations

import json
from pathlib import Path

import typer
from typer.testing import CliRunner

from radiofm.cli import commands
from radiofm.recording import Recording
from radiofm_models.datasets.annotated import Annotated


def test_a_scenes_truth_is_learnt_from(tmp_path: Path) -> None:
    app = typer.Typer()
    commands.register(app)
    for seed in range(4):
        arguments = ["crowded", "--out", str(tmp_path / f"air/{seed}"), "--seconds", "0.1s"]
        arguments += ["--rate", "1M", "--seed", str(seed), "--json"]
        done = CliRunner().invoke(app, ["simulate", "record", *arguments], catch_exceptions=False)
        assert done.exit_code == 0 and json.loads(done.stdout)["boxes"] > 0
    told = {
        note.core_label
        for path in (tmp_path / "air").glob("*.sigmf-meta")
        for note in Recording.open(path).annotations
    }
    data = Annotated(tmp_path / "air", "presence")
    assert set(data.labels) <= told and len(data) == 24 and data.snr_db is not None
    arguments = [
        str(tmp_path / "air"),
        "--task",
        "presence",
        "--encoder",
        "random",
        "--preset",
        "nano",
    ]
    arguments += ["--mode", "strict", "--epochs", "1", "--batch", "8", "--json"]
    done = CliRunner().invoke(
        app, ["finetune", *arguments, "--out", str(tmp_path / "run")], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "run/run.json").read_text())
    assert report["labels"] == list(data.labels)
    assert report["split"] == {"train": 12, "validation": 6, "test": 6}
    assert set(report["test"]) == {"model", "training frequencies", "all present"}
    assert json.loads(done.stdout)["test"]["model"] == report["test"]["model"]["score"]
