"""Where bundles are: shipped and pulled ones by name, others by their folder."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from radiofm.errors import BundleError


def bundle_path(name: str) -> Path:
    """The folder of a shipped or pulled bundle, like `nano`, or the folder `name` itself."""
    if "/" in name or Path(name).is_dir():
        return Path(name).resolve()
    known = named_bundles()
    if name in known:
        return known[name]
    raise BundleError(
        f"bundle {name!r} is no folder, and there are {', '.join(known) or 'none'}: name one, or "
        "fetch it by `radiofm models pull`"
    )


def named_bundles() -> dict[str, Path]:
    """The folders of all bundles that have a name: first those shipped, then those pulled."""
    shipped, pulled = (
        {file.parent.name: file.parent for file in sorted(folder.glob("*/bundle.json"))}
        for folder in (shipped_bundles(), pulled_bundles())
    )
    return {**shipped, **{name: path for name, path in pulled.items() if name not in shipped}}


def shipped_bundles() -> Path:
    """The folder of the bundles that come with radiofm."""
    return Path(str(resources.files("radiofm_models"))) / "zoo"


def pulled_bundles() -> Path:
    """The folder that `radiofm models pull` puts bundles in."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "radiofm" / "bundles"
