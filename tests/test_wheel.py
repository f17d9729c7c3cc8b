"""sdist -> wheel -> clean environment -> `radiofm --help` from another folder."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.wheel
@pytest.mark.timeout(600)
def test_the_wheel_built_from_the_sdist_runs(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(tmp_path), str(ROOT)],
        check=True, capture_output=True,
    )  # fmt: skip
    (sdist,) = tmp_path.glob("*.tar.gz")
    (wheel,) = tmp_path.glob("*.whl")
    with tarfile.open(sdist) as archive:
        inside = {Path(name).parts[1] for name in archive.getnames() if "/" in name}
    assert {"radiofm", "capture", "models", "services", "tests", "pyproject.toml"} <= inside
    assert not inside & {".venv", "runs", "shared", "out"}
    names = zipfile.ZipFile(wheel).namelist()
    packages = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert packages == {"radiofm", "radiofm_capture", "radiofm_models", "radiofm_services"}
    for needed in (
        "radiofm/py.typed",
        "radiofm/profiles/ism24.toml",
        "radiofm_capture/scenes/presets/ism24.toml",
        "radiofm_capture/system/radiofm-capture@.service",
        "radiofm_capture/system/53-adi-plutosdr-usb.rules",
        "radiofm_models/zoo/nano/bundle.json",
        "radiofm_models/zoo/nano/trunk.onnx",
        "radiofm_models/zoo/nano/predictions.npz",
    ):
        assert needed in names, f"{needed} is not in the wheel"

    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", f"{wheel}"], check=True, capture_output=True
    )
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [tmp_path / "venv" / "bin" / "radiofm", "--help"],
        cwd="/", env=clean, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert "capture" in done.stdout
