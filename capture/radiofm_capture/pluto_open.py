"""Opening a Pluto: the driver library, the address, and what can be wrong with either."""

from __future__ import annotations

import importlib
import os
import time
from errno import EACCES, ECONNREFUSED, EPERM
from types import ModuleType
from typing import Any

from radiofm.errors import DeviceError, MissingDependencyError
from radiofm_capture.pluto_find import find_plutos, parse_uri

_PATIENCE = 5.0  # seconds
NONE_FOUND = (
    "no Pluto found on USB, at 192.168.2.1 or at pluto.local: plug it in and wait half a minute,"
    " give its address by --uri ip:ADDRESS, or try `radiofm demo`: it needs no radio"
)


def load_libraries() -> tuple[ModuleType, ModuleType]:
    """The modules `iio` (pylibiio) and `adi` (pyadi-iio), or MissingDependencyError."""
    try:
        return importlib.import_module("iio"), importlib.import_module("adi")
    except ModuleNotFoundError:
        raise MissingDependencyError("pyadi-iio", "pip install 'radiofm[pluto]'") from None
    except (AttributeError, OSError) as error:
        # pylibiio 0.x looks for functions in no library; 1.x says which version it wants.
        if "version 1" in str(error):
            raise MissingDependencyError(
                "a pylibiio that fits libiio 0.x", "pip install 'pylibiio>=0.25,<1'"
            ) from None
        raise MissingDependencyError(
            "the libiio C library", "apt-get install libiio0 (Debian, Ubuntu)"
        ) from None


def open_pluto(uri: str | None) -> tuple[Any, str]:
    """The `adi.Pluto` at the address, or the first that is found; and its address."""
    iio, adi = load_libraries()
    if uri is None:
        context, address = _first(iio)
    else:
        address = parse_uri(uri)
        context = _connect(iio, address)
    for name in ("ad9361-phy", "cf-ad9361-lpc", "cf-ad9361-dds-core-lpc"):
        if context.find_device(name) is None:
            raise DeviceError(f"{address} is no Pluto: it has no device {name}; check --uri")
    return adi.Pluto(uri_ctx=context), address


def _connect(iio: ModuleType, address: str) -> Any:
    """The context at the address; a virtual Pluto on this machine may be just starting."""
    local = address.startswith(("ip:127.", "ip:localhost"))
    deadline = time.monotonic() + (_PATIENCE if local else 0)
    while True:
        try:
            return iio.Context(address)
        except OSError as error:
            if error.errno != ECONNREFUSED or time.monotonic() > deadline:
                raise DeviceError(_refused(address, error)) from None
        time.sleep(0.1)


def _first(iio: ModuleType) -> tuple[Any, str]:
    refusal = NONE_FOUND
    for uri, _ in find_plutos():
        try:
            return iio.Context(uri), uri
        except OSError as error:
            refusal = _refused(uri, error)
    raise DeviceError(refusal)


def _refused(uri: str, error: OSError) -> str:
    reason = os.strerror(error.errno) if error.errno else str(error)
    if uri.startswith("usb:") and error.errno in (EACCES, EPERM):
        return (
            f"the Pluto at {uri} may not be opened by this user: add the udev rule"
            " 53-adi-plutosdr-usb.rules as `radiofm doctor` says, or use --uri ip:192.168.2.1"
        )
    return (
        f"no Pluto answers at {uri} ({reason}): check the address and that it is plugged in,"
        " or leave --uri out to search"
    )
