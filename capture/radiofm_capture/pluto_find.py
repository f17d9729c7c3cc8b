"""Finding Plutos: on USB by what the kernel lists, on the network by asking the usual addresses.

libiio's own scan is not used: where no Avahi daemon runs it fails as a whole (measured, v0.24).
"""

from __future__ import annotations

import logging
import re
import socket
from pathlib import Path
from typing import NamedTuple

from radiofm.errors import UsageError

log = logging.getLogger(__name__)

PORT = 30431
_USB_ID = ("0456", "b673")  # Analog Devices, PlutoSDR
_HOSTS = ("192.168.2.1", "pluto.local")
_PROBE_SECONDS = 0.5
_ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?")
_USB = re.compile(r"usb:(\d+\.\d+\.\d+)?")


class FoundPluto(NamedTuple):
    """Where a Pluto can be reached, and what it says of itself."""

    uri: str
    description: str


def parse_uri(text: str) -> str:
    """`192.168.2.1`, `pluto.local:30431`, `ip:HOST[:PORT]`, `usb:`, `usb:1.4.5` -> libiio's URI."""
    text = text.strip()
    if _USB.fullmatch(text) or text == "local:":
        return text
    address = text.removeprefix("ip:")
    if not _ADDRESS.fullmatch(address):
        raise UsageError(
            f"uri {text!r} is not understood: write it like ip:192.168.2.1, pluto.local,"
            " ip:127.0.0.1:30431, usb: or usb:1.4.5"
        )
    return f"ip:{address}"


def find_plutos(usb: Path = Path("/sys/bus/usb/devices")) -> list[FoundPluto]:
    """All Plutos on USB, then those that answer at the usual network addresses."""
    found = _on_usb(usb)
    for host in _HOSTS:
        if description := _probe(host):
            found.append(FoundPluto(f"ip:{host}", description))
    return found


def _on_usb(devices: Path) -> list[FoundPluto]:
    found = []
    for device in sorted(devices.glob("*")):
        if (_read(device / "idVendor"), _read(device / "idProduct")) != _USB_ID:
            continue
        for interface in sorted(device.glob("*:*")):
            if _read(interface / "interface") == "IIO":
                number = int(_read(interface / "bInterfaceNumber"), 16)
                place = f"{_read(device / 'busnum')}.{_read(device / 'devnum')}.{number}"
                words = (_read(device / name) for name in ("manufacturer", "product", "serial"))
                found.append(FoundPluto(f"usb:{place}", " ".join(words)))
    return found


def _read(file: Path) -> str:
    try:
        return file.read_text("ascii", "replace").strip()
    except OSError:
        return ""


def _probe(host: str) -> str | None:
    """The version that an IIO server at the host gives of itself, if one answers soon."""
    try:
        with socket.create_connection((host, PORT), _PROBE_SECONDS) as connection:
            connection.sendall(b"VERSION\r\n")
            answer = connection.recv(64).decode("ascii", "replace").strip()
    except OSError as error:
        log.debug("no answer from %s: %s", host, error)
        return None
    return f"IIO server {answer}" if re.fullmatch(r"\d+\.\d+\.\w+", answer) else None
