"""`radiofm corpus`: folders of recordings."""

from __future__ import annotations

import typer

from radiofm.cli.repair import repair

app = typer.Typer(help="Corpora: folders of recordings.", no_args_is_help=True)
app.command()(repair)


@app.callback()
def _group() -> None:
    """Keeps the group a group while it has one command."""
