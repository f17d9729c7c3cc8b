"""`radiofm evaluate`: what a run is worth, beside what had to be beaten."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Annotated

import typer

from radiofm.cli import options, reports
from radiofm.cli.threads import wait_quietly


def evaluate(
    run: Annotated[
        Path, typer.Argument(help="Folder of a `radiofm finetune` or `radiofm pretrain` run.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the report. (default: RUN/report)", show_default=False),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Judge a run on items that it never saw, beside an untrained encoder and trivial answers."""
    wait_quietly()
    from radiofm_models.evaluation.run import evaluate as judge

    machine = f"{platform.machine()}, {os.cpu_count()} CPUs"
    folder = out or run / "report"
    report = judge(run, folder, f"radiofm evaluate {run}", machine)
    reports.close("evaluate", folder, report, as_json)
