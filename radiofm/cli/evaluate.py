"""`radiofm evaluate`: what a run is worth beside what had to be beaten; a bundle on real air, or
on fewer patches."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Annotated

import typer

from radiofm.cli import options, reports
from radiofm.cli.threads import wait_quietly

SLICES = 64


def evaluate(
    run: Annotated[
        str | None,
        typer.Argument(
            help="Folder of a `radiofm finetune` or `radiofm pretrain` run; with --recordings or "
            "--data a bundle's name or folder. (default: with these nano)",
            show_default=False,
        ),
    ] = None,
    recordings: Annotated[
        list[Path] | None,
        typer.Option(
            help="Manifest of real recordings (docs/real-air.md), or the folder of a "
            "manifest.json: judge a bundle's heads on these. Of several, a later one adds to what "
            "is known.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="A set (or NAME:PATH) that is new to a bundle: judge its heads by the share of "
            "patches that its encoder is given.",
            show_default=False,
        ),
    ] = None,
    patches: Annotated[
        str, typer.Option(help="With --data: the shares of the patches.")
    ] = "1,0.5,0.25",
    slices: Annotated[
        int, typer.Option(min=1, help="With --recordings: slices of each recording, at most.")
    ] = SLICES,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "--report",
            help="Folder of the report. (default: RUN/report; of a bundle none is written)",
            show_default=False,
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Judge a run on items that it never saw, beside an untrained encoder and trivial answers; or
    a bundle on real recordings, beside what is known of them, or on fewer patches."""
    wait_quietly()
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs"
    if recordings:
        _on_air(run or "nano", recordings, slices, out, machine, as_json)
        return
    if data is not None:
        _fewer_patches(run or "nano", data, patches, out, machine, as_json)
        return
    from radiofm.errors import UsageError
    from radiofm_models.evaluation.run import evaluate as judge

    if run is None:
        raise UsageError("RUN is missing: name the folder of a run, --recordings or --data")
    folder = out or Path(run) / "report"
    report = judge(Path(run), folder, f"radiofm evaluate {run}", machine)
    reports.close("evaluate", folder, report, as_json)


def _on_air(
    name: str, manifests: list[Path], slices: int, out: Path | None, machine: str, as_json: bool
) -> None:
    from radiofm.cli.bundles import bundle_path
    from radiofm_models.evaluation.air_report import evaluate_on_air

    command = f"radiofm evaluate {name}" + "".join(f" --recordings {file}" for file in manifests)
    command += f" --slices {slices}" if slices != SLICES else ""
    report, figures = evaluate_on_air(bundle_path(name), manifests, out, command, machine, slices)
    reports.close("evaluate", out, report, as_json, {"bundle": name, **figures})


def _fewer_patches(
    name: str, data: str, patches: str, out: Path | None, machine: str, as_json: bool
) -> None:
    from radiofm.cli.bundles import bundle_path
    from radiofm.errors import UsageError
    from radiofm_models.evaluation.patches import evaluate_patches
    from radiofm_models.report import write_report

    try:
        shares = [float(share) for share in patches.split(",")]
    except ValueError:
        raise UsageError(f"patches {patches!r} are no shares: write 1,0.5,0.25") from None
    command = f"radiofm evaluate {name} --data {data} --patches {patches}"
    report = evaluate_patches(bundle_path(name), data, shares, command, machine)
    if out:
        write_report(report, out)
    reports.close("evaluate", out, report, as_json)
