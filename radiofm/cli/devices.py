"""`radiofm devices`: the radios within reach."""

from __future__ import annotations

import json

import typer

from radiofm.cli import options
from radiofm.errors import DeviceError


def devices(as_json: options.Json = False) -> None:
    """List the radios within reach."""
    from radiofm_capture.pluto import find_plutos

    found = [{"device": "pluto", "uri": uri, "description": text} for uri, text in find_plutos()]
    if as_json:
        typer.echo(json.dumps(found))
    elif not found:
        raise DeviceError(
            "no radio found: plug in a Pluto, or give its address with --uri ip:ADDRESS "
            "(`radiofm demo` needs none)"
        )
    else:
        for entry in found:
            typer.echo(f"{entry['device']:8} {entry['uri']:24} {entry['description']}")
