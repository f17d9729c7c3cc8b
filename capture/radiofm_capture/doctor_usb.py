"""What `radiofm doctor` finds of USB and the network: rules, rights, buffers, services."""

from __future__ import annotations

import grp
import os
import shutil
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from radiofm.doctor import Finding

SYSTEM = Path(str(resources.files("radiofm_capture"))) / "system"  # units and udev rules
PLUTO_RULES = SYSTEM / "53-adi-plutosdr-usb.rules"
PLUTO = ("0456", "b673")
ETTUS = "2500"  # the vendor of USRPs on USB
RULE_FOLDERS = tuple(
    Path(folder) / "udev" / "rules.d"
    for folder in ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
)
USB_DEVICES = Path("/sys/bus/usb/devices")
USBFS_MB = Path("/sys/module/usbcore/parameters/usbfs_memory_mb")
RMEM_MAX = Path("/proc/sys/net/core/rmem_max")
USRP_USB_MB = 64  # 1000 frames of 16 KiB and room for more; the kernel's 16 is too little for them
USRP_RMEM = 25_000_000  # bytes; what UHD asks for at a USRP with 10 Gigabit Ethernet


class UsbRadio(NamedTuple):
    """A radio that the kernel lists, and the node that a driver opens."""

    name: str
    vendor: str
    node: Path


def udev_rules(folders: Iterable[Path] = RULE_FOLDERS) -> Iterator[Finding]:
    """Whether udev lets users open a Pluto (and a USRP, where one is plugged in)."""
    lines = [line for folder in folders for line in _rules(folder)]
    if any(_covers(line, *PLUTO) for line in lines):
        yield Finding("udev rule (pluto)", "ok", "installed")
    else:
        cure = (
            f"sudo cp {PLUTO_RULES} /etc/udev/rules.d/ && sudo udevadm control --reload"
            " && sudo udevadm trigger; or use --uri ip:192.168.2.1, which needs no rule"
        )
        yield Finding("udev rule (pluto)", "warn", "missing: only root may use usb:", cure)
    if any(radio.vendor == ETTUS for radio in usb_radios()):
        there = any(_covers(line, ETTUS) for line in lines)
        cure = "" if there else "apt-get install uhd-host: it brings UHD's own rules"
        seen = "installed" if there else "missing: only root may use a USRP on USB"
        yield Finding("udev rule (usrp)", "ok" if there else "warn", seen, cure)


def _rules(folder: Path) -> list[str]:
    texts = [file.read_text("utf-8", "replace") for file in sorted(folder.glob("*.rules"))]
    return [line for text in texts for line in text.lower().splitlines() if line[:1] != "#"]


def _covers(line: str, vendor: str, product: str = "") -> bool:
    """Whether a rule is for the device: by its numbers, or (libiio's own) by asking iio_info."""
    if "iio_info -s usb=" in line:
        return product == PLUTO[1] and shutil.which("iio_info") is not None
    named = f'"{vendor}"' in line and "idvendor" in line
    return named and (f'"{product}"' in line or not product or "idproduct" not in line)


def usb_radios(devices: Path = USB_DEVICES) -> list[UsbRadio]:
    """Plutos and USRPs on USB."""
    found = []
    for device in sorted(devices.glob("*")):
        vendor, product = _read(device / "idVendor"), _read(device / "idProduct")
        if (vendor, product) == PLUTO or vendor == ETTUS:
            bus, number = int(_read(device / "busnum")), int(_read(device / "devnum"))
            node = Path(f"/dev/bus/usb/{bus:03}/{number:03}")
            found.append(UsbRadio(_read(device / "product") or vendor, vendor, node))
    return found


def usb_rights(devices: Path = USB_DEVICES) -> Iterator[Finding]:
    """Whether this user may open the radios on USB."""
    if not (radios := usb_radios(devices)):
        yield Finding("usb", "ok", "no radio on USB")
    for radio in radios:
        if os.access(radio.node, os.R_OK | os.W_OK):
            yield Finding("usb", "ok", f"{radio.name} at {radio.node} can be opened")
        else:
            cure = f"install the udev rule and plug it in again{_join_plugdev()}"
            yield Finding("usb", "warn", f"{radio.name} at {radio.node} cannot be opened", cure)


def _join_plugdev() -> str:
    """The advice to join the group that the rule gives devices to, for users who are not in it."""
    try:
        group = grp.getgrnam("plugdev").gr_gid
    except KeyError:
        return ""
    member = group in (os.getegid(), *os.getgroups())
    return "" if member else "; join its group: sudo usermod -aG plugdev $USER, then log in again"


def usrp_buffers(
    usbfs: Path = USBFS_MB, rmem: Path = RMEM_MAX, devices: Path = USB_DEVICES
) -> Iterator[Finding]:
    """The kernel's buffers for USB and for the network, which matter to USRPs."""
    megabytes, received = _read(usbfs), _read(rmem)
    if megabytes.isdigit():
        usrp = any(radio.vendor == ETTUS for radio in usb_radios(devices))
        small = usrp and 0 < int(megabytes) < USRP_USB_MB  # 0: no limit
        cure = f"echo {USRP_USB_MB} | sudo tee {usbfs}" if small else ""
        yield Finding("usb memory", "warn" if small else "ok", f"{megabytes} MB", cure)
    if received.isdigit():
        enough = int(received) >= USRP_RMEM
        cure = f"for a USRP on the network: sudo sysctl -w net.core.rmem_max={USRP_RMEM}"
        seen = f"rmem_max {received} bytes"
        yield Finding("network buffer", "ok", seen, "" if enough else cure)


def services(units: Path | None = None) -> Iterator[Finding]:
    """Whether the systemd user units are installed, and where they come from."""
    config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    folder = units or Path(config) / "systemd" / "user"
    shipped = sorted(file.name for file in SYSTEM.glob("*.service"))
    there = [name for name in shipped if (folder / name).exists()]
    if there == shipped:
        yield Finding("services", "ok", f"units are in {folder}")
        return
    cure = (
        f"to run as services: mkdir -p {folder} && cp {SYSTEM}/*.service {folder}/"
        " && systemctl --user daemon-reload"
    )
    yield Finding("services", "ok", "the systemd units are not installed", cure)


def _read(file: Path) -> str:
    try:
        return file.read_text("ascii", "replace").strip()
    except OSError:
        return ""
