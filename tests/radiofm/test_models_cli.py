"""`radiofm models`: what its commands say, in words and in JSON."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from radiofm.cli.models import app
from radiofm.errors import RadiofmError, UsageError
from tests.models.interchange.hub_server import serving
from tests.models.interchange.reference import MAE, weights

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in an empty folder and returns its line of JSON."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HF_TOKEN", raising=False)

    def invoke(*arguments: str) -> Any:
        done = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return invoke


def test_from_a_pth_to_a_checkpoint_to_a_hub_and_back(run: Run, tmp_path: Path) -> None:
    model = MAE([1, 3, 4])
    torch.save({"model": weights(model), "epoch": 799}, "theirs.pth")
    stored = sum(value.numel() for value in weights(model).values())
    assert run("convert", "theirs.pth", "--out", "theirs.safetensors") == {
        "command": "models convert", "file": "theirs.safetensors", "parameters": stored,
    }  # fmt: skip
    made = run(
        "import", "theirs.safetensors", "--from", "mae", "--out", "ours",
        "--heads", "2", "--decoder-heads", "4",
    )  # fmt: skip
    tables = model.pos_embed.numel() + model.decoder_pos_embed.numel()
    assert made["parameters"] == stored - tables
    assert made["left_out"] == ["decoder_pos_embed", "pos_embed"] and made["decoder"]
    assert made["vit"]["channels"] == {"spectrogram": 1, "wifi-csi": 3, "5g-csi": 4}
    assert made["vit"]["norm_eps"] == 1e-5
    with serving() as hub:
        sent = run("push", "ours", "me/mae", "--endpoint", hub.url)
        got = run("pull", "me/mae", "--out", "back", "--endpoint", hub.url)
    files = ["model.safetensors", "config.json"]
    assert sent == {
        "command": "models push", "repo": "me/mae", "kind": "checkpoint",
        "commit": sent["commit"], "files": files,
    }  # fmt: skip
    assert got == {**sent, "command": "models pull", "folder": "back"}
    for name in files:
        assert (tmp_path / "back" / name).read_bytes() == (tmp_path / "ours" / name).read_bytes()


def test_in_words(run: Run, tmp_path: Path) -> None:
    torch.save(weights(MAE(1)), tmp_path / "a.pth")
    runner = CliRunner()
    done = runner.invoke(app, ["convert", "a.pth", "--out", "a.safetensors"])
    assert done.exit_code == 0 and "parameters" in done.stdout
    arguments = ["--from", "mae", "--out", "a", "--heads", "2", "--decoder-heads", "4"]
    done = runner.invoke(app, ["import", "a.safetensors", *arguments])
    assert done.exit_code == 0 and "a: encoder and decoder of" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says", "code"),
    [
        (["import", "gone.safetensors", "--from", "mae", "--out", "x"], "gone.safetensors", 1),
        (["import", "gone", "--from", "mae", "--out", "x", "--spec", "none"], "spec 'none'", 2),
        (["convert", "gone.pth", "--out", "x"], "gone.pth is no checkpoint of torch", 1),
        (["push", "gone", "me/run"], "gone holds neither", 2),
    ],
)
def test_a_mistake_is_one_sentence(run: Run, arguments: list[str], says: str, code: int) -> None:
    with pytest.raises(RadiofmError, match=says) as raised:
        run(*arguments)
    assert raised.value.exit_code == code and "\n" not in str(raised.value)


def test_heads_that_do_not_divide_are_named(run: Run) -> None:
    torch.save(weights(MAE(1)), "a.pth")
    run("convert", "a.pth", "--out", "a.safetensors")
    arguments = ["--from", "mae", "--out", "a", "--heads", "3", "--decoder-heads", "4"]
    with pytest.raises(UsageError, match="heads: 3 and 4 of the decoder do not divide"):
        run("import", "a.safetensors", *arguments)
