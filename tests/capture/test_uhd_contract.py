"""What the fake of UHD claims is what Debian's real module is; the device meets the real one.

The real module wants Debian's Python and its numpy 1: uhd_contract.py runs there, with the rest of
this environment's packages.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("uhd_contract.py")
DEBIAN = Path("/usr/bin/python3")


@pytest.fixture(scope="session")
def report() -> dict[str, Any]:
    """What the script found. Skips where there is no real module to hold against."""
    if not DEBIAN.exists():
        pytest.skip("needs Debian's Python and its UHD (apt-get install python3-uhd)")
    version = subprocess.run([DEBIAN, "-V"], capture_output=True, text=True, check=True).stdout
    ours = f"Python {sys.version_info.major}.{sys.version_info.minor}."
    if not version.startswith(ours):
        pytest.skip(f"{version.strip()} at {DEBIAN} cannot load the packages of {ours[:-1]}")
    paths = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    done = subprocess.run(
        [DEBIAN, "-I", SCRIPT, *sorted(paths)], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    if "absent" in found:
        pytest.skip(f"{found['absent']} (apt-get install python3-uhd)")
    return found


@pytest.mark.parametrize("check", re.findall(r"^def (check_\w+)", SCRIPT.read_text(), re.M))
def test_the_real_module(check: str, report: dict[str, Any]) -> None:
    problem = report[check]
    assert problem is None, problem
