"""`radiofm virtual-pluto`: a scene or a recording, served as if by a PlutoSDR."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radiofm.cli import complete, options
from radiofm.cli.stopping import on_stop

if TYPE_CHECKING:
    from radiofm_capture.device import SampleSource


def virtual_pluto(
    port: Annotated[int, typer.Option(help="TCP port; 0 takes a free one.")] = 30431,
    seconds: Annotated[
        str | None, typer.Option(help="End after so long: 20s. (default: Ctrl-C)")
    ] = None,
    scene: Annotated[
        str, typer.Option(help="A preset or FILE.toml.", autocompletion=complete.scenes)
    ] = "ism24",
    seed: Annotated[int | None, typer.Option(help="Another seed than the scene's.")] = None,
    path: Annotated[
        Path | None, typer.Option(help="Play a recording instead, round and round.")
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="stall@2s:300ms, drop@3s:5 (blocks), disconnect@4s; repeatable."),
    ] = None,
    rate: Annotated[
        str, typer.Option(help="The sample rate to be ready for; others are rendered when asked.")
    ] = "4 MS/s",
    as_json: options.Json = False,
) -> None:
    """Serve a scene or a recording as a PlutoSDR would, on this machine only. It is no hardware."""
    from radiofm.quantities import parse_duration, parse_rate
    from radiofm_capture.virtual_pluto import VirtualPluto

    length = parse_duration(seconds, "seconds") if seconds else None
    rate_hz = parse_rate(rate)
    source, center_hz = _source(scene, seed, rate_hz, path)
    stopped = threading.Event()
    server = VirtualPluto(source, port=port, faults=fault or ())
    with on_stop(stopped.set), server:
        server.prepare(center_hz, round(rate_hz))
        if as_json:  # at once: it is what another program waits for
            typer.echo(json.dumps({"command": "virtual-pluto", "uri": server.uri}))
        else:
            playing = path or f"scene {scene}"
            typer.echo(f"virtual PlutoSDR, not hardware: {server.uri} plays {playing}", err=True)
            typer.echo(f"try: radiofm capture --uri {server.uri} --fc 2.44e9", err=True)
        stopped.wait(length)


def _source(
    scene: str, seed: int | None, rate_hz: float, path: Path | None
) -> tuple[SampleSource, float]:
    """What is played, and its centre in Hz."""
    if path:
        from radiofm.recording import Recording
        from radiofm_capture.recording_source import RecordingSource

        recording = Recording.open(path)
        center_hz = recording.segments[0].center_frequency_hz or 0.0
        return RecordingSource(recording), center_hz
    from radiofm_capture.scenes import ScenePlayer, load_scene

    player = ScenePlayer(load_scene(scene, seed, rate_hz))
    return player, player.scene.center_frequency_hz
