"""What the shell offers for a value: read from files, so that it comes at once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import get_args

import typer

from radiofm.cli.bundles import named_bundles


def profiles(incomplete: str) -> list[tuple[str, str]]:
    """Names of profiles, each with what it is."""
    from radiofm.settings import profile_names

    return [(name, about) for name, about in profile_names().items() if name.startswith(incomplete)]


def devices(incomplete: str) -> list[str]:
    """Kinds of device."""
    from radiofm.settings import CaptureSettings

    kinds = get_args(CaptureSettings.model_fields["device"].annotation)
    return _matching(kinds, incomplete)


def scenes(incomplete: str) -> list[str]:
    """The scenes that come with radiofm."""
    folder = _package("radiofm_capture") / "scenes" / "presets"
    return _matching((file.stem for file in folder.glob("*.toml")), incomplete)


def plans(incomplete: str) -> list[str]:
    """The plans that come with radiofm."""
    folder = _package("radiofm_capture") / "plans"
    return _matching((file.stem for file in folder.glob("*.toml")), incomplete)


def bundles(incomplete: str) -> list[str]:
    """The bundles that come with radiofm, and those pulled."""
    return _matching(named_bundles(), incomplete)


def recipes(incomplete: str) -> list[str]:
    """The recipes of papers and bundles."""
    folder = _package("radiofm_models") / "recipes"
    return _matching((file.stem for file in folder.rglob("*.toml")), incomplete)


def heads(ctx: typer.Context, incomplete: str) -> list[str]:
    """The heads of the bundle that the command line names so far; after a comma the next one."""
    bundle = ctx.params.get("bundle") or "nano"
    manifest = named_bundles().get(bundle, Path(bundle)) / "bundle.json"
    try:
        names = [head["name"] for head in json.loads(manifest.read_text("utf-8"))["heads"]]
    except (OSError, ValueError, LookupError, TypeError):
        return []
    before, comma, last = incomplete.rpartition(",")
    given = before.split(",")
    return [f"{before}{comma}{n}" for n in _matching(names, last) if n not in given]


def daemons(incomplete: str) -> list[str]:
    """The daemons of a chain."""
    from radiofm.topics import DAEMONS

    return _matching(DAEMONS, incomplete)


def _package(name: str) -> Path:
    return Path(str(resources.files(name)))


def _matching(names: Iterable[str], incomplete: str) -> list[str]:
    return sorted(name for name in names if name.startswith(incomplete))
