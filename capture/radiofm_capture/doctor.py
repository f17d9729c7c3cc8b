"""What `radiofm doctor` finds of the radios: driver libraries, and who answers.

Libraries are tried in a process of their own: a broken one may end it.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from radiofm.doctor import Finding, version_of
from radiofm_capture.pluto_find import PORT, find_plutos
from radiofm_capture.pluto_open import NONE_FOUND

TRIAL_S = 30.0
DEBIAN_PYTHON = "/usr/bin/python3"  # the one that Debian's python3-uhd is made for
REINSTALL = "apt-get install --reinstall libiio0; pip install --force-reinstall 'radiofm[pluto]'"
_LISTENING = "0A"  # in /proc/net/tcp

_PLUTO = """
import sys
from radiofm.errors import MissingDependencyError
from radiofm_capture.pluto_open import load_libraries
try:
    iio, adi = load_libraries()
except MissingDependencyError as error:
    sys.exit(str(error))
print(f"pyadi-iio {adi.__version__}, libiio {iio.version[0]}.{iio.version[1]}")
"""
_UHD = "import numpy, uhd; print(f'uhd of {uhd.__path__[0]} with numpy {numpy.__version__}')"


def pluto_driver() -> Iterator[Finding]:
    """pyadi-iio, pylibiio and the libiio C library, which must fit each other."""
    works, said = _try(sys.executable, _PLUTO)
    if works:
        yield Finding("pluto driver", "ok", f"{said}, pylibiio {version_of('pylibiio')}")
        return
    broken = version_of("pyadi-iio") is not None  # it is installed, and cannot be used
    seen, _, cure = said.partition(": ")
    yield Finding("pluto driver", "fail" if broken else "warn", seen, cure or REINSTALL)


def uhd_driver() -> Iterator[Finding]:
    """python3-uhd: which interpreter can import it, if any."""
    works, said = _try(sys.executable, _UHD)
    if works:
        yield Finding("usrp driver", "ok", said)
        return
    if "numpy" in said.lower() or "_ARRAY_API" in said:
        seen = f"python3-uhd does not load ({said})"
        yield Finding("usrp driver", "warn", seen, "it needs an older numpy: pip install 'numpy<2'")
        return
    if sys.executable != DEBIAN_PYTHON and _try(DEBIAN_PYTHON, _UHD)[0]:
        seen = f"{DEBIAN_PYTHON} has python3-uhd, this interpreter ({sys.executable}) has not"
        cure = (
            f"install radiofm in one that sees it: {DEBIAN_PYTHON} -m venv --system-site-packages"
        )
        yield Finding("usrp driver", "warn", seen, cure)
        return
    cure = "needed for USRPs only: apt-get install python3-uhd uhd-host (no pip wheel has it)"
    yield Finding("usrp driver", "warn", "python3-uhd is not installed", cure)


def plutos() -> Iterator[Finding]:
    """The Plutos within reach."""
    found = find_plutos()
    seen, _, cure = NONE_FOUND.partition(": ")
    if found:
        yield Finding("pluto", "ok", "; ".join(f"{p.uri} ({p.description})" for p in found))
    else:
        yield Finding("pluto", "warn", seen, cure)


def pluto_port(port: int = PORT) -> Iterator[Finding]:
    """Whether the port that `radiofm virtual-pluto` takes is free; a local iiod holds it too."""
    if any(_listens(Path(table), port) for table in ("/proc/net/tcp", "/proc/net/tcp6")):
        cure = "for another virtual Pluto give it --port 0; a local iiod: sudo systemctl stop iiod"
        yield Finding("virtual-pluto port", "ok", f"a program listens at {port}", cure)
    else:
        yield Finding("virtual-pluto port", "ok", f"{port} is free")


def _listens(table: Path, port: int) -> bool:
    try:
        rows = [line.split() for line in table.read_text("ascii").splitlines()[1:]]
    except OSError:
        return False
    return any(row[1].endswith(f":{port:04X}") and row[3] == _LISTENING for row in rows)


def _try(python: str, code: str) -> tuple[bool, str]:
    """Whether the interpreter runs `code`, and the last line that it said."""
    try:
        done = subprocess.run(
            [python, "-c", code], capture_output=True, text=True, timeout=TRIAL_S, cwd="/"
        )
    except subprocess.TimeoutExpired:
        return False, f"no answer within {TRIAL_S:g} s"
    except OSError as error:
        return False, f"{python}: {error.strerror}"
    if done.returncode < 0:
        return False, f"it ended with {signal.Signals(-done.returncode).name}"
    lines = (done.stderr if done.returncode else done.stdout).strip().splitlines()
    return done.returncode == 0, lines[-1] if lines else ""
