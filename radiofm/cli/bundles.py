"""Where bundles are: shipped ones by name, others by their folder."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from radiofm.errors import BundleError


def bundle_path(name: str) -> Path:
    """The folder of a shipped bundle, like `nano`, or the folder `name` itself."""
    if "/" in name or Path(name).is_dir():
        return Path(name).resolve()
    shipped = Path(str(resources.files("radiofm_models"))) / "zoo"
    if (shipped / name).is_dir():
        return shipped / name
    have = sorted(folder.name for folder in shipped.glob("*/"))
    raise BundleError(f"bundle {name!r} is no folder, and shipped are {', '.join(have) or 'none'}")
