"""`radiofm corpus`: a folder of recordings, made into a set to train on."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from radiofm.cli import import_, options
from radiofm.cli.bars import bar
from radiofm.cli.repair import repair

app = typer.Typer(help="Make a folder of recordings a set to train on.", no_args_is_help=True)
app.command("import")(import_.import_)
app.command()(repair)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of recordings.")]


@app.command()
def build(
    folder: Folder,
    spec: Annotated[
        str | None,
        typer.Option(
            help="How slices look: a preset (table-i, wavesfm, convlstm), FILE.toml, FILE.json or "
            "JSON; its statistics are measured. (default: as before, else table-i)"
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes. (default: one a core)")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Index the recordings below DIR and measure their slices; unchanged ones are not read."""
    from radiofm.cli.specs import spec_named
    from radiofm.corpus.build import build as run

    began = time.monotonic()
    with bar("MB", quiet=as_json) as progress:
        done = run(
            folder,
            spec_named(spec) if spec else None,
            workers or os.cpu_count() or 1,
            lambda read, total: progress(read // 10**6, total // 10**6),
        )
    report = {
        "command": "corpus build", "corpus": str(folder), "recordings": done.recordings,
        "read": done.read, "unchanged": done.unchanged, "forgotten": done.forgotten,
        "unread": done.unread, "slices": done.slices, "bytes_read": done.bytes_read,
        "seconds": round(time.monotonic() - began, 3), "spec_hash": done.spec.hash,
        "range_db": done.spec.range_db, "mean": done.spec.mean, "std": done.spec.std,
    }  # fmt: skip
    if as_json:
        typer.echo(json.dumps(report))
        return
    for reason in done.unread.values():
        typer.echo(f"not read: {reason}", err=True)
    low, high = done.spec.range_db
    typer.echo(
        f"{done.recordings} recordings ({done.read} read, {done.unchanged} unchanged, "
        f"{done.forgotten} gone, {len(done.unread)} not readable), {done.slices} slices; "
        f"{low:g} to {high:g} dBFS, mean {done.spec.mean:g}, std {done.spec.std:g}",
        err=True,
    )


@app.command()
def info(
    folder: Folder,
    plot: Annotated[
        Path | None, typer.Option(help="Draw it, too: FILE.svg, FILE.png or FILE.pdf.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Show what a corpus holds: air time, occupancy, clipping and gaps by band, rate, device."""
    from radiofm.corpus.summary import summarise

    summary = summarise(folder)
    if plot:
        from radiofm.corpus.plot import plot as draw

        draw(folder, plot)
    if as_json:
        report = {
            "command": "corpus info", "corpus": str(folder), **asdict(summary.whole),
            "bytes": summary.bytes, "unread": summary.unread,
            "by": {
                grouping: {name: asdict(figures) for name, figures in parts.items()}
                for grouping, parts in summary.parts.items()
            },
            "split": summary.rule.model_dump() if summary.rule else None,
            "spec": summary.spec.model_dump(), "plot": str(plot) if plot else None,
        }  # fmt: skip
        typer.echo(json.dumps(report))
        return
    from radiofm.cli.corpus_tables import show_summary

    show_summary(folder, summary)
    if plot:
        typer.echo(f"drew {plot}", err=True)


@app.command()
def audit(
    folder: Folder,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if anything is found.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Look for copies, leaks between splits, clipping, dead air, DC spurs and automatic gain."""
    from radiofm.corpus.audit import audit as run

    found = run(folder)
    if as_json:
        report = {"command": "corpus audit", "corpus": str(folder), **asdict(found)}
        typer.echo(json.dumps(report))
    else:
        from radiofm.cli.corpus_tables import show_audit

        show_audit(folder, found)
    if strict and found.findings:
        raise typer.Exit(1)


@app.command()
def split(
    folder: Folder,
    by: Annotated[
        Literal["recording", "session", "band", "device"],
        typer.Option(help="What is never divided."),
    ] = "recording",
    seed: Annotated[
        int | None,
        typer.Option(
            min=0, help="Another seed, other groups. (default: the first that fills all splits)"
        ),
    ] = None,
    fractions: Annotated[
        str, typer.Option(help="Expected shares of the groups: train,validation,test.")
    ] = "0.8,0.1,0.1",
    as_json: options.Json = False,
) -> None:
    """Divide a corpus into train, validation and test by whole groups, and record it."""
    from radiofm.corpus.split import split as run

    done = run(folder, by, seed, _fractions(fractions))
    if as_json:
        report = {
            "command": "corpus split", "corpus": str(folder), **done.rule.model_dump(),
            "moved": done.moved, "splits": done.parts,
        }  # fmt: skip
        typer.echo(json.dumps(report))
        return
    from radiofm.cli.corpus_tables import show_split

    show_split(done)


@app.command()
def export(
    folder: Folder,
    to: Annotated[Path, typer.Option(help="Folder of the shards to write.")],
    split: Annotated[
        Literal["train", "validation", "test"] | None,
        typer.Option(help="One split alone. (default: all slices)", show_default=False),
    ] = None,
    content: Annotated[
        Literal["samples", "decibels"],
        typer.Option(help="samples as recorded, or decibels: images before standardising."),
    ] = "samples",
    shard_size: Annotated[
        str, typer.Option(help="Bytes after which another shard begins: 256MB, 1G.")
    ] = "256MB",
    seed: Annotated[int, typer.Option(min=0, help="The same seed, the same order.")] = 0,
    as_json: options.Json = False,
) -> None:
    """Write slices as tar shards in WebDataset's layout, for training elsewhere."""
    from radiofm.corpus.export import export as run
    from radiofm.quantities import parse_size

    with bar("slices", quiet=as_json) as progress:
        manifest = run(
            folder, to, split, content=content, shard_bytes=parse_size(shard_size, "shard-size"),
            seed=seed, progress=progress,
        )  # fmt: skip
    total = sum(shard["bytes"] for shard in manifest["shards"])
    if as_json:
        typer.echo(json.dumps({"command": "corpus export", "out": str(to), **manifest}))
        return
    typer.echo(
        f"{manifest['slices']} slices of {manifest['recordings']} recordings in "
        f"{len(manifest['shards'])} shards, {total / 1e6:.0f} MB: {to}",
        err=True,
    )


def _fractions(text: str) -> tuple[float, float, float]:
    from radiofm.errors import UsageError

    try:
        train, validation, test = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"fractions {text!r} are not three numbers: write them like 0.8,0.1,0.1"
        ) from None
    return train, validation, test
