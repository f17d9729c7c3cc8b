"""`radiofm adapt`: a bundle made used to a receiver, by a minute of its air without labels."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from radiofm.cli import complete, options
from radiofm.cli.bundles import bundle_path
from radiofm.cli.threads import wait_quietly

_MSM = "With --how msm"
DEFAULTS: dict[str, Any] = {"steps": 200, "batch": 32, "lr": 1e-3, "seed": 0}


def _option(*names: str, help: str, **more: Any) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=_MSM, show_default=False, **more)


def adapt(
    bundle: Annotated[
        str, typer.Argument(help="A bundle's name or folder.", autocompletion=complete.bundles)
    ],
    data: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="What the receiver hears, without labels: recordings or folders of them, a "
            "corpus; or a set of spectrograms.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the bundle to write.")],
    how: Annotated[
        Literal["statistics", "msm"],
        typer.Option(
            help="statistics: its noise floor is brought to those learnt from; msm: the patch "
            "embedding goes on by masked modeling, of a bundle that brings its checkpoint."
        ),
    ] = "statistics",
    slices: Annotated[
        int, typer.Option(min=1, help="Slices of each source, at most, evenly spread.")
    ] = 1024,
    steps: Annotated[int | None, _option("--steps", min=1, help="(default: 200)")] = None,
    batch: Annotated[
        int | None, _option("--batch", min=1, help="Slices a step. (default: 32)")
    ] = None,
    lr: Annotated[
        float | None, _option("--lr", help="Learning rate at its highest. (default: 0.001)")
    ] = None,
    seed: Annotated[
        int | None, _option("--seed", min=0, help="Of order and masks. (default: 0)")
    ] = None,
    as_json: options.Json = False,
) -> None:  # fmt: skip
    """Adapt a bundle to your receiver from a minute of its air, without labels; heads stay."""
    wait_quietly()
    from radiofm.errors import UsageError
    from radiofm_models.adapt import adapt as run
    from radiofm_models.adapt_msm import recipe_of_msm

    given = {
        name: value
        for name, value in {"steps": steps, "batch": batch, "lr": lr, "seed": seed}.items()
        if value is not None
    }
    if given and how != "msm":
        raise UsageError(f"--{next(iter(given))}: nothing is trained by {how}: leave it out")
    recipe = recipe_of_msm(DEFAULTS | given) if how == "msm" else None
    words = ["radiofm", "adapt", bundle, *data, "--how", how, "--slices", str(slices)]
    words += [word for name, value in given.items() for word in (f"--{name}", str(value))]
    command = shlex.join([*words, "--out", str(out)])
    made = run(bundle_path(bundle), data, out, command, slices, recipe)
    report = {
        "command": "adapt", "bundle": str(out), "how": how, "slices": made.slices, **made.figures,
    }  # fmt: skip
    if as_json:
        typer.echo(json.dumps(report))
        return
    if how == "statistics":
        low, high = made.figures["learnt_floor_dbfs"]
        typer.echo(
            f"noise floor {made.figures['floor_dbfs']:.1f} dBFS a bin, learnt from {low:.1f} to "
            f"{high:.1f}: slices are taken {-made.figures['offset_db']:+.1f} dB louder",
            err=True,
        )
    else:
        typer.echo(
            f"masked patches of slices left out: mean squared error "
            f"{made.figures['masked_mse_before']:.4f} before, {made.figures['masked_mse']:.4f} now",
            err=True,
        )
    typer.echo(f"{out}: {made.slices} slices; serve it with `radiofm live --bundle {out}`")
