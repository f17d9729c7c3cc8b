"""`radiofm corpus repair`: recordings that were cut off become valid SigMF."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from radiofm.cli import options
from radiofm.errors import RecordingError


def repair(
    folder: Annotated[Path, typer.Argument(help="A folder of recordings, or one recording.")],
    as_json: options.Json = False,
) -> None:
    """Repair recordings that a crash cut off: an exact prefix, every gap; labels may be lost."""
    from radiofm_capture.repair import broken
    from radiofm_capture.repair import repair as run

    if not folder.exists() and not broken(folder):
        raise RecordingError(f"{folder} is not there: name a folder or a recording")
    with _progress(broken(folder, below=True), quiet=as_json) as progress:
        done = run(folder, below=True, progress=progress)
    failed = [one for one in done if one.action == "failed"]
    if as_json:
        repairs = [{**asdict(one), "path": str(one.path)} for one in done]
        report = {"command": "corpus repair", "folder": str(folder), "repairs": repairs}
        typer.echo(json.dumps({**report, "failed": len(failed)}))
    else:
        for one in done:
            if one.action != "failed":
                typer.echo(one)
        if not done:
            typer.echo(f"{folder}: nothing to repair")
    if failed:
        raise RecordingError("; ".join(str(one) for one in failed))


@contextmanager
def _progress(journals: list[Path], *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A bar over the bytes to check, on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    data = [path.with_suffix(".sigmf-data") for path in journals]
    total = sum(path.stat().st_size for path in data if path.exists())
    with Progress(
        "checking", BarColumn(), DownloadColumn(), TimeRemainingColumn(),
        console=console, disable=quiet or not console.is_terminal, transient=True,
    ) as bar:  # fmt: skip
        task = bar.add_task("checking", total=total)
        yield lambda count: bar.advance(task, count)
