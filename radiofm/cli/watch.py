"""`radiofm watch`: the terminal view of a running chain."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radiofm.cli import options
from radiofm.cli.stopping import on_stop

if TYPE_CHECKING:
    from radiofm_services.view.state import ViewState


def watch(
    iq: Annotated[str | None, typer.Option(help="Endpoint of `radiofm capture`.")] = None,
    slices: Annotated[str | None, typer.Option(help="Endpoint of `radiofm spectrogram`.")] = None,
    results: Annotated[str | None, typer.Option(help="Endpoint of `radiofm infer`.")] = None,
    seconds: Annotated[
        str | None, typer.Option(help="Stop after so long: 30s, 5m. (default: when the chain ends)")
    ] = None,
    patience: Annotated[str, typer.Option(help="Give up when nothing comes for so long.")] = "10s",
    fps: Annotated[float, typer.Option(min=0.5, max=30, help="Frames per second.")] = 10,
    plain: Annotated[bool, typer.Option("--plain", help="A line a second, no screen.")] = False,
    picture: Annotated[
        Path | None, typer.Option(help="Save the last view as an SVG picture.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show the waterfall, the heads' labels and the account of a running chain."""
    from rich.console import Console

    from radiofm.quantities import parse_duration
    from radiofm.topics import endpoint_for
    from radiofm_services.view.watch import run_view

    stop = threading.Event()
    endpoints = [
        iq or endpoint_for("iq"),
        slices or endpoint_for("slice"),
        results or endpoint_for("result"),
    ]
    with on_stop(stop.set):
        state = run_view(
            endpoints,
            stop,
            Console(quiet=as_json),
            fps=fps,
            seconds=parse_duration(seconds, "--seconds") if seconds else None,
            patience_s=parse_duration(patience, "--patience"),
            plain=plain,
            picture=picture,
        )
    if as_json:
        typer.echo(json.dumps(closing(state)))


def closing(state: ViewState) -> dict[str, Any]:
    """What was seen, for programs; figures of the chain are null where no daemon told them."""
    samples, slices = state.samples, state.slice_account
    return {
        "command": "watch",
        "samples_received": samples.received if samples else None,
        "samples_lost": samples.lost if samples else None,
        "samples_lost_estimated": samples.lost_estimated if samples else None,
        "samples_untaken": samples.untaken if samples else None,
        "slices": slices.slices if slices else None,
        "slices_inferred": slices.inferred if slices else None,
        "slices_untaken": slices.untaken if slices else None,
        "slices_skipped": slices.skipped if slices else None,
        "coverage": state.gauge("infer", "coverage"),
        "slices_drawn": state.slices,
        "slices_not_drawn": state.skipped,
        "results": state.results,
        "ended": state.ended,
    }
