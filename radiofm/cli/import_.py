"""`radiofm corpus import`: recordings of other programs, turned into SigMF."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from radiofm.cli import options


def import_(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH",
            help="Recordings: raw files (.cu8, .cs16, .cf32 and others), .wav with I and Q, the "
            "papers' RRD .npy, SigMF pairs, archives (.sigmf) and collections.",
        ),
    ],
    to: Annotated[Path, typer.Option("--to", help="Folder of the SigMF recordings to write.")],
    datatype: Annotated[
        str | None,
        typer.Option(help="Of raw files: cu8 ci8 ci16 cf32 cf64. (default: by their suffix)"),
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option("--rate", "-s", help="Sample rate: 4e6, 4 MS/s. (default: what they say)"),
    ] = None,
    fc: Annotated[
        str | None,
        typer.Option("--fc", "--freq", "-f", help="Centre: 2.44e9. (default: what they say)"),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Turn recordings of other programs into SigMF, the samples as they are.

    What is known is kept: SigMF metadata, a header, a name such as g001_433.92M_250k.cu8. Options
    come before names and headers.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    from radiofm.quantities import parse_frequency, parse_rate
    from radiofm.recording import open_recordings
    from radiofm.sigmf_import import import_recording

    rate_hz = parse_rate(rate, "--rate") if rate else None
    center_hz = parse_frequency(fc, "--fc") if fc else None
    recordings = [
        recording
        for path in paths
        for recording in open_recordings(
            path, datatype=datatype, sample_rate_hz=rate_hz, center_frequency_hz=center_hz
        )
    ]
    made = []
    with Progress(
        BarColumn(), DownloadColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), disable=as_json, transient=True,
    ) as bar:  # fmt: skip
        task = bar.add_task("import", total=sum(r.data.nbytes for r in recordings))
        for recording in recordings:
            made.append(
                import_recording(
                    recording, to, center_hz, lambda size: bar.update(task, advance=size)
                )
            )
    if as_json:
        report = {
            "command": "corpus import",
            "recordings": [str(path) for path in made],
            "samples": sum(recording.count for recording in recordings),
        }
        typer.echo(json.dumps(report))
        return
    for recording, path in zip(recordings, made, strict=True):
        typer.echo(f"{path}: {recording.count} samples of {recording.datatype}", err=True)
