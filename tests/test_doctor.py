"""`radiofm doctor` and the completion of values, as a person meets them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BIN = Path(sys.executable).parent


def doctor(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "radiofm", "doctor", "--path", str(folder), *arguments],
        capture_output=True, text=True, timeout=100, env={**os.environ, **environment},
    )  # fmt: skip


def findings(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    report = json.loads(done.stdout.strip().splitlines()[-1])
    assert report["command"] == "doctor"
    return {finding["name"]: finding for finding in report["findings"]}


def test_each_finding_has_a_state_and_each_bad_one_a_remedy(tmp_path: Path) -> None:
    done = doctor(tmp_path, "--json")
    found = findings(done)
    assert {
        "python", "packages", "extra pluto", "pluto driver", "usrp driver", "runtime folder",
        "endpoints", "pluto", "udev rule (pluto)", "disk", "processor", "spectrogram", "inference",
        "clock", "limits",
    } <= set(found)  # fmt: skip
    for finding in found.values():
        assert finding["state"] in ("ok", "warn", "fail") and finding["seen"]
        assert finding["remedy"] or finding["state"] == "ok", finding
    assert found["packages"]["state"] == found["runtime folder"]["state"] == "ok"
    failed = [name for name, finding in found.items() if finding["state"] == "fail"]
    assert done.returncode == bool(failed), done.stderr
    assert all(name in done.stderr for name in failed)


def test_a_failure_is_shown_with_its_remedy_and_exit_code_1(tmp_path: Path) -> None:
    done = doctor(tmp_path / "gone")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    (at,) = [i for i, line in enumerate(lines) if line.startswith("fail disk")]
    assert "gone" in lines[at] and "--path" in lines[at + 1]
    assert done.stderr.splitlines()[-1].startswith("radiofm: not in order: ")
    assert "disk" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def complete(line: str) -> list[str]:
    words = line.split(" ")
    done = subprocess.run(
        [BIN / "radiofm"],
        capture_output=True, text=True, timeout=60,
        env={
            **os.environ, "_RADIOFM_COMPLETE": "complete_bash", "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        },
    )  # fmt: skip
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("radiofm capture --profile lte-", ["lte-band20", "lte-band3", "lte-band7"]),
        ("radiofm profiles show ad", ["adsb"]),
        ("radiofm live --device s", ["sim"]),
        ("radiofm capture --scene car", ["carousel"]),
        ("radiofm demo --scene qu", ["quiet"]),
        ("radiofm infer --bundle na", ["nano"]),
        ("radiofm infer --heads signals,a", ["signals,anomaly"]),
        ("radiofm heads swap seg", ["segmentation"]),
        ("radiofm status sp", ["spectrogram"]),
    ],
)
def test_the_shell_completes_values(line: str, offered: list[str]) -> None:
    assert complete(line) == offered


def test_heads_are_those_of_the_bundle_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "bundle.json").write_text(json.dumps({"heads": [{"name": "drones"}]}))
    assert complete("radiofm infer --bundle mine --heads d") == ["drones"]
    (tmp_path / "mine" / "bundle.json").write_text("[broken")
    assert complete("radiofm infer --bundle mine --heads d") == []
