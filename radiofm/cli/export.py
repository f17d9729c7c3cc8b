"""`radiofm export`: heads and their encoder as a bundle that can be served."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from radiofm.cli import options
from radiofm.cli.threads import wait_quietly


def export(
    runs: Annotated[
        list[Path],
        typer.Argument(help="`radiofm finetune` runs on one encoder; heads get their names."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the bundle to write.")],
    name: Annotated[
        str | None, typer.Option(help="Of the bundle. (default: its folder's)", show_default=False)
    ] = None,
    adaptable: Annotated[
        bool, typer.Option("--adaptable", help="Let heads with LoRA adapters be loaded later, too.")
    ] = False,
    int8: Annotated[
        bool,
        typer.Option(
            "--int8", help="Add an 8-bit encoder, where it is faster here and loses little."
        ),
    ] = False,
    checkpoint: Annotated[
        bool,
        typer.Option(
            "--checkpoint",
            help="Bring the weights of encoder and decoder, to be adapted or fine-tuned elsewhere.",
        ),
    ] = False,
    as_json: options.Json = False,
) -> None:  # fmt: skip
    """Export heads to ONNX, all on one pass of their encoder, each graph compared with torch."""
    wait_quietly()
    from radiofm_models.export_run import export as run

    manifest = run(runs, out, name or out.resolve().name, adaptable, int8, checkpoint)
    parity = manifest.metrics["parity"]["max_abs_difference"]
    report = {
        "command": "export",
        "bundle": str(out),
        "heads": {
            head.name: {"task": head.task, "tap": head.tap, "modality": head.modality,
                        "adapter": head.adapter}
            for head in manifest.heads
        },
        "parity": parity,
        "int8": manifest.metrics.get("int8"),
    }  # fmt: skip
    if as_json:
        typer.echo(json.dumps(report))
        return
    for file, difference in parity.items():
        typer.echo(f"{file:40} differs from torch by {difference:.1e} at most")
    if int8:
        typer.echo(f"8-bit encoder: {json.dumps(report['int8'])}")
    typer.echo(f"{out}: serve it with `radiofm infer --bundle {out}`")
