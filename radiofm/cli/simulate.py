"""`radiofm simulate`: labelled sets from simulated air."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Annotated

import typer

from radiofm.cli import complete, options, simulate_scene, simulate_sets

app = typer.Typer(help="Make labelled sets from simulated air.", no_args_is_help=True)


@app.command()
def scenes(
    out: Annotated[Path, typer.Option(help="Folder of the slice set to write.")],
    count: Annotated[int, typer.Option(min=1, help="Slices to make.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same set.")] = 0,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes. (default: one a core)")
    ] = None,
    rates: Annotated[
        str | None, typer.Option(help="Sample rates to draw from, like 2.4M,5M,20M.")
    ] = None,
    scene: Annotated[
        str | None,
        typer.Option(
            help="A scene with distributions, drawn anew for each four slices, at its own rates. "
            "(default: random scenes of all families)",
            autocompletion=complete.scenes,
        ),
    ] = None,
    size: simulate_sets.Size = 224,
    as_json: options.Json = False,
) -> None:
    """Write spectrogram slices of random scenes, with labels and masks."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from radiofm.errors import UsageError
    from radiofm.quantities import parse_rate
    from radiofm.spectrogram import SpectrogramSpec
    from radiofm_capture.simulate import RATES, simulate_slices

    if rates and scene:
        raise UsageError("--rates is for random scenes: give --scene FILE.toml its sample_rate_hz")
    drawn = [parse_rate(r, "rates") for r in rates.split(",")] if rates else RATES
    began = time.monotonic()
    with Progress(
        BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), disable=as_json,
    ) as bar:  # fmt: skip
        task = bar.add_task("slices", total=count)
        simulate_slices(
            out, count, seed, SpectrogramSpec(height=size, width=size), rates=drawn,
            workers=workers or os.cpu_count() or 1,
            progress=lambda made: bar.update(task, completed=made), scene=scene,
        )  # fmt: skip
    report = {
        "command": "simulate scenes", "out": str(out), "slices": count, "seed": seed,
        "seconds": round(time.monotonic() - began, 3),
    }  # fmt: skip
    if as_json:
        typer.echo(json.dumps(report))
    else:
        typer.echo(f"{count} slices in {out}", err=True)


for _name, _command in {**simulate_scene.COMMANDS, **simulate_sets.COMMANDS}.items():
    app.command(_name)(_command)
