"""Scenes by name: the presets that come with the package, and TOML files."""

from __future__ import annotations

import json
import tomllib
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from radiofm.errors import UsageError
from radiofm_capture.scenes.distribution import DistributionError, resolve
from radiofm_capture.scenes.scene import Scene

DRAWN = ".scene.json"  # ends the name of a file that holds a scene as it was drawn


def presets() -> list[str]:
    """Names of the scenes that come with the package."""
    return sorted(f.name[:-5] for f in _folder().iterdir() if f.name.endswith(".toml"))


def load_scene(name: str, seed: int | None = None, rate: float | None = None) -> Scene:
    """A preset by name, or the scene in a TOML file (or a drawn one in JSON).

    `seed` and `rate` replace the scene's own. What the file gives as a distribution is drawn by the
    seed. UsageError says what is wrong.
    """
    document, folder = read_scene(name)
    return draw_document(name, document, folder, seed, rate)


def read_scene(name: str) -> tuple[dict[str, Any], Path]:
    """The document of a scene as it is written, and the folder that its paths are relative to."""
    try:
        if name in presets():
            return tomllib.loads((_folder() / f"{name}.toml").read_text("utf-8")), Path()
        if Path(name).suffix == ".toml":
            return tomllib.loads(Path(name).read_text("utf-8")), Path(name).parent
        if name.endswith(DRAWN):
            return dict(json.loads(Path(name).read_text("utf-8"))), Path()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"scene {name}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"scene {name}: not TOML: {error}") from None
    except json.JSONDecodeError as error:
        raise UsageError(f"scene {name}: not JSON: {error}") from None
    have = ", ".join(presets())
    raise UsageError(f"scene {name!r} is not known: use {have} or a .toml file")


def draw_document(
    name: str, document: dict[str, Any], folder: Path, seed: int | None, rate: float | None = None
) -> Scene:
    """The scene that `seed` draws from a document: the same arguments, the same scene."""
    own = {
        **document,
        **({} if seed is None else {"seed": seed}),
        **({} if rate is None else {"sample_rate_hz": rate}),
    }
    try:
        return Scene.model_validate(resolve(own), context={"folder": folder}).apart()
    except DistributionError as error:
        raise UsageError(f"scene {name}: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(p) for p in first["loc"]) or "scene"
        raise UsageError(f"scene {name}: {where}: {first['msg']}") from None


def _folder() -> Traversable:
    return resources.files("radiofm_capture.scenes") / "presets"
