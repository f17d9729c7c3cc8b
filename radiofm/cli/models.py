"""`radiofm models`: bundles that are at hand, and weights from and to others."""

from __future__ import annotations

import typer

from radiofm.cli import models_bundles, models_weights

app = typer.Typer(
    help="Bundles and weights: list, verify, pull, push, import, convert.", no_args_is_help=True
)
app.command("list")(models_bundles.list_)
app.command()(models_bundles.verify)
app.command()(models_bundles.pull)
app.command()(models_weights.push)
app.command("import")(models_weights.import_)
app.command()(models_weights.convert)
