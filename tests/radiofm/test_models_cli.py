"""`radiofm models`: what its commands say, in words and in JSON."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from radiofm.cli import complete
from radiofm.cli.bundles import bundle_path
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


def test_a_bundle_that_is_pulled_is_found_by_its_name(run: Run, tmp_path: Path) -> None:
    (shipped,) = run("list")["bundles"]
    assert shipped["name"] == "nano" and shipped["shipped"] and shipped["bytes"] > 1e6
    assert shipped["heads"]["signals"]["task"] == "classification"
    got = run("pull", shipped["folder"], "--name", "mine")
    target = tmp_path / "data" / "radiofm" / "bundles" / "mine"
    assert got["folder"] == str(target) and got["kind"] == "bundle"
    assert bundle_path("mine") == target and complete.bundles("") == ["mine", "nano"]
    assert [(b["name"], b["shipped"]) for b in run("list")["bundles"]] == [
        ("nano", True), ("mine", False),
    ]  # fmt: skip
    checked = run("verify", "mine")
    assert checked["files"] == len(got["files"]) and checked["folder"] == str(target)
    (target / "trunk.onnx").write_bytes(b"other")
    with pytest.raises(RadiofmError, match=r"trunk\.onnx is not the file"):
        run("verify", "mine")
    (target / "bundle.json").write_text("{}")
    assert "bundle.json" in run("list")["bundles"][1]["error"]
    done = CliRunner().invoke(app, ["list"])
    assert done.exit_code == 0 and "nano" in done.stdout and "mine" in done.stdout


def test_a_bundle_of_a_hub_gets_its_name_here(run: Run, tmp_path: Path) -> None:
    nano = run("list")["bundles"][0]["folder"]
    torch.save(weights(MAE(1)), "a.pth")
    run("convert", "a.pth", "--out", "a.safetensors")
    run("import", "a.safetensors", "--from", "mae", "--out", "a", "--heads", "2",
        "--decoder-heads", "4")  # fmt: skip
    with serving() as hub:
        run("push", nano, "me/bundle", "--endpoint", hub.url)
        run("push", "a", "me/checkpoint", "--endpoint", hub.url)
        got = run("pull", "me/bundle", "--name", "theirs", "--endpoint", hub.url)
        assert got["folder"] == str(bundle_path("theirs")) and got["kind"] == "bundle"
        with pytest.raises(UsageError, match=r"is a checkpoint: name a folder for it \(--out\)"):
            run("pull", "me/checkpoint", "--endpoint", hub.url)
        with pytest.raises(UsageError, match="nano comes with radiofm: give another name"):
            run("pull", "me/bundle", "--endpoint", hub.url)


def test_verify_in_words(run: Run) -> None:
    done = CliRunner().invoke(app, ["verify", "nano"], catch_exceptions=False)
    assert done.exit_code == 0 and "files, each as its hash says" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says", "code"),
    [
        (["pull", "http://localhost/x.zip"], "--sha256 is missing", 2),
        (["pull", "x", "--name", "../x"], "--name '../x': write letters", 2),
        (["pull", "x", "--name", "x", "--out", "y"], "--name x: with --out", 2),
        (["pull", ".", "--sha256", "0"], r"--sha256: \. is a folder: leave the option out", 2),
        (["pull", "me/x", "--sha256", "0"], "--sha256: me/x is taken for one of a hub", 2),
        (["pull", "http://x/y.zip", "--revision", "a"], "--revision: http://x/y.zip is a URL", 2),
        (["verify", "gone"], "bundle 'gone' is no folder, and there are nano", 1),
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
