"""A user's mistake is one sentence and an exit code; nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

RADIOFM = [sys.executable, "-m", "radiofm"]


@pytest.fixture(autouse=True)
def private_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RADIOFM_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.chdir(tmp_path)


def radiofm(*arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RADIOFM, *arguments], capture_output=True, text=True, timeout=timeout, check=False
    )


def last_json(text: str) -> dict[str, object]:
    value: dict[str, object] = json.loads(text.strip().splitlines()[-1])
    return value


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["capture", "--device", "pluto"], 2, "--fc"),
        (["capture", "--device", "sim", "--fc", "2.44 parsec"], 2, "fc '2.44 parsec'"),
        (["capture", "--device", "sim", "--rate", "-4M"], 2, "rate"),
        (["capture", "--device", "usrp"], 2, "pluto, uhd, replay, sim"),
        (["capture", "--device", "replay"], 2, "--path"),
        (["capture", "--device", "replay", "--path", "gone.sigmf-meta"], 1, "gone"),
        (["capture", "--device", "sim", "--scene", "atlantis"], 2, "atlantis"),
        (["capture", "--device", "sim", "--publish", "tcp://0.0.0.0:5000"], 2, "keys"),
        (["capture", "--device", "sim", "--profile", "nowhere"], 2, "ism24"),
        (["capture", "--device", "sim", "--duration", "long"], 2, "duration"),
        (["capture", "--plan", "atlantis"], 2, "ism24, lte, nr, rrd"),
        (["capture", "--device", "sim", "--sweep", "1G:2G"], 2, "--rate"),
        (["capture", "--device", "sim", "--bursts", "3"], 2, "--mode burst"),
        (["devices", "probe", "--max", "fast"], 2, "max 'fast'"),
        (["profiles", "show", "nowhere"], 2, "nowhere"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], code: int, says: str) -> None:
    done = radiofm(*arguments)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_a_truncated_recording_is_named(tmp_path: Path) -> None:
    (tmp_path / "cut.cs16").write_bytes(b"\0" * 10)
    done = radiofm("capture", "--device", "replay", "--path", "cut.cs16", "--rate", "1M")
    assert done.returncode == 1
    assert "cut.cs16" in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_a_busy_endpoint_is_named() -> None:
    first = subprocess.Popen(
        [*RADIOFM, "capture", "--device", "sim", "--scene", "quiet", "--duration", "20s"],
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 20
        while not Path("run/capture-iq").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        done = radiofm("capture", "--device", "sim", "--scene", "quiet", "--duration", "1s")
    finally:
        first.terminate()
        assert first.wait(10) == 0
    assert done.returncode == 2
    assert "busy" in done.stderr


def test_recording_replayed_is_the_same_recording(tmp_path: Path) -> None:
    made = radiofm(
        "capture", "--device", "sim", "--scene", "carousel", "--speed", "max", "--rate", "2M",
        "--duration", "1s", "--record", "a.sigmf-meta", "--publish", "none", "--json",
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    again = radiofm(
        "capture", "--device", "replay", "--path", "a.sigmf-meta", "--speed", "max",
        "--record", "b.sigmf-meta", "--json",
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    first, second = last_json(made.stdout), last_json(again.stdout)
    assert first["samples_recorded"] == second["samples_recorded"] == 2_000_000
    a, b = (np.fromfile(tmp_path / f"{name}.sigmf-data", "<i2") for name in "ab")
    assert np.array_equal(a, b)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_finishes_the_files(tmp_path: Path, number: int) -> None:
    process = subprocess.Popen(
        [*RADIOFM, "capture", "--device", "sim", "--scene", "quiet", "--record", "out", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob("out/*.sigmf-data")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(number)
    out, error = process.communicate(timeout=10)
    assert process.returncode == 0, error
    report = last_json(out)
    (meta,) = tmp_path.glob("out/*.sigmf-meta")
    data = meta.with_suffix(".sigmf-data")
    assert report["samples_recorded"] == os.path.getsize(data) // 4 > 0
    validate = Path(sys.executable).with_name("sigmf_validate")
    subprocess.run([validate, meta], check=True, capture_output=True)
