"""The findings of the installation and the machine are true, and each bad one has its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from radiofm import doctor, machine
from radiofm.bus import Publisher
from radiofm.topics import endpoint_for, runtime_dir


def test_missing_packages_are_named_with_the_line_that_installs_them() -> None:
    found = doctor._packages("extra x", ["numpy", "no-such-thing"], "warn", "pip install x")
    assert (found.state, found.remedy) == ("warn", "pip install x")
    assert "no-such-thing" in found.seen and "numpy" not in found.seen


def test_the_extras_are_those_of_the_project() -> None:
    wanted = doctor._requirements()
    assert set(doctor.NEEDED_FOR) < set(wanted)
    assert "pylibiio" in wanted["pluto"] and "torch" in wanted["train"]
    assert "numpy" in wanted[""] and "torch" not in wanted[""]
    findings = {finding.name: finding for finding in doctor.software()}
    assert findings["packages"].state == "ok"
    assert "pyzmq" in findings["packages"].seen
    assert "libzmq 4" in findings["zeromq"].seen


def test_endpoints_that_are_served_are_known_without_disturbing_them() -> None:
    folder = runtime_dir()
    assert doctor.endpoints(folder).seen == "all free"
    publisher = Publisher(endpoint_for("slice"), message_bytes=1000)
    found = doctor.endpoints(folder)
    assert found.seen == "served now: slice" and "RADIOFM_RUNTIME_DIR" in found.remedy
    publisher.close()
    assert doctor.endpoints(folder).seen == "all free"  # though its files are still there


@pytest.mark.parametrize(
    ("name", "mode", "state", "seen"),
    [
        ("run", 0o700, "ok", "mode 0700"),
        ("run", 0o755, "warn", "others"),
        ("r" * 99, 0o700, "fail", "longer than 107"),
    ],
)
def test_the_runtime_folder_is_private_and_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, mode: int, state: str, seen: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    folder.chmod(mode)
    monkeypatch.setenv("RADIOFM_RUNTIME_DIR", str(folder))
    found = next(doctor.runtime_folder())
    assert found.state == state and seen in found.seen
    assert bool(found.remedy) == (state != "ok")


def test_a_runtime_folder_that_cannot_be_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("RADIOFM_RUNTIME_DIR", str(tmp_path / "file" / "run"))
    (found,) = doctor.runtime_folder()
    assert found.state == "fail" and "RADIOFM_RUNTIME_DIR" in found.remedy


def test_the_disk_is_measured_and_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "TRIAL_BYTES", 1 << 20)
    (found,) = machine.disk(tmp_path)
    assert "MS/s can be recorded" in found.seen and str(tmp_path) in found.seen
    assert not list(tmp_path.iterdir())


def test_little_room_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "TRIAL_BYTES", 1 << 10)
    monkeypatch.setattr(machine, "LOW_SPACE_S", 1e12)
    (found,) = machine.disk(tmp_path)
    assert found.state == "warn" and "--record" in found.remedy


def test_no_folder_is_a_failure(tmp_path: Path) -> None:
    (found,) = machine.disk(tmp_path / "gone")
    assert found.state == "fail" and "gone" in found.seen and "--path" in found.remedy


def test_speeds_are_said_as_a_share_of_real_time() -> None:
    assert machine.say_speed(0.25, 0.016) == "4.0 ms a slice, 250 slices/s, 25% of real time"
    assert machine.median_time(lambda: None, 0.01) < 0.01
    (found,) = machine.spectrogram_speed()
    assert "4 MS/s" in found.seen and "20 MS/s" in found.seen


def test_processor_clock_and_limits_say_what_they_saw() -> None:
    (cpu,), (clock,), (limits,) = machine.processor(), machine.clock(), machine.limits()
    assert "cores" in cpu.seen and "load" in cpu.seen
    assert clock.state in ("ok", "warn") and "open files" in limits.seen
    assert all(found.remedy for found in (cpu, clock, limits) if found.state != "ok")
