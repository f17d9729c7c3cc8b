"""The command line: `radiofm COMMAND`. A command imports what it needs when it runs."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

from radiofm import __version__
from radiofm.errors import RadiofmError

app = typer.Typer(
    name="radiofm",
    help="Turns a software-defined radio into a live understanding of the spectrum.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"radiofm {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens.")] = False,
) -> None:
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(levelname).1s %(name)s: %(message)s",
        stream=sys.stderr,
    )


def main() -> None:
    """The console script: a user's mistake is one sentence and exit code 1 or 2."""
    from radiofm.cli import commands

    commands.register(app)
    try:
        app()
    except RadiofmError as error:
        typer.echo(f"radiofm: {error}", err=True)
        raise SystemExit(error.exit_code) from None
