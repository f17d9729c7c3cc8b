"""`radiofm enroll`: new signals by a few examples, without training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from radiofm.cli import complete, options
from radiofm.cli.bundles import bundle_path
from radiofm.cli.threads import wait_quietly


def enroll(
    data: Annotated[
        str,
        typer.Argument(
            help="Labelled examples: recordings in a folder for each label, or listed in "
            "labels.csv; a slice set or array set."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the bundle to write.")],
    bundle: Annotated[
        str,
        typer.Option(help="Whose encoder is used.", autocompletion=complete.bundles),
    ] = "nano",
    name: Annotated[str, typer.Option(help="Of the head.")] = "prototypes",
    shots: Annotated[
        int | None,
        typer.Option(min=1, help="Slices of each label. (default: all)", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="By which they are drawn.")] = 0,
    as_json: options.Json = False,
) -> None:
    """Add a head that knows signals by the mean of a few examples each; nothing is trained."""
    wait_quietly()
    from radiofm_models.enroll import enroll as run

    made = run(data, bundle_path(bundle), out, name, shots, seed)
    report = {
        "command": "enroll",
        "bundle": str(out),
        "head": name,
        "examples": made.examples,
        "left_out_accuracy": made.left_out_accuracy,
    }
    if as_json:
        typer.echo(json.dumps(report))
        return
    for label, count in made.examples.items():
        typer.echo(f"{label:16} {count:6} slices")
    if made.left_out_accuracy is not None:
        typer.echo(f"an example that was left out is known in {made.left_out_accuracy:.1%}")
    typer.echo(f"{out}: radiofm heads load {name} --bundle {out}")
