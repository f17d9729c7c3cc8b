"""What `radiofm doctor` finds of the installation. A check looks and changes nothing.

The machine itself is looked at in `radiofm.machine`, radios in `radiofm_capture.doctor`, models in
`radiofm_services.doctor`.
"""

from __future__ import annotations

import fcntl
import os
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from radiofm.bus import check_endpoint, libzmq_version
from radiofm.errors import UsageError
from radiofm.topics import CHANNELS, RUNTIME_VARIABLE, endpoint_for, runtime_dir

NEEDED_FOR = {  # the extras of pyproject.toml
    "pluto": "receiving from a Pluto",
    "fast": "the fastest spectrograms",
    "serve": "running models on live slices",
    "train": "training and exporting models",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at and seen, and what to do about it.

    `fail`: what is there does not work. `warn`: it works, but not for all, or not at its best.
    """

    name: str
    state: Literal["ok", "warn", "fail"]
    seen: str
    remedy: str = ""


def software() -> Iterator[Finding]:
    """The interpreter, the packages that are always needed, and each extra."""
    yield Finding("python", "ok", f"{platform.python_version()} on {platform.platform()}")
    yield Finding("zeromq", "ok", f"libzmq {libzmq_version()}")
    try:
        wanted = _requirements()
    except metadata.PackageNotFoundError:
        yield Finding(
            "packages", "warn", "radiofm runs without being installed", "pip install -e ."
        )
        return
    yield _packages("packages", wanted[""], "fail", "pip install --force-reinstall radiofm")
    for extra, use in NEEDED_FOR.items():
        yield _packages(
            f"extra {extra}",
            wanted.get(extra, []),
            "warn",
            f"needed for {use}: pip install 'radiofm[{extra}]'",
        )


def _requirements() -> dict[str, list[str]]:
    """Extra -> the names of its packages; those that are always needed under ""."""
    found: dict[str, list[str]] = {"": []}
    for text in metadata.requires("radiofm") or ():
        name, extra = re.match(r"[\w.-]+", text), re.search(r"extra == ['\"](\w+)", text)
        if name:
            found.setdefault(extra[1] if extra else "", []).append(name[0])
    return found


def version_of(package: str) -> str | None:
    """The installed version of a package, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _packages(name: str, wanted: list[str], absent: Literal["warn", "fail"], cure: str) -> Finding:
    versions = {package: version_of(package) for package in wanted}
    missing = [package for package, version in versions.items() if version is None]
    if missing:
        return Finding(name, absent, f"not installed: {', '.join(missing)}", cure)
    return Finding(name, "ok", ", ".join(f"{p} {version}" for p, version in versions.items()))


def runtime_folder() -> Iterator[Finding]:
    """The folder of the sockets: there, private, and its paths short enough."""
    name = "runtime folder"
    private = f"set {RUNTIME_VARIABLE} to a short path that is yours alone (mode 0700)"
    try:
        folder = runtime_dir()
        for channel in CHANNELS:
            check_endpoint(endpoint_for(channel, folder))
    except (UsageError, OSError) as error:
        yield Finding(name, "fail", str(error), private)
        return
    mode = folder.stat().st_mode & 0o777
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Finding(name, "fail", f"{folder} cannot be written to", private)
    elif mode & 0o077:
        seen = f"{folder} has mode {mode:04o}: others on this machine can follow the streams"
        yield Finding(name, "warn", seen, f"chmod 700 {folder}")
    else:
        yield Finding(name, "ok", f"{folder}, mode {mode:04o}")
    yield endpoints(folder)


def endpoints(folder: Path) -> Finding:
    """Which of the endpoints in `folder` are served now. Files of daemons that ended stay: a lock
    counts while it is held."""
    served = []
    for channel in CHANNELS:
        socket = endpoint_for(channel, folder).removeprefix("ipc://")
        if _locked(Path(f"{socket}.lock")):
            served.append(channel)
    if not served:
        return Finding("endpoints", "ok", "all free")
    another = f"for a second chain beside it set {RUNTIME_VARIABLE} to another folder"
    return Finding("endpoints", "ok", f"served now: {', '.join(served)}", another)


def _locked(lock: Path) -> bool:
    """Whether a daemon holds the lock that `radiofm.bus` takes."""
    try:
        handle = os.open(lock, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
