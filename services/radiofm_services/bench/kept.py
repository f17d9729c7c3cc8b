"""Figures kept in a folder: `benchmarks.json`, and `benchmarks.md`, the page that it makes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from radiofm.errors import RecordingError
from radiofm.files import put
from radiofm_services.bench.figures import Figure

RECORD, PAGE = "benchmarks.json", "benchmarks.md"
TITLES = ("what", "ours", "rival", "ratio", "goal", "ours took", "rival took", "unit")

HEAD = """# How fast

Made by `radiofm bench all --keep docs`. A ratio is the rival's time by ours: over 1, ours takes
less. Both were run in turn in one run, and the least of each counts; but for `live`, which is one
run against limits, and then a rival's. The machine of each table is
named above it. Other work on it (its load says how much) makes times longer; ratios of one core's
time stay much the same, those of wall time ("ms a slice") say little then. `goal` is the ratio to
reach.
"""

Kept = dict[str, dict[str, Any]]  # bench -> what was found, when, and where


def keep(
    folder: Path, name: str, figures: list[Figure], notes: list[str], machine: Mapping[str, Any]
) -> Path:
    """Put what bench `name` found in the place of what it found before; the page's path."""
    kept = read(folder) if (folder / RECORD).exists() else {}
    kept[name] = {
        "command": f"radiofm bench {name}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": dict(machine),
        "notes": notes,
        "figures": [figure.to_json() for figure in figures],
    }
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in ((RECORD, json.dumps(kept, indent=1) + "\n"), (PAGE, page(kept))):
        put(folder / file, text.encode(), folder / f"{file}.part")
    return folder / PAGE


def read(folder: Path) -> Kept:
    """What is kept in `folder`, or RecordingError."""
    try:
        kept: Kept = json.loads((folder / RECORD).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RecordingError(f"{folder / RECORD}: {error}: name another folder") from None
    return kept


def ratio(kept: Kept, figure: Figure) -> float | None:
    """The ratio that was kept of the same comparison; None where there is none."""
    for record in kept.values():
        for one in record["figures"]:
            if (one["what"], one["ours"], one["rival"]) == (
                figure.what, figure.ours, figure.rival,
            ):  # fmt: skip
                return float(one["ratio"])
    return None


def page(kept: Kept) -> str:
    """The page, as Markdown."""
    return "\n".join([HEAD, *(line for name in kept for line in _part(name, kept[name]))])


def _part(name: str, record: dict[str, Any]) -> Iterator[str]:
    yield f"## {name}"
    yield ""
    yield f"`{record['command']}`, {record['date']}: " + ", ".join(
        f"{key} {value}" for key, value in record["machine"].items() if value != ""
    )
    yield ""
    yield _row(TITLES)
    yield "|---|---|---|" + "---:|" * 4 + "---|"
    for one in record["figures"]:
        goal = f"{one['goal']:.3g}" if one["goal"] else ""
        yield _row(
            (one["what"], one["ours"], one["rival"], f"{one['ratio']:.3g}", goal,
             f"{one['ours_took']:.3g}", f"{one['rival_took']:.3g}", one["unit"])
        )  # fmt: skip
    yield ""
    for note in record["notes"]:
        yield f"- {note}"
    if record["notes"]:
        yield ""


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
