"""`radiofm demo`: the whole chain without a radio: scene -> labels, held against the truth."""

from __future__ import annotations

import json
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radiofm.cli import complete, options

if TYPE_CHECKING:
    from radiofm.wire import ResultHeader
    from radiofm_capture.scenes import ScenePlayer

FC_HZ = 2.44e9
HEAD = "signals"  # the classification head of the shipped bundle


def demo(
    seconds: Annotated[float, typer.Option(help="How long, in seconds of air.")] = 20.0,
    rate: Annotated[str, typer.Option("--rate", "-s", help="Sample rate.")] = "5 MS/s",
    scene: Annotated[
        str, typer.Option(help="A preset's name or FILE.toml.", autocompletion=complete.scenes)
    ] = "carousel",
    seed: Annotated[int | None, typer.Option(help="Another seed than the scene's.")] = None,
    device: Annotated[
        str, typer.Option(help="pluto: through the virtual Pluto and the real driver; sim; auto.")
    ] = "auto",
    bundle: options.BundleName = None,
    patches: options.PatchShare = None,
    choose: options.Choose = None,
    deadline: options.Deadline = None,
    fault: Annotated[
        list[str] | None, typer.Option(help="A fault of the device, like stall@5s:300ms.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Save the last view as an SVG picture.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Watch the whole chain work on a simulated scene; closes with one line of JSON."""
    from radiofm.cli.chain import Chain, raise_failure, run
    from radiofm.cli.live import arguments
    from radiofm.quantities import parse_rate
    from radiofm_capture.scenes import ScenePlayer, load_scene

    rate_hz = parse_rate(rate)
    player = ScenePlayer(load_scene(scene, seed, rate_hz))
    through_pluto = device == "pluto" or (device == "auto" and _libiio())
    air = ["--scene", scene, *(["--seed", str(seed)] if seed is not None else [])]
    faults = [part for text in fault or [] for part in ("--fault", text)]
    model = ["--bundle", bundle] if bundle else []
    thinning = options.given(patches=patches, choose=choose, deadline=deadline)
    tuning = ["--fc", str(FC_HZ), "--rate", str(rate_hz), "--duration", str(seconds)]
    radio = ["--device", "pluto"] if through_pluto else ["--device", "sim", *air, *faults]
    report_to = _Collector()
    report = run(
        Chain(
            virtual_pluto=[*air, "--rate", str(rate_hz), *faults] if through_pluto else None,
            capture=[*radio, *tuning],
            spectrogram=model,
            infer=[*model, *arguments(thinning)],
            quiet=as_json,
            picture=picture,
            collect=report_to,
        )
    )
    report["heads"] = {
        head: {
            "version": version,
            **(score(report_to.results, player, rate_hz) if head == HEAD else {}),
        }
        for head, version in report["heads"].items()
    }
    if not as_json:
        tell(report)
    typer.echo(json.dumps(report))
    raise_failure(report)


def tell(report: dict[str, Any]) -> None:
    """What was seen against what was on air, for people."""
    from rich.console import Console
    from rich.table import Table

    from radiofm.cli.live import sentence

    console, signals = Console(stderr=True), report["heads"].get(HEAD, {})
    console.print(sentence(report), highlight=False)
    if not signals.get("labels"):
        return
    table = Table("on air", "slices", "recognised", title="seen against the scene's truth")
    for label, slices in signals["truth"].items():
        table.add_row(label, str(slices), f"{signals['recall'][label]:.0%}")
    console.print(table)
    console.print(
        f"right in {signals['accuracy']:.1%} of the slices; always saying the commonest class "
        f"would be in {signals['accuracy_trivial']:.1%}, chance in "
        f"{signals['accuracy_chance']:.1%}",
        highlight=False,
    )


def _libiio() -> bool:
    from ctypes.util import find_library
    from importlib.util import find_spec

    return bool(find_spec("adi") and find_library("iio"))


class _Collector:
    """Keeps every result of a run."""

    def __init__(self) -> None:
        self.results: list[ResultHeader] = []

    def run(self, endpoint: str, done: threading.Event) -> None:
        """Follow the results until the service's last word, or `done` and silence."""
        from radiofm.bus import Subscriber
        from radiofm.topics import CHANNELS
        from radiofm.wire import ResultHeader, StatusHeader

        channel = CHANNELS["result"]
        subscriber = Subscriber([endpoint], channel.topics, message_bytes=channel.message_bytes)
        try:
            while True:
                message = subscriber.receive(0.2)
                if message is None:
                    if done.is_set():
                        return
                elif isinstance(message.header, ResultHeader):
                    self.results.append(message.header)
                elif isinstance(message.header, StatusHeader) and message.header.state == "ended":
                    return
        finally:
            subscriber.close()


def score(results: list[ResultHeader], player: ScenePlayer, rate_hz: float) -> dict[str, Any]:
    """What the head said against what was on air, slice by slice.

    Slices after a loss of estimated length are left out: their true index is not known. The trivial
    baseline always says the commonest class; chance is one in the number of classes.
    """
    said: Counter[str] = Counter()
    true: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for result in results:
        answer = next((h for h in result.heads if h.name == HEAD), None)
        if answer is None or not answer.labels:
            continue
        if any(not loss.exact for loss in result.lost):
            break
        label = answer.labels[0].label
        truth = player.label(result.sample_index, result.sample_count, FC_HZ, rate_hz)
        said[label] += 1
        true[truth] += 1
        right[truth] += label == truth
    total = sum(true.values())
    if not total:
        return {"labels": {}, "accuracy": None}
    return {
        "labels": dict(said.most_common()),
        "truth": dict(true.most_common()),
        "slices": total,
        "accuracy": round(sum(right.values()) / total, 4),
        "accuracy_trivial": round(max(true.values()) / total, 4),
        "accuracy_chance": round(1 / len(true), 4),
        "recall": {label: round(right[label] / n, 3) for label, n in true.items()},
    }
