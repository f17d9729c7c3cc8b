"""`radiofm corpus` as a user runs it: build, info, split, audit, export."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from typer.testing import CliRunner, Result

from radiofm.cli.corpus import app
from radiofm.cli.specs import spec_named
from radiofm.corpus.build import build
from radiofm.corpus.plot import plot
from radiofm.errors import MissingDependencyError, RadiofmError, UsageError
from radiofm.spectrogram import PRESETS, SpectrogramSpec

Noise = Callable[..., npt.NDArray[np.int16]]
Record = Callable[..., Path]


def corpus(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "120"})


def last_json(done: Result) -> dict[str, Any]:
    assert done.exit_code == 0, done.output
    (line,) = done.stdout.splitlines()
    value: dict[str, Any] = json.loads(line)
    return value


def test_from_a_folder_to_shards(tmp_path: Path, record: Record, noise: Noise) -> None:
    folder = tmp_path / "corpus"
    for number in range(4):
        record(folder / f"r{number}", noise(number, 2), time_ns=10**18 + number)
    (folder / "raw.cs16").write_bytes(b"\0\0\0\0")
    built = last_json(corpus("build", folder, "--spec", '{"height": 64, "width": 64}', "--json"))
    assert (built["recordings"], built["slices"], built["read"]) == (4, 8, 4)
    assert list(built["unread"]) == ["raw.cs16"]
    told = corpus("build", folder)
    assert told.exit_code == 0 and told.stdout == ""
    assert "not read: " in told.stderr and "4 unchanged" in told.stderr
    shares = last_json(corpus("split", folder, "--fractions", "0.5,0.25,0.25", "--json"))
    assert sum(part["recordings"] for part in shares["splits"].values()) == 4
    assert "validation" in corpus("split", folder, "--fractions", "0.5,0.25,0.25").stdout
    told = corpus("info", folder, "--plot", tmp_path / "corpus.png")
    assert told.exit_code == 0, told.stderr
    assert "2439.5-2440.5 MHz" in told.stdout and "by device" in told.stdout
    assert (tmp_path / "corpus.png").read_bytes().startswith(b"\x89PNG")
    info = last_json(corpus("info", folder, "--json"))
    assert (info["slices"], info["by"]["device"]["radio"]["recordings"]) == (8, 4)
    # One session in several splits: a leak, and a file that was not read.
    told = corpus("audit", folder)
    assert told.exit_code == 0 and "Not checked:" in told.stdout and "leak" in told.stdout
    audit = last_json(corpus("audit", folder, "--json"))
    assert {"leak", "unread"} <= {finding["kind"] for finding in audit["findings"]}
    assert audit["not_checked"]
    assert corpus("audit", folder, "--strict", "--json").exit_code == 1
    made = last_json(
        corpus("export", folder, "--to", tmp_path / "out", "--split", "train", "--json")
    )
    assert (tmp_path / "out" / made["shards"][0]["name"]).is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["info", "."], 1, "radiofm corpus build"),
        (["split", ".", "--fractions", "0.8,0.2"], 2, "0.8,0.1,0.1"),
        (["export", ".", "--to", "out", "--shard-size", "big"], 2, "shard-size 'big'"),
        (["build", ".", "--spec", "mel"], 2, "spec 'mel'"),
    ],
)
def test_a_mistake_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    error = corpus(*arguments).exception
    assert isinstance(error, RadiofmError) and error.exit_code == code
    assert says in str(error) and "\n" not in str(error)


def test_the_command_line_says_it_without_a_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "radiofm", "corpus", "build", "nowhere"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "nowhere is no folder" in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_specs_by_name_file_and_json(tmp_path: Path) -> None:
    assert spec_named("wavesfm") == PRESETS["wavesfm"]
    expected = SpectrogramSpec(hop=256, resize="bicubic")
    (tmp_path / "a.toml").write_text('hop = 256\nresize = "bicubic"\n')
    (tmp_path / "a.json").write_text(expected.model_dump_json())
    assert spec_named(str(tmp_path / "a.toml")) == expected
    assert spec_named(str(tmp_path / "a.json")) == expected
    assert spec_named('{"hop": 256, "resize": "bicubic"}') == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "Invalid JSON"),
        ('{"hop": 0}', "hop: Input should be greater"),
        ('{"hops": 1}', "hops: Extra inputs"),
        ("gone.toml", "No such file"),
        ("bad.toml", "is not TOML"),
    ],
)
def test_wrong_specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, says: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.toml").write_text("hop 1")
    with pytest.raises(UsageError, match=says):
        spec_named(text)


def test_pictures(
    tmp_path: Path, record: Record, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):  # more bands than there are bars
        record(tmp_path / f"r{number}", noise(number, 1), noise(99, 1), lost=9, center=number * 1e9)
    record(tmp_path / "short", noise(0, 0.1))
    build(tmp_path)
    plot(tmp_path, tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text()
    assert text.startswith("<?xml") and "3 others" in text
    with pytest.raises(UsageError, match=r"\.svg, \.png, \.pdf"):
        plot(tmp_path, tmp_path / "a.txt")
    with pytest.raises(UsageError, match="name a place"):
        plot(tmp_path, tmp_path / "nowhere" / "a.svg")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match="pip install matplotlib"):
        plot(tmp_path, tmp_path / "b.svg")
