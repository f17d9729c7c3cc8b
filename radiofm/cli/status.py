"""`radiofm status`: is the chain alive. One heartbeat of each daemon, then an exit code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radiofm.cli import options
from radiofm.cli.complete import daemons as complete_daemons
from radiofm.errors import RadiofmError, UsageError

if TYPE_CHECKING:
    from radiofm.wire import StatusHeader


def status(
    daemons: Annotated[
        list[str] | None,
        typer.Argument(
            help="capture, spectrogram, infer. (default: all)", autocompletion=complete_daemons
        ),
    ] = None,
    wait: Annotated[str, typer.Option(help="How long to listen.")] = "5s",
    as_json: options.Json = False,
) -> None:
    """Listen for one heartbeat of each daemon; exit code 1 where one is silent or ends."""
    from radiofm.heartbeat import SPEAKS_ON, hear
    from radiofm.quantities import parse_duration
    from radiofm.topics import endpoint_for

    wanted = daemons or list(SPEAKS_ON)
    if unknown := [name for name in wanted if name not in SPEAKS_ON]:
        raise UsageError(f"daemon {unknown[0]!r} is unknown: take {', '.join(SPEAKS_ON)}")
    endpoints = {name: endpoint_for(SPEAKS_ON[name]) for name in wanted}
    heard = hear(endpoints, parse_duration(wait, "wait"))
    if as_json:
        found = {name: _summary(heard.get(name)) for name in wanted}
        typer.echo(json.dumps({"command": "status", "daemons": found}))
    else:
        for header in heard.values():
            typer.echo(_line(header))
    dead = [name for name in wanted if name not in heard or heard[name].state == "ended"]
    if dead:
        raise RadiofmError(
            f"no heartbeat of {', '.join(dead)} within {wait}: start `radiofm {dead[0]}`"
        )


def _summary(header: StatusHeader | None) -> dict[str, Any] | None:
    if header is None:
        return None
    fields = {"state", "device", "center_frequency_hz", "sample_rate_hz", "samples", "slices"}
    return header.model_dump(include=fields | {"gauges", "heads", "note"})


def _line(header: StatusHeader) -> str:
    from radiofm.quantities import format_si

    parts = [f"{header.daemon:12} {header.state:8}"]
    if header.sample_rate_hz:
        parts.append(format_si(header.center_frequency_hz, "Hz"))
        parts.append(f"{header.sample_rate_hz / 1e6:g} MS/s")
    if (samples := header.samples) and samples.span:
        about = "~" if samples.lost_estimated else ""
        parts.append(f"{samples.received} samples, lost {about}{samples.lost}")
    if (slices := header.slices) and slices.slices:
        parts.append(f"{slices.inferred} of {slices.slices} slices")
    return "  ".join([*parts, *filter(None, [", ".join(header.heads), header.note])])
