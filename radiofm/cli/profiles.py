"""`radiofm profiles`: which there are, and where each value comes from."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from radiofm.cli import complete, options

app = typer.Typer(help="Profiles: named settings.", no_args_is_help=True)


@app.command("list")
def list_(as_json: options.Json = False) -> None:
    """The profiles there are."""
    from radiofm.settings import profile_names

    names = profile_names()
    if as_json:
        typer.echo(json.dumps(names))
        return
    for name, about in names.items():
        typer.echo(f"{name:14} {about}")


@app.command()
def show(
    name: Annotated[
        str,
        typer.Argument(help="A profile's name, or FILE.toml.", autocompletion=complete.profiles),
    ],
    origin: Annotated[bool, typer.Option("--origin", help="Where each value comes from.")] = False,
    as_json: options.Json = False,
) -> None:
    """All settings as they are with a profile (and the environment)."""
    from radiofm.settings import origins

    values = origins(name)
    if as_json:
        typer.echo(json.dumps({k: {"value": v, "origin": o} for k, (v, o) in values.items()}))
        return
    for key, (value, came) in values.items():
        text = json.dumps(value)
        typer.echo(f"{key:24} {text:30} {came}" if origin else f"{key:24} {text}")
