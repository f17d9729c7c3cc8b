"""`radiofm corpus`: recordings made into a corpus."""

from __future__ import annotations

import typer

from radiofm.cli import import_

app = typer.Typer(help="Recordings, made into a corpus.", no_args_is_help=True)
app.command("import")(import_.import_)


@app.callback()
def _group() -> None:
    """Keeps `import` a subcommand while it is the only one."""
