"""`radiofm pretrain` and `finetune`: a mistake is one sentence and an exit code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from radiofm.cli import commands
from radiofm.errors import RadiofmError
from tests.models.datasets.recordings import note, recording
from tests.models.tiny import slice_set

Run = Callable[..., None]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slice set, two recordings that are annotated, one that is not, and an empty folder."""
    made = tmp_path_factory.mktemp("made")
    slice_set(made / "slices")
    for name in "ab":
        recording(made / f"air/{name}", 2, [note("fm", 0, None, 0, 0.5)])
    recording(made / "bare/a", 2)
    (made / "empty").mkdir()
    return made


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.chdir(folder)
    app = typer.Typer()
    commands.register(app)

    def invoke(*arguments: str) -> None:
        done = CliRunner().invoke(
            app, [*arguments, "--out", str(tmp_path / "run")], catch_exceptions=False
        )
        assert done.exit_code == 0, done.output

    return invoke


FRESH = ["--encoder", "random"]
RANDOM = [*FRESH, "--preset", "nano"]
CONVLSTM = [*FRESH, "--preset", "convlstm"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["slices", "--task", "dreams", *RANDOM], 2, "task 'dreams' is unknown: take one of activ"),
        (["gone", "--task", "signals", *RANDOM], 2, "gone is no corpus .* holds no recordings"),
        (["empty", "--task", "presence", *RANDOM], 2, "holds no recordings: name one"),
        (["ntu-fi-har:gone", "--task", "activity", *RANDOM], 1, "gone"),
        (["slices", "--task", "signals", "--encoder", "gone"], 2, "encoder gone is no folder of a"),
        (["slices", "--task", "signals", "--encoder", "slices"], 2, "encoder slices is no folder"),
        (["slices", "--task", "signals", "--encoder", "random", "--preset", "x"], 2, "preset 'x'"),
        (["slices", "--task", "presence", *RANDOM], 2, "does not say which of several labels"),
        (["slices", "--task", "regression", *RANDOM], 2, "slices has no numbers to predict"),
        (["slices", "--task", "signals", *RANDOM, "--lr", "-1"], 2, "lr -1.0: .*greater than 0"),
        (["slices", "--task", "signals", *RANDOM, "--per-class", "99"], 2, "noise has 24 items"),
        (["slices", "--task", "signals", *RANDOM, "--mode", "last", "--last", "9"], 2, "last 9"),
        (["bare", "--task", "segmentation", *RANDOM], 1, "is annotated: annotate them"),
        (["bare", "--task", "regression", *RANDOM], 2, "bare has no numbers: give it a labels"),
        (["air", "--task", "segmentation", *RANDOM], 2, "of 2 groups leaves validation empty"),
        (["slices", "--task", "signals", *RANDOM, "--shots", "2"], 2, "--shots: the task signals"),
        (["slices", "--task", "forecast", *RANDOM], 2, "slices: of none of its items is known"),
        (["slices", "--task", "forecast", "--encoder", "gone"], 2, "encoder gone is no folder of"),
        (["slices", "--task", "forecast", *CONVLSTM], 2, "slices is no corpus: name one that"),
        (["slices", "--task", "forecast", *CONVLSTM, "--mode", "last"], 2, "mode 'last': .*'stric"),
        (["slices", "--task", "forecast", *CONVLSTM, "--lora-rank", "2"], 2, "--lora-rank: the ta"),
        (["slices", "--task", "signals", *CONVLSTM], 2, "preset 'convlstm': take one of nano"),
        (["slices", "--task", "beams", *FRESH], 2, "slices is no set of `radiofm simulate beams`"),
        (["slices", "--task", "beams", *FRESH, "--mode", "scratch"], 2, "mode .scratch.: inp"),
        (["slices", "--task", "aoa", *FRESH, "--batch", "64"], 2, "--batch: the task aoa has no"),
        (["slices", "--task", "aoa", *FRESH, "--shots", "2,x"], 2, "shots.1 'x': .*integer"),
        (["slices", "--task", "aoa", *FRESH, "--shots", "0"], 2, "shots.0 '0': .*equal to 1"),
        (["deepbeam:.", "--task", "beams", *FRESH], 2, "needs files of two transmitting antennas"),
    ],
)
def test_a_mistake_in_finetune_is_one_sentence(
    arguments: list[str], code: int, says: str, run: Run
) -> None:
    with pytest.raises(RadiofmError, match=says) as raised:
        run("finetune", *arguments)
    assert raised.value.exit_code == code and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["gone"], 2, "gone is no corpus"),
        (["air"], 2, r"air is no corpus \(radiofm corpus build\)"),
        (["slices", "slices"], 2, "slices is named twice"),
        (["slices", "--preset", "vast"], 2, "--preset vast is unknown: take one of nano"),
        (["slices", "--batch", "1000"], 2, "batch 1000: slices has 48 slices: lower it"),
        (["slices", "--clip", "0"], 2, "clip 0.0: .*greater than 0"),
        (["slices", "--ema", "2"], 2, "ema 2.0: .*less than 1"),
    ],
)
def test_a_mistake_in_pretrain_is_one_sentence(
    arguments: list[str], code: int, says: str, run: Run
) -> None:
    with pytest.raises(RadiofmError, match=says) as raised:
        run("pretrain", *arguments)
    assert raised.value.exit_code == code and "\n" not in str(raised.value)


def test_masks_asked_of_a_set_without(run: Run, folder: Path) -> None:
    (folder / "listed").mkdir(exist_ok=True)
    recording(folder / "listed/a", 2)
    (folder / "listed/labels.csv").write_text("file,label\na,fm\n")
    with pytest.raises(RadiofmError, match="none of its 1 SigMF recordings is annotated"):
        run("finetune", "listed", "--task", "segmentation", *RANDOM)
    with pytest.raises(RadiofmError, match="a label there is of a whole recording, no mask"):
        run("finetune", "labelled:listed", "--task", "segmentation", *RANDOM)


def test_finetune_is_no_work_for_torchrun(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RadiofmError, match="run it without torchrun"):
        run("finetune", "slices", "--task", "signals", *RANDOM)
