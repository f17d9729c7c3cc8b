"""Every test has its own runtime folder, and no process or thread outlives it."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from radiofm_capture.repair import repair

SHARED = Path(os.environ.get("RADIOFM_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture
def shared_iq() -> Path:
    """The real recordings, which lie beside the checkout and are not part of it."""
    folder = SHARED / "iq"
    if not folder.is_dir():
        pytest.skip(f"no recordings at {folder} (RADIOFM_SHARED)")
    return folder


@pytest.fixture
def shared_csi() -> Path:
    """The real Wi-Fi CSI, which lies beside the checkout and is not part of it."""
    folder = SHARED / "csi"
    if not folder.is_dir():
        pytest.skip(f"no CSI at {folder} (RADIOFM_SHARED)")
    return folder


@pytest.fixture(autouse=True)
def hermetic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("RADIOFM_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    before = {t.ident for t in threading.enumerate()}
    yield
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        threads = [t for t in threading.enumerate() if t.ident not in before and not t.daemon]
        children = [
            p for p in psutil.Process().children(recursive=True) if "radiofm" in _cmdline(p)
        ]
        if not threads and not children:
            return
        time.sleep(0.05)
    assert not threads, f"threads left behind: {threads}"
    assert not children, f"processes left behind: {children}"


KILLED = Path(__file__).parent / "killed_recording.py"


@pytest.fixture
def kill(tmp_path: Path) -> Callable[[int], int]:
    """Records from a seed, kills it at a random moment, and its repair too, repairs, and checks."""

    def run(seed: int) -> int:
        base = tmp_path / f"run{seed}" / "cap"
        rng = np.random.default_rng(seed)
        _killed("record", base, seed, rng.uniform(0, 0.3))
        if seed % 2:
            _killed("repair", base, seed, rng.uniform(0, 0.02))
        assert not [done for done in repair(base.parent) if done.action in ("failed", "in use")]
        assert repair(base.parent) == []
        check: Callable[[Path, int], int] = runpy.run_path(str(KILLED))["check"]
        return check(base, seed)

    return run


def _killed(verb: str, base: Path, seed: int, after_s: float) -> None:
    arguments = [sys.executable, str(KILLED), verb, str(base), str(seed)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline() == b"ready\n"
        time.sleep(after_s)
        process.kill()


def _cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
