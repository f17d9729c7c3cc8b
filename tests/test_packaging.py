"""Units, rules and images fit the command line that they call, and each other."""

from __future__ import annotations

import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

from radiofm.cli import commands
from radiofm.settings import load_settings
from radiofm.topics import DAEMONS, runtime_dir

ROOT = Path(__file__).parents[1]
SYSTEM = ROOT / "capture" / "radiofm_capture" / "system"
DOCKER = ROOT / "docker"
UNITS = sorted(SYSTEM.glob("*.service"))

yaml: Any = importlib.import_module("yaml")  # it ships no type hints


def parse(arguments: list[str]) -> tuple[str, dict[str, Any]]:
    """The command and the values of its options; raises where the command line has no such."""
    app = typer.Typer()
    commands.register(app)
    command: Any = typer.main.get_command(app)
    context = command.context_class(command, info_name="radiofm")
    while hasattr(command, "resolve_command"):
        name, command, arguments = command.resolve_command(context, arguments)
        context = command.context_class(command, info_name=name, parent=context)
    return name, command.make_context(name, list(arguments), parent=context.parent).params


def test_the_parser_knows_right_from_wrong() -> None:
    assert parse(["capture", "--device", "sim"])[1]["device"] == "sim"
    for wrong in (["captur"], ["capture", "--devise", "sim"], ["heads", "list", "x"]):
        with pytest.raises(Exception, match=r"No such|[Uu]nexpected"):
            parse(wrong)


# --- systemd ---


def unit_values(unit: Path, key: str) -> list[str]:
    lines = unit.read_text("utf-8").splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{key}=")]


def test_there_is_a_unit_for_each_daemon() -> None:
    assert {re.sub(r"radiofm-|@?\.service", "", unit.name) for unit in UNITS} == set(DAEMONS)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_calls_a_command_that_there_is(unit: Path) -> None:
    (start,) = unit_values(unit, "ExecStart")
    env, radiofm, *arguments = shlex.split(start.replace("%i", "lte-band3"))
    assert (env, radiofm) == ("/usr/bin/env", "radiofm")
    command, options = parse(arguments)
    assert command in unit.name and options["as_json"]
    if "@" in unit.name:  # %I would turn the dash of lte-band3 into a slash
        assert load_settings(options["profile"]).capture.fc == 1842.5e6


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_units_sockets_are_where_the_command_line_looks(
    unit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (name,) = unit_values(unit, "RuntimeDirectory")
    assert f"RADIOFM_RUNTIME_DIR=%t/{name}" in unit_values(unit, "Environment")
    assert unit_values(unit, "RuntimeDirectoryMode") == ["0700"]
    assert unit_values(unit, "RuntimeDirectoryPreserve") == ["yes"]  # the others' sockets
    monkeypatch.delenv("RADIOFM_RUNTIME_DIR")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert runtime_dir() == tmp_path / name


def test_systemd_finds_no_fault(tmp_path: Path) -> None:
    if not (analyze := shutil.which("systemd-analyze")):
        pytest.skip("systemd-analyze is not here")
    for unit in UNITS:
        shutil.copy(unit, tmp_path / unit.name.replace("@", "@ism24"))
    done = subprocess.run(
        [analyze, "verify", "--user", "--man=no", *sorted(tmp_path.glob("*.service"))],
        capture_output=True, text=True, env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


# --- udev ---


def test_every_udev_line_is_a_rule_for_one_device() -> None:
    item = r'[A-Z]+(\{\w+\})?(==|!=|=|\+=)"[^"]*"'
    (rules,) = SYSTEM.glob("*.rules")
    assert int(rules.name[:2]) < 73  # uaccess is taken up by 73-seat-late.rules
    lines = [line for line in rules.read_text("utf-8").splitlines() if line and line[0] != "#"]
    assert lines
    for line in lines:
        assert re.fullmatch(rf"{item}(, {item})*", line), line
        assert 'ATTR{idVendor}=="0456"' in line and "ATTR{idProduct}==" in line
        assert 'MODE="0660"' in line  # not for everybody
    opening = (ROOT / "capture/radiofm_capture/pluto_open.py").read_text("utf-8")
    assert rules.name in opening  # what the driver's error tells people to add


# --- docker ---

DOCKERFILE = (DOCKER / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
TARGETS = ("capture", "serve", "train")


def stages() -> dict[str, list[str]]:
    """Stage -> its instructions, those of the stage it stands on before them."""
    found: dict[str, list[str]] = {}
    for line in DOCKERFILE.splitlines():
        if start := re.fullmatch(r"FROM (\S+) AS (\w+)", line):
            below, name = start.groups()
            found[name] = list(found.get(below, []))
        elif line and line[0] != "#":
            found[name].append(line.strip())
    return found


def last(instructions: list[str], word: str) -> str:
    return [line.partition(word)[2].strip() for line in instructions if line.startswith(word)][-1]


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_runs_a_command_that_there_is_as_a_user(target: str) -> None:
    instructions = stages()[target]
    assert last(instructions, "USER ") == "radiofm"
    assert json.loads(last(instructions, "ENTRYPOINT ")) == ["radiofm"]
    parse(json.loads(last(instructions, "CMD ")))
    for check in re.findall(r"HEALTHCHECK .* CMD (.*)", "\n".join(instructions)):
        program, *arguments = json.loads(check)
        assert program == "radiofm" and parse(arguments)[0] == "status"


def test_images_hold_extras_that_there_are_and_files_that_there_are() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras = re.findall(r"\.whl\)\[(\w+)\]", DOCKERFILE)
    assert extras == ["pluto", "serve", "train"]
    assert set(extras) < set(project["project"]["optional-dependencies"])
    copied = {
        name
        for line in re.findall(r"^COPY (?!--)(.*)", DOCKERFILE, re.MULTILINE)
        for name in line.split()[:-1]
    }
    assert all((ROOT / name).exists() for name in copied)
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    needed = [project["project"]["readme"], *project["project"]["license-files"], "pyproject.toml"]
    assert {Path(package).parts[0] for package in packages} | set(needed) <= copied


def interpolate(text: str, values: dict[str, str]) -> str:
    """As compose does: ${A}, ${A:-default}, ${A:+instead}, one within the other."""

    def value(match: re.Match[str]) -> str:
        name, how, other = match.groups()
        given = values.get(name, "")
        if how == ":+":
            return other if given else ""
        return given or other or ""

    while (replaced := re.sub(r"\$\{(\w+)(?:(:[-+])([^${}]*))?\}", value, text)) != text:
        text = replaced
    return text


def services(values: dict[str, str], *files: str) -> dict[str, dict[str, Any]]:
    """The services of the compose files, later ones over earlier ones."""
    merged: dict[str, dict[str, Any]] = {}
    for file in files:
        text = interpolate((DOCKER / file).read_text("utf-8"), values)
        for name, service in yaml.safe_load(text)["services"].items():
            merged.setdefault(name, {}).update(service)
    return merged


@pytest.mark.parametrize(
    ("values", "files", "device"),
    [
        ({}, ["compose.yaml"], "sim"),
        ({"SCENE": "quiet"}, ["compose.yaml"], "sim"),
        ({"RECORDING": "a.sigmf-meta", "RECORDINGS": "/iq"}, ["compose.yaml"], "replay"),
        ({}, ["compose.yaml", "compose.pluto.yaml"], "pluto"),
    ],
)
def test_the_composed_chain_is_one_that_radiofm_has(
    values: dict[str, str], files: list[str], device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = services(values, *files)
    assert set(chain) == {"capture", "spectrogram", "infer", "watch"}
    for name, service in chain.items():
        command, options = parse(shlex.split(service["command"]))
        assert command == name
        assert service["build"]["target"] in TARGETS
        assert (DOCKER / service["build"]["context"] / service["build"]["dockerfile"]).exists()
        assert service["volumes"][0] == "sockets:/run/radiofm"
        assert service["read_only"] and service["cap_drop"] == ["ALL"]
        check = service.get("healthcheck", {}).get("test")
        assert check is None or parse(check[2:]) == ("status", parse(["status", name])[1])
        if name == "capture":
            capture = options
    for key, value in chain["capture"]["environment"].items():
        monkeypatch.setenv(key, value)
    flags = {key: capture[key] for key in ("device", "path", "uri") if capture[key] is not None}
    settings = load_settings(capture["profile"], {"capture": flags}).capture
    assert settings.device == device
    assert (settings.path == Path("/recordings/a.sigmf-meta")) == (device == "replay")
    assert settings.uri == ("ip:192.168.2.1" if device == "pluto" else None)


def test_only_a_real_radio_is_given_a_network() -> None:
    offline = services({}, "compose.yaml")
    assert {service["network_mode"] for service in offline.values()} == {"none"}
    online = services({}, "compose.yaml", "compose.pluto.yaml")
    assert [n for n, s in online.items() if s["network_mode"] != "none"] == ["capture"]
    assert "ports" not in online["capture"]


def test_the_sockets_folder_is_the_same_in_images_and_volumes() -> None:
    assert "RADIOFM_RUNTIME_DIR=/run/radiofm" in last(stages()["base"], "ENV ")
    assert "-m 0700 /run/radiofm" in DOCKERFILE
    volumes = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))["volumes"]
    assert set(volumes) == {"sockets", "recordings"}


def test_commands_of_the_docker_page_are_ones_that_radiofm_has() -> None:
    page = (DOCKER / "README.md").read_text("utf-8").replace("\\\n", " ")
    ran = re.findall(r"docker run .* radiofm-(?:capture|serve|train) (.+)", page)
    ran += re.findall(r"exec \w+ radiofm (.+)", page)
    assert len(ran) == 3
    for line in ran:
        parse(shlex.split(line))
    assert "not built" in page
