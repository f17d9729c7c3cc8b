"""`radiofm reproduce`: a shipped bundle, made again from nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from radiofm.cli import options


def reproduce(
    recipe: Annotated[str, typer.Argument(help="zoo-nano, the bundle that is shipped.")],
    scale: Annotated[
        Literal["full", "smoke"], typer.Option(help="smoke: all stages in two minutes.")
    ] = "full",
    out: Annotated[
        Path | None, typer.Option(help="Folder of results. (default: runs/RECIPE)")
    ] = None,
    slices: Annotated[
        Path | None, typer.Option(help="Use this slice set and simulate none.")
    ] = None,
    recordings: Annotated[
        Path | None,
        typer.Option(help="SigMF recordings, only evaluated. (default: $RADIOFM_SHARED/iq)"),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Make a shipped bundle from nothing: simulate, pretrain, train heads, export, evaluate."""
    from radiofm_models.reproduce import reproduce as run

    shared = Path(os.environ.get("RADIOFM_SHARED", "../shared"))
    out = out or Path("runs") / recipe
    manifest = run(recipe, scale, out, slices, recordings or shared / "iq")
    metrics: dict[str, Any] = manifest.metrics
    report = {
        "command": "reproduce",
        "bundle": str(out / "bundle"),
        "accuracy": metrics["signals"]["test"]["accuracy"],
        "accuracy_majority": metrics["signals"]["majority"]["accuracy"],
        "iou_occupied": metrics["segmentation"]["test"]["iou_occupied"],
        "masked_mse": metrics["pretraining"]["masked_mse"],
    }
    typer.echo(json.dumps(report) if as_json else f"{out / 'bundle'}: {json.dumps(report)}")
