"""`radiofm models verify`: is a bundle what it says? Its files by their hashes, its figures by the
predictions that it carries."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from radiofm.bundle import MANIFEST, Bundle, HeadRecord
from radiofm.errors import BundleError
from radiofm_models.predictions import figures, head_of, read_predictions

CARD = "README.md"
CLOSE = 1e-9  # sums come out the same up to their order


@dataclass(frozen=True)
class Verified:
    """What was found right."""

    files: int
    unlisted: tuple[str, ...]  # files in the folder that the manifest does not name: never loaded
    figures: dict[str, dict[str, Any]]  # by test, computed again
    without: tuple[str, ...]  # heads of which no predictions are stored


def verify(bundle: Bundle) -> Verified:
    """Check every file and every figure of the bundle; BundleError names the first that differs."""
    for name in bundle.manifest.files:
        bundle.read(name)
    found: dict[str, dict[str, Any]] = {}
    for test, stored in read_predictions(bundle).items():
        found[test] = figures(bundle.head(head_of(test)), stored)
        said = bundle.manifest.metrics.get("test", {}).get(test, {}).get("model", {})
        _compare(bundle, test, dict(_flat(said)), dict(_flat(found[test])))
    judged = {head_of(test) for test in found}
    there = {str(path.relative_to(bundle.path)) for path in bundle.path.rglob("*")
             if not path.is_dir()}  # fmt: skip
    return Verified(
        len(bundle.manifest.files),
        tuple(sorted(there - {MANIFEST, CARD, *bundle.manifest.files})),
        found,
        tuple(head.name for head in bundle.manifest.heads if head.name not in judged),
    )


def _compare(bundle: Bundle, head: str, said: dict[str, Any], found: dict[str, Any]) -> None:
    for name in sorted(said.keys() | found.keys()):
        one, other = said.get(name), found.get(name)
        if not _same(one, other):
            raise BundleError(
                f"{bundle.path}: head {head}: {name} is {one} in {MANIFEST} and {other} by its "
                "predictions: do not rely on its figures"
            )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=CLOSE, abs_tol=CLOSE)
    return bool(one == other)


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Each number of nested tables, by its path."""
    if isinstance(value, Mapping):
        parts = value.items()
    elif isinstance(value, list | tuple):
        parts = {str(at): part for at, part in enumerate(value)}.items()
    else:
        yield name, value
        return
    for key, part in parts:
        yield from _flat(part, f"{name}.{key}" if name else str(key))


HEADLINES = {  # of each task, as bundles name them: the first that is there
    "classification": ("mean_class_accuracy", "accuracy"),
    "presence": ("mean_average_precision",),
    "segmentation": ("miou", "iou_occupied"),
    "reconstruction": ("mse",),
    "forecast": ("mse",),
    "regression": ("mean",),
    "channel": ("mse",),
}


def headline(bundle: Bundle, head: HeadRecord) -> tuple[str, float] | None:
    """The one figure to know a head by, and its name; None where the bundle tells none."""
    metrics = bundle.manifest.metrics
    tests = [test for test in metrics.get("test", {}) if head_of(test) == head.name]
    for path in (*(("test", test, "model") for test in tests), (head.name, "test")):
        table: Any = metrics
        for key in path:
            table = table.get(key) if isinstance(table, Mapping) else None
        for name in HEADLINES[head.task]:
            if isinstance(table, Mapping) and isinstance(table.get(name), int | float):
                return name, float(table[name])
    return None
