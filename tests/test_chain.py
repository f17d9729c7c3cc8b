"""The whole chain as people run it: real processes, sockets and driver, the shipped bundle."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path
from typing import Any

import numpy as np
import pytest

RADIOFM = [sys.executable, "-m", "radiofm"]
needs_libiio = pytest.mark.skipif(not find_library("iio"), reason="libiio0 is not installed")


def radiofm(*arguments: str, timeout: float = 100) -> dict[str, Any]:
    done = subprocess.run(
        [*RADIOFM, *arguments], capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return report


@contextmanager
def virtual_pluto(*arguments: str) -> Iterator[str]:
    process = subprocess.Popen(
        [*RADIOFM, "virtual-pluto", "--json", "--port", "0", *arguments],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout
        yield json.loads(process.stdout.readline())["uri"]
    finally:
        process.terminate()
        assert process.wait(10) == 0
        assert process.stdout
        process.stdout.close()


def balanced(report: dict[str, Any]) -> None:
    """The identities that hold in every run."""
    received, lost = report["samples_received"], report["samples_lost"]
    assert received + lost == report["samples_span"]
    accounted = [report[f"slices_{what}"] for what in ("inferred", "untaken", "skipped")]
    assert sum(accounted) == report["slices"]


def test_demo_labels_the_scene() -> None:
    for _ in range(3):  # beside busy programs samples are lost, and what follows is not scored
        report = radiofm("demo", "--seconds", "6", "--json")
        balanced(report)
        if report["samples_lost"] == 0:
            break
    assert report["samples_span"] == 6 * 5_000_000
    assert report["coverage"] == report["slices_inferred"] / report["slices"] > 0
    signals = report["heads"]["signals"]
    assert signals["accuracy"] > signals["accuracy_trivial"] + 0.2
    assert signals["accuracy"] > signals["accuracy_chance"] + 0.2
    assert report["latency_ms"]["p50"] > 0


@needs_libiio
def test_capture_through_the_real_driver_records_what_it_reports(tmp_path: Path) -> None:
    with virtual_pluto() as uri:
        report = radiofm(
            "capture", "--device", "pluto", "--uri", uri, "--fc", "2.44e9", "--rate", "4e6",
            "--duration", "3s", "--record", str(tmp_path / "out"), "--json",
        )  # fmt: skip
    (path,) = report["recordings"]
    subprocess.run(
        [Path(sys.executable).with_name("sigmf_validate"), path], check=True, capture_output=True
    )
    first = np.fromfile(path.replace("-meta", "-data"), "<i2")
    assert len(first) // 2 == report["samples_recorded"] == report["samples_received"]
    assert report["samples_received"] + report["samples_lost"] == report["samples_span"]
    again = radiofm(
        "capture", "--device", "replay", "--path", path, "--speed", "max",
        "--record", str(tmp_path / "again.sigmf-meta"), "--json",
    )  # fmt: skip
    assert np.array_equal(first, np.fromfile(tmp_path / "again.sigmf-data", "<i2"))
    assert again["samples_received"] == report["samples_received"]


@needs_libiio
def test_a_stall_is_in_the_ledger_the_file_and_on_the_screen(tmp_path: Path) -> None:
    with virtual_pluto("--fault", "stall@1s:600ms") as uri:
        process = subprocess.Popen(
            [*RADIOFM, "live", "--device", "pluto", "--uri", uri, "--fc", "2.44e9",
             "--rate", "2.4e6", "--duration", "4s", "--record", str(tmp_path / "out")],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        screen, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors
    assert "~" in errors and " lost" in errors
    assert "~" in screen
    (path,) = (tmp_path / "out").glob("*.sigmf-meta")
    captures = json.loads(path.read_text())["captures"]
    losses = [loss for capture in captures for loss in capture["radiofm:lost"]]
    assert losses and not any(loss["exact"] for loss in losses)
    held = path.with_suffix(".sigmf-data").stat().st_size // 4
    assert captures[-1]["core:global_index"] > captures[-1]["core:sample_start"]
    assert held + sum(loss["samples"] for loss in losses) == 4 * 2_400_000


def test_a_real_recording_is_accounted_for_to_the_sample(shared_iq: Path) -> None:
    for name, samples, slices in (
        ("lte-fdd20-1815.3M-hackrf-a", 1_536_000, 5),
        ("wifi-11n-6.5mbps-radiated", 169_040, 1),
    ):
        report = radiofm(
            "live", "--device", "replay", "--path", str(shared_iq / f"{name}.sigmf-meta"),
            "--speed", "max", "--json",
        )  # fmt: skip
        balanced(report)
        assert report["samples_received"] == samples
        assert report["samples_lost"] == 0
        assert report["slices"] == slices
        assert report["slices_inferred"] == samples // (samples // slices) * (slices > 1)


def test_one_ctrl_c_ends_every_stage() -> None:
    import signal

    process = subprocess.Popen(
        [*RADIOFM, "live", "--device", "sim", "--scene", "quiet", "--rate", "2e6", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(8)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    balanced(json.loads(out.strip().splitlines()[-1]))


@needs_libiio
def test_a_radio_that_goes_away_leaves_a_whole_account() -> None:
    with virtual_pluto("--fault", "disconnect@2s") as uri:
        done = subprocess.run(
            [*RADIOFM, "live", "--device", "pluto", "--uri", uri, "--fc", "2.44e9", "--rate", "2e6",
             "--json"],
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert "connection to the Pluto" in done.stderr and "Traceback" not in done.stderr
    report = json.loads(done.stdout.strip().splitlines()[-1])
    balanced(report)
    assert report["slices_inferred"] > 0 and "connection to the Pluto" in report["failure"]
