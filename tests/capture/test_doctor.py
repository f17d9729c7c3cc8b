"""What is wrong with drivers, rules and rights is told apart, each with its own remedy."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

from radiofm.doctor import version_of
from radiofm_capture import doctor, doctor_usb
from radiofm_capture.pluto_find import _USB_ID


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose modules come before the installed ones, in child processes."""
    folder = tmp_path / "modules"
    folder.mkdir()
    old = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{old}" if old else str(folder))
    return folder


@pytest.mark.parametrize(
    ("code", "seen", "remedy"),
    [
        # the words of pylibiio 1.0 with libiio 0.24
        (
            "raise FileNotFoundError('libiio version 1.x required, found version 0')",
            "fits libiio 0.x",
            "pylibiio>=0.25,<1",
        ),
        ("raise AttributeError('iio_get_backends_count')", "C library", "apt-get install libiio0"),
        ("import os; os.kill(os.getpid(), 11)", "SIGSEGV", "--reinstall libiio0"),
    ],
)
def test_a_driver_that_does_not_load_is_a_failure(
    modules: Path, code: str, seen: str, remedy: str
) -> None:
    if version_of("pyadi-iio") is None:
        pytest.skip("pyadi-iio is not installed: what cannot load is then no failure")
    (modules / "iio.py").write_text(code)
    (found,) = doctor.pluto_driver()
    assert found.state == "fail"
    assert seen in found.seen and remedy in found.remedy


def test_the_real_driver_says_its_versions() -> None:
    (found,) = doctor.pluto_driver()
    if found.state != "ok":
        pytest.skip(found.seen)
    assert "libiio 0." in found.seen and "pylibiio 0." in found.seen


@pytest.mark.parametrize(
    ("code", "state", "remedy"),
    [
        ("", "ok", ""),
        ("raise ImportError('numpy.core.multiarray failed to import')", "warn", "numpy<2"),
        ("raise AttributeError('_ARRAY_API not found')", "warn", "numpy<2"),
    ],
)
def test_uhd_and_its_numpy(modules: Path, code: str, state: str, remedy: str) -> None:
    (modules / "uhd").mkdir()
    (modules / "uhd" / "__init__.py").write_text(code)
    (found,) = doctor.uhd_driver()
    assert found.state == state
    assert remedy in found.remedy and bool(remedy) == bool(found.remedy)


def test_without_uhd_the_remedy_is_debians_package(
    modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (modules / "uhd.py").write_text("raise ModuleNotFoundError('uhd')")
    monkeypatch.setattr(doctor, "DEBIAN_PYTHON", "/nonexistent/python3")
    (found,) = doctor.uhd_driver()
    assert found.state == "warn" and "apt-get install python3-uhd" in found.remedy


def test_a_busy_port_is_seen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (busy,) = doctor.pluto_port(port)
    (free,) = doctor.pluto_port(port)
    assert "listens" in busy.seen and "--port 0" in busy.remedy
    assert "free" in free.seen and not free.remedy


RULE = 'SUBSYSTEM=="usb", ATTRS{{idVendor}}=="0456"{}, MODE="0666"\n'


@pytest.mark.parametrize(
    ("text", "state"),
    [
        (RULE.format(', ATTRS{idProduct}=="b673"'), "ok"),
        (RULE.format(', ATTRS{idProduct}=="B673"'), "ok"),
        (RULE.format(""), "ok"),  # all devices of the vendor
        (RULE.format(', ATTRS{idProduct}=="b672"'), "warn"),
        ("# " + RULE.format(""), "warn"),
        ('ATTR{idVendor}=="2500", MODE="0666"\n', "warn"),
    ],
)
def test_a_rule_counts_when_it_is_for_a_pluto(tmp_path: Path, text: str, state: str) -> None:
    (tmp_path / "10-mine.rules").write_text(text)
    found = next(doctor_usb.udev_rules([tmp_path, tmp_path / "gone"]))
    assert found.state == state
    assert (str(doctor_usb.PLUTO_RULES) in found.remedy) == (state == "warn")


def test_the_shipped_rule_counts(tmp_path: Path) -> None:
    assert doctor_usb.PLUTO == _USB_ID
    shutil.copy(doctor_usb.PLUTO_RULES, tmp_path)
    assert next(doctor_usb.udev_rules([tmp_path])).state == "ok"


@pytest.fixture
def usb(tmp_path: Path) -> Path:
    """A Pluto, a USRP and a mouse, as the kernel lists them."""
    for place, vendor, product, name in (
        ("1-1", "0456", "b673", "PlutoSDR"),
        ("2-1", "2500", "0020", "USRP B200"),
        ("1-2", "046d", "c077", "Mouse"),
    ):
        device = tmp_path / "usb" / place
        device.mkdir(parents=True)
        values = {"idVendor": vendor, "idProduct": product, "product": name, "busnum": place[0]}
        for file, value in {**values, "devnum": "997"}.items():
            (device / file).write_text(value + "\n")
    return tmp_path / "usb"


def test_radios_on_usb_that_cannot_be_opened(usb: Path) -> None:
    radios = doctor_usb.usb_radios(usb)
    assert [(radio.name, str(radio.node)) for radio in radios] == [
        ("PlutoSDR", "/dev/bus/usb/001/997"),
        ("USRP B200", "/dev/bus/usb/002/997"),
    ]
    found = list(doctor_usb.usb_rights(usb))  # the nodes are not there: nobody can open them
    assert [finding.state for finding in found] == ["warn", "warn"]
    assert all("udev rule" in finding.remedy for finding in found)


def test_small_buffers_matter_to_usrps_only(usb: Path, tmp_path: Path) -> None:
    usbfs, rmem = tmp_path / "usbfs", tmp_path / "rmem"
    usbfs.write_text("16\n")
    rmem.write_text("212992\n")
    memory, network = doctor_usb.usrp_buffers(usbfs, rmem, usb)
    assert memory.state == "warn" and str(usbfs) in memory.remedy
    assert "net.core.rmem_max" in network.remedy
    memory, _ = doctor_usb.usrp_buffers(usbfs, rmem, tmp_path / "none")
    assert memory.state == "ok"
    usbfs.write_text("1000\n")
    rmem.write_text("50000000\n")
    memory, network = doctor_usb.usrp_buffers(usbfs, rmem, usb)
    assert (memory.state, memory.remedy, network.remedy) == ("ok", "", "")


def test_the_services_are_known_once_they_are_copied(tmp_path: Path) -> None:
    (found,) = doctor_usb.services(tmp_path)
    assert str(doctor_usb.SYSTEM) in found.remedy
    for unit in doctor_usb.SYSTEM.glob("*.service"):
        shutil.copy(unit, tmp_path)
    (found,) = doctor_usb.services(tmp_path)
    assert not found.remedy
