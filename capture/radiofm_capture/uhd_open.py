"""Opening a USRP: Ettus' `uhd` module, the device, and what can be wrong with either.

UHD says all by RuntimeError; which of them it is, only the text tells (measured with 4.3, and the
texts in libuhd 4.3 itself).
"""

from __future__ import annotations

import importlib
import logging
import os
import re
from contextlib import redirect_stderr
from io import StringIO
from typing import Any, NamedTuple

import numpy as np

from radiofm.errors import DeviceError, MissingDependencyError

log = logging.getLogger(__name__)

_INSTALL = (
    "sudo apt install python3-uhd uhd-host, then run radiofm in an environment that sees it:"
    " /usr/bin/python3 -m venv --system-site-packages V && V/bin/pip install 'numpy<2' radiofm"
)
_SEARCH = "give its address by --args type=b200 or --args addr=192.168.10.2"
_CAUSES = (
    (r"No devices found", "no USRP {at}: check its cable and power, or " + _SEARCH),
    (
        r"tried to claim|Failed to claim|already in use",
        "the USRP {at} is in use by another program: close that one",
    ),
    (
        r"insufficient permissions",
        "the USRP {at} may not be opened by this user: sudo apt install uhd-host for its udev"
        " rule, then plug it in anew",
    ),
    (
        r"Could not find path for image|compatibility number",
        "the USRP {at} needs the firmware and FPGA images of this UHD: run sudo"
        " uhd_images_downloader, and where it persists uhd_image_loader",
    ),
)


class FoundUsrp(NamedTuple):
    """What opens a USRP, and what it says of itself."""

    args: str
    description: str


def load_uhd() -> Any:
    """The module `uhd`, or MissingDependencyError. UHD's own chatter on stderr is kept down."""
    os.environ.setdefault("UHD_LOG_CONSOLE_LEVEL", "warning")
    os.environ.setdefault("UHD_LOG_FASTPATH_DISABLE", "1")  # an "O" or "D" at each loss
    try:
        with redirect_stderr(StringIO()) as said:
            uhd = importlib.import_module("uhd")
    except ModuleNotFoundError:
        raise MissingDependencyError("UHD's Python module", _INSTALL) from None
    except ImportError as error:  # of another Python, or without libuhd
        raise MissingDependencyError(f"a UHD that loads ({error})", _INSTALL) from None
    # A UHD built for numpy 1 loads with numpy 2 all the same, and falls at the first samples: that
    # the two do not fit is only written by numpy.
    if "_ARRAY_API" in said.getvalue():
        raise MissingDependencyError(
            f"a UHD that fits numpy {np.__version__}",
            "pip install 'numpy<2', which UHD's Python module (Debian's 4.3) was built for",
        )
    return uhd


def open_usrp(uhd: Any, args: str) -> Any:
    """The `uhd.usrp.MultiUSRP` that the device arguments name: the first found if they are ""."""
    try:
        return uhd.usrp.MultiUSRP(args)
    except RuntimeError as error:
        raise device_error(error, args) from None


def device_error(error: RuntimeError, args: str) -> DeviceError:
    """UHD's error as one sentence with its remedy."""
    at = f"at {args!r}" if args else "within reach"
    for pattern, sentence in _CAUSES:
        if re.search(pattern, str(error)):
            return DeviceError(sentence.format(at=at))
    return DeviceError(
        f"the USRP {at} failed ({reason(error)}): check its cable and power, then start again"
    )


def reason(error: RuntimeError) -> str:
    """UHD's text in one line, without the names of its exceptions."""
    return re.sub(r"^(\w*Error: )+", "", " ".join(str(error).split()))


def find_usrps(uhd: Any = None) -> list[FoundUsrp]:
    """The USRPs on USB and on the local networks; none where UHD is not installed."""
    try:
        found = (uhd or load_uhd()).find("")
    except (MissingDependencyError, RuntimeError) as error:
        log.info("no USRP was looked for: %s", error)
        return []
    return [_found(address.to_dict()) for address in found]


def _found(address: dict[str, str]) -> FoundUsrp:
    keys = [key for key in ("type", "addr", "serial") if address.get(key)]
    words = [address[key] for key in ("product", "name", "serial") if address.get(key)]
    return FoundUsrp(",".join(f"{key}={address[key]}" for key in keys), " ".join(words) or "USRP")
