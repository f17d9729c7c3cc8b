"""`radiofm simulate record` and `preview`: a scene as a recording, and as a picture."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radiofm.cli import complete, options
from radiofm.cli.stopping import on_stop

if TYPE_CHECKING:
    from radiofm_capture.scenes import Scene

DEFAULT_RATE = 20e6

SceneName = Annotated[
    str,
    typer.Argument(help="A preset or FILE.toml.", autocompletion=complete.scenes, metavar="SCENE"),
]
Seed = Annotated[int | None, typer.Option(help="Another seed than the scene's.")]
Rate = Annotated[
    str | None, typer.Option("--rate", "-s", help="Sample rate. (default: the scene's, or 20 MS/s)")
]
Fc = Annotated[
    str | None, typer.Option("--fc", "-f", help="Centre frequency. (default: the scene's)")
]


def record(
    scene: SceneName,
    out: Annotated[Path, typer.Option(help="Recording to write: NAME or NAME.sigmf-meta.")],
    seconds: Annotated[str, typer.Option(help="Length, of air.")] = "1s",
    rate: Rate = None,
    fc: Fc = None,
    seed: Seed = None,
    as_json: options.Json = False,
) -> None:
    """Write a scene as a SigMF recording, its truth as annotations: exact, and without a clock.

    The scene as it was drawn lies beside it: NAME.scene.json, which is a scene too.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from radiofm.quantities import parse_duration
    from radiofm_capture.scenes.record import record_scene

    length = parse_duration(seconds, "seconds")
    drawn, center_hz, rate_hz = _scene(scene, seed, rate, fc)
    began, stopped = time.monotonic(), threading.Event()
    with on_stop(stopped.set), Progress(
        BarColumn(), TextColumn("{task.completed:.2f} of {task.total:.2f} s"),
        TimeRemainingColumn(), console=Console(stderr=True), disable=as_json,
    ) as bar:  # fmt: skip
        task = bar.add_task("air", total=length)
        made = record_scene(
            drawn, scene, out, center_hz=center_hz, rate=rate_hz, seconds=length, stopped=stopped,
            progress=lambda air: bar.update(task, completed=air),
        )  # fmt: skip
    report = {
        "command": "simulate record", "scene": scene, "seed": drawn.seed,
        "recording": str(made.path), "center_frequency_hz": center_hz, "sample_rate_hz": rate_hz,
        "samples": made.samples, "samples_lost": made.lost, "boxes": made.notes,
        "seconds": round(time.monotonic() - began, 3),
    }  # fmt: skip
    if as_json:
        typer.echo(json.dumps(report))
    else:
        typer.echo(f"{made.samples} samples and {made.notes} boxes in {made.path}", err=True)


def preview(
    scene: SceneName,
    out: Annotated[Path, typer.Option(help="Picture to write: FILE.png or FILE.svg.")],
    seconds: Annotated[str, typer.Option(help="Length, of air; at most 1s.")] = "50ms",
    rate: Rate = None,
    fc: Fc = None,
    seed: Seed = None,
    as_json: options.Json = False,
) -> None:
    """Draw a scene: its spectrogram, with its truth as boxes; those of aliases are dotted."""
    from radiofm.quantities import parse_duration
    from radiofm_capture.scenes import ScenePlayer
    from radiofm_capture.scenes.preview import save_preview, title_of

    length = parse_duration(seconds, "seconds")
    drawn, center_hz, rate_hz = _scene(scene, seed, rate, fc)
    title = title_of(scene, drawn.seed, center_hz, rate_hz)
    boxes = save_preview(ScenePlayer(drawn), title, out, center_hz, rate_hz, length)
    if as_json:
        report = {"command": "simulate preview", "scene": scene, "seed": drawn.seed}
        typer.echo(json.dumps(report | {"out": str(out), "boxes": len(boxes)}))
    else:
        typer.echo(f"{len(boxes)} boxes in {out}", err=True)


def sheet(
    out: Annotated[Path, typer.Option(help="Picture to write: FILE.png or FILE.jpg.")],
    recordings: Annotated[
        Path | None, typer.Option(help="A folder of SigMF recordings to show beside.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Draw every waveform on one sheet, and real recordings beside them."""
    from rich.console import Console

    from radiofm_capture.scenes.sheet import save_sheet

    real = sorted(recordings.glob("*.sigmf-meta")) if recordings else []
    with Console(stderr=True, quiet=as_json).status("drawing") as status:
        panels = save_sheet(out, real, lambda title: status.update(f"drawing {title}"))
    if as_json:
        typer.echo(json.dumps({"command": "simulate sheet", "out": str(out), "panels": panels}))
    else:
        typer.echo(f"{panels} panels in {out}", err=True)


def _scene(
    name: str, seed: int | None, rate: str | None, fc: str | None
) -> tuple[Scene, float, float]:
    """The scene, and the centre and rate that it is received at."""
    from radiofm.quantities import parse_frequency, parse_rate
    from radiofm_capture.scenes import load_scene

    given = parse_rate(rate) if rate else None
    scene = load_scene(name, seed, given)
    center_hz = parse_frequency(fc, "fc") if fc else scene.center_frequency_hz
    return scene, center_hz, given or scene.sample_rate_hz or DEFAULT_RATE


COMMANDS: dict[str, Callable[..., None]] = {
    "record": record,
    "preview": preview,
    "sheet": sheet,
}
