"""`--tensorboard`: what is logged, and one sentence where TensorBoard is not installed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from radiofm.cli import commands
from radiofm.errors import MissingDependencyError
from tests.models.tiny import slice_set


def pretrain(folder: Path) -> Path:
    """A run of four steps, two of them evaluated."""
    app = typer.Typer()
    commands.register(app)
    arguments = ["pretrain", str(slice_set(folder / "slices")), "--out", str(folder / "run")]
    arguments += ["--preset", "nano", "--steps", "4", "--batch", "4", "--evaluate-every", "2"]
    done = CliRunner().invoke(app, [*arguments, "--tensorboard"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return folder / "run"


def test_without_it_there_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'radiofm\[tensorboard\]'"):
        pretrain(tmp_path)


@pytest.mark.bench
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorBoard's of itself
def test_it_holds_what_the_log_holds(tmp_path: Path) -> None:
    accumulation = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="pip install 'radiofm[bench]'",
    )
    run = pretrain(tmp_path)
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text("utf-8").splitlines()]
    board = accumulation.EventAccumulator(str(run / "tensorboard"))
    board.Reload()
    losses = [(one.step, one.value) for one in board.Scalars("loss")]
    assert [step for step, _ in losses] == [1, 2, 3, 4]
    assert [loss for _, loss in losses] == pytest.approx([line["loss"] for line in lines])
    errors = [one.value for one in board.Scalars("masked_mse")]
    expected = [line["evaluation"]["masked_mse"] for line in lines if "evaluation" in line]
    assert errors == pytest.approx(expected) and len(errors) == 2
