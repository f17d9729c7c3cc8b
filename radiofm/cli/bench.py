"""`radiofm bench`: how fast, as ratios to named rivals on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radiofm.cli import options
from radiofm.errors import UsageError

if TYPE_CHECKING:
    from radiofm_services.bench.figures import Figure

ALL = "all"


def bench(
    name: Annotated[
        str, typer.Argument(help="What to measure: spectrogram, serving, live, annotate; all.")
    ],
    keep: Annotated[
        Path | None,
        typer.Option(
            help="Folder whose benchmarks.json and benchmarks.md are to tell the figures, in place "
            "of those of before. (default: none)",
            show_default=False,
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Measure against rivals: ratios of one run, interleaved, of minima; it takes minutes."""
    from rich.console import Console

    from radiofm_services.bench import BENCHES
    from radiofm_services.bench.figures import Figure, machine
    from radiofm_services.bench.kept import keep as keep_in

    if name not in (*BENCHES, ALL):
        known = ", ".join((*BENCHES, ALL))
        raise UsageError(f"bench {name!r} is unknown: take one of {known}")
    here = machine()
    figures: list[Figure] = []
    notes: list[str] = []
    with Console(stderr=True, quiet=as_json).status("measuring") as status:
        for one in BENCHES if name == ALL else [name]:
            before = len(figures), len(notes)
            for found in BENCHES[one]():
                if isinstance(found, Figure):
                    figures.append(found)
                    status.update(f"measuring: {found.what}")
                else:
                    notes.append(found)
            if keep:
                keep_in(keep, one, figures[before[0] :], notes[before[1] :], here)
    if as_json:
        report = {"command": "bench", "name": name, "machine": here, "notes": notes}
        typer.echo(json.dumps(report | {"figures": [figure.to_json() for figure in figures]}))
    else:
        _show(figures, notes, here)


def _show(figures: list[Figure], notes: list[str], machine: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(soft_wrap=True, highlight=False, markup=False)
    table = Table(box=None, pad_edge=False)
    for title in ("what", "ours", "rival"):
        table.add_column(title, overflow="fold")
    for title in ("ratio", "goal", "ours", "rival", "diff"):
        table.add_column(title, justify="right")
    for figure in figures:
        table.add_row(
            figure.what,
            figure.ours,
            figure.rival,
            f"{figure.ratio:.3g}x",
            f"{figure.goal:.3g}x" if figure.goal else "",
            f"{figure.ours_took:.2f}",
            f"{figure.rival_took:.2f}",
            "" if figure.difference is None else f"{figure.difference:.0e}",
        )
    console.print(table)
    for unit in dict.fromkeys(figure.unit for figure in figures):
        console.print(f"in {unit}; ratio: rival by ours")
    for note in notes:
        console.print(note)
    console.print(", ".join(f"{key} {value}" for key, value in machine.items() if value))
