"""`radiofm reproduce`: a paper's table or figure, or a shipped bundle, made again from nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from radiofm.cli import complete, options, reports
from radiofm.cli.threads import wait_quietly

BUNDLE = "zoo-"


def reproduce(
    recipe: Annotated[
        str,
        typer.Argument(
            help="A table or figure of a paper, such as vit-msm-table-5; or zoo-nano, the bundle "
            "that is shipped.",
            autocompletion=complete.recipes,
        ),
    ],
    scale: Annotated[
        Literal["smoke", "paper", "full"] | None,
        typer.Option(
            help="smoke: small models, simulated data, minutes; paper: the paper's models, on your "
            "data; full: a bundle as it is shipped. (default: smoke, of a bundle full)",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=SOURCE, for each data set of the recipe: a folder, or NAME:PATH of a public "
            "set. Without it, what is missing is named.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of results, which recipes share. (default: runs/SCALE, of a bundle "
            "runs/RECIPE)",
            show_default=False,
        ),
    ] = None,
    recordings: Annotated[
        Path | None,
        typer.Option(
            help="Of a bundle: SigMF recordings, only evaluated. (default: $RADIOFM_SHARED/iq)"
        ),
    ] = None,
    baselines: Annotated[
        bool,
        typer.Option(
            help="Of a bundle: also train what it is compared with, an untrained encoder and one "
            "without pretraining; as costly as the bundle."
        ),
    ] = True,
    as_json: options.Json = False,
) -> None:
    """Run a recipe from nothing: a paper's table or figure beside ours, or a shipped bundle."""
    wait_quietly()
    if recipe.startswith(BUNDLE):
        folder = out or Path("runs") / recipe
        report = _bundle(recipe, scale or "full", folder, recordings, baselines)
        typer.echo(json.dumps(report) if as_json else f"{report['bundle']}: {json.dumps(report)}")
    else:
        _paper(recipe, scale or "smoke", out, data or [], as_json)


def _bundle(
    recipe: str, scale: str, out: Path, recordings: Path | None, baselines: bool
) -> dict[str, Any]:
    from radiofm.errors import UsageError
    from radiofm_models.reproduce import reproduce as run

    if scale == "paper":
        raise UsageError(f"--scale paper: {recipe} is of no paper: take smoke or full")
    shared = Path(os.environ.get("RADIOFM_SHARED", "../shared"))
    made = run(
        recipe, "smoke" if scale == "smoke" else "full", out, recordings or shared / "iq", baselines
    )
    return {
        "command": "reproduce",
        "bundle": str(out / "bundle"),
        "test": {
            name: {key: value for key, value in who["model"].items() if isinstance(value, float)}
            for name, who in made.metrics["test"].items()
        },
    }


def _paper(recipe: str, scale: str, out: Path | None, data: list[str], as_json: bool) -> None:
    from radiofm.errors import UsageError
    from radiofm_models.papers.run import reproduce as run

    if scale == "full":
        raise UsageError(f"--scale full: {recipe} is no bundle: take smoke or paper")
    sources = {}
    for each in data:
        name, equals, source = each.partition("=")
        if not equals or not source:
            raise UsageError(f"--data {each}: say NAME=SOURCE")
        sources[name] = source
    where = out or Path("runs") / scale
    folder, report = run(recipe, "smoke" if scale == "smoke" else "paper", where, sources)
    reports.close("reproduce", folder, report, as_json)
