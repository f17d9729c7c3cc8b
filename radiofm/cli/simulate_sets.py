"""`radiofm simulate NAME` of the sets that are written as arrays."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer

from radiofm.cli import options
from radiofm.errors import UsageError

if TYPE_CHECKING:
    from radiofm.array_set_writer import Recipe
    from radiofm_capture.scenes.front_end import FrontEnd
    from radiofm_capture.sets.factors import Factor

Out = Annotated[Path, typer.Option(help="Folder of the set to write.")]
Count = Annotated[int, typer.Option(min=1, help="Samples to make.")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed makes the same bytes.")]
Size = Annotated[int, typer.Option(min=16, max=2048, help="Height and width of a slice, pixels.")]
Without = Annotated[
    str | None,
    typer.Option(
        help="What makes air like real air, to leave out: of receiver, level, bits, fading, "
        "partial, neighbours, rates, with commas between. (default: nothing)",
        show_default=False,
    ),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes. (default: one a core)")]


def channel_estimation(
    out: Out,
    count: Count = 10_000,
    seed: Seed = 0,
    workers: Workers = None,
    preset: Annotated[
        Literal["paper", "authors"],
        typer.Option(help="paper: 72 subcarriers, 1 x 8 panel; authors: 48, 4 x 2."),
    ] = "paper",
    as_json: options.Json = False,
) -> None:
    """MIMO-OFDM uplink grids and their channels by Sionna, with the errors of LS and LMMSE."""
    from radiofm.array_set import ArraySet
    from radiofm_models.ofdm import baselines
    from radiofm_models.sets.channel_estimation import PRESETS

    recipe = PRESETS[preset]
    known = partial(recipe.covariances, seed)
    report = _write(recipe, preset, out, count, seed, workers, as_json, known)
    table = baselines(ArraySet.open(out))
    _close(report | {"nmse_db": table}, as_json)
    if not as_json:
        typer.echo("NMSE in dB by SNR, of the first samples:", err=True)
        for snr_db, errors in table.items():
            line = ", ".join(f"{name} {value:.1f}" for name, value in errors.items())
            typer.echo(f"  {snr_db:3d} dB: {line}", err=True)


def positioning(
    out: Out,
    count: Count = 10_000,
    seed: Seed = 0,
    workers: Workers = None,
    preset: Annotated[
        Literal["outdoor", "indoor"],
        typer.Option(help="outdoor: 80 x 60 m, four stations; indoor: 60 x 20 m, five."),
    ] = "outdoor",
    as_json: options.Json = False,
) -> None:
    """Channel amplitudes at four or five base stations and the user's position."""
    from radiofm_capture.sets.positioning import PRESETS

    _close(_write(PRESETS[preset], preset, out, count, seed, workers, as_json), as_json)


def csi(
    out: Out,
    count: Count = 1200,
    seed: Seed = 0,
    workers: Workers = None,
    preset: Annotated[Literal["ntu-fi"], typer.Option(help="The layout: NTU-Fi HAR.")] = "ntu-fi",
    as_json: options.Json = False,
) -> None:
    """Wi-Fi CSI of six activities by moving scatterers: for smoke tests only."""
    from radiofm_capture.sets.csi import PRESETS

    _close(_write(PRESETS[preset], preset, out, count, seed, workers, as_json), as_json)


def beams(
    out: Out,
    count: Count = 43_200,
    seed: Seed = 0,
    workers: Workers = None,
    preset: Annotated[
        Literal["line", "panel"],
        typer.Option(help="line: 12 elements; panel: 8 x 8. Both of 24 beams, three devices."),
    ] = "line",
    as_json: options.Json = False,
) -> None:
    """IQ of a phased array's 24 beams, from three unlike devices."""
    from radiofm_capture.sets.beams import PRESETS

    _close(_write(PRESETS[preset], preset, out, count, seed, workers, as_json), as_json)


def aoa(
    out: Out,
    count: Count = 10_240,
    seed: Seed = 0,
    workers: Workers = None,
    preset: Annotated[
        Literal["three", "fine"],
        typer.Option(help="three: -45, 0 and 45 degrees; fine: -60 to 60 by 3."),
    ] = "three",
    as_json: options.Json = False,
) -> None:
    """IQ of four coherent channels and the angle of arrival."""
    from radiofm_capture.sets.aoa import PRESETS

    _close(_write(PRESETS[preset], preset, out, count, seed, workers, as_json), as_json)


def nr_lte(
    out: Out,
    count: Count = 1000,
    seed: Seed = 0,
    workers: Workers = None,
    preset: Annotated[
        Literal["paper", "impaired"],
        typer.Option(
            help="paper: one LTE and one NR carrier at 61.44 MS/s; impaired: as receivers get them."
        ),
    ] = "paper",
    split: Annotated[
        Literal["train", "test"],
        typer.Option(help="They share no scene. paper: noise N(-70, 5) or U(-90, -20) dBm."),
    ] = "train",
    labels: Annotated[
        Literal["channel", "occupied"] | None,
        typer.Option(
            help="channel: its bandwidth, all the time; occupied: subcarriers while downlink. "
            "(default: channel for paper, occupied for impaired)"
        ),
    ] = None,
    frame: Annotated[
        Literal["16ms", "40ms"], typer.Option(help="Length of a slice; the paper's are 40ms.")
    ] = "16ms",
    iq: Annotated[bool, typer.Option("--iq", help="Write the samples too: 8 MB a slice.")] = False,
    size: Size = 224,
    without: Without = None,
    as_json: options.Json = False,
) -> None:
    """LTE and NR spectrograms with masks of three classes: noise, LTE, NR."""
    from radiofm.quantities import parse_duration
    from radiofm.spectrogram import SpectrogramSpec
    from radiofm_capture.sets.nr_lte import PRESETS, Impaired

    recipe = PRESETS[preset]
    duration_s = parse_duration(frame, "frame")
    spec = SpectrogramSpec(duration_s=duration_s, height=size, width=size)
    recipe = replace(recipe, split=split, extent=labels or recipe.extent, iq=iq, spec=spec)
    if isinstance(recipe, Impaired):
        recipe = replace(recipe, without=_factors(without))
    elif without:
        raise UsageError(f"--without {without}: the paper's scenes have none of it: leave it out")
    extra = ["--split", split, "--labels", recipe.extent, "--frame", frame, *["--iq"] * iq]
    extra += ["--size", str(size), *(["--without", without] if without else [])]
    report = _write(recipe, preset, out, count, seed, workers, as_json, extra=extra)
    _close(report | {"split": split}, as_json)


def families(
    out: Out,
    count: Count = 2400,
    seed: Seed = 0,
    workers: Workers = None,
    preset: Annotated[
        Literal["single", "multi"],
        typer.Option(help="single: one family a slice, or noise; multi: two to four at once."),
    ] = "single",
    multi: Annotated[bool, typer.Option("--multi", help="Short for --preset multi.")] = False,
    consecutive: Annotated[
        int,
        typer.Option(help="Slices of each scene, one after the other; for tasks that foretell."),
    ] = 1,
    size: Size = 224,
    without: Without = None,
    receiver: Annotated[
        str | None,
        typer.Option(
            help='One receiver for all slices: JSON as in a scene\'s front_end, {"gain_db": 20, '
            '"corner": 0.6}. (default: one drawn for each)',
            show_default=False,
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Spectrograms of all signal families by impaired receivers, with labels and masks."""
    from radiofm.spectrogram import SpectrogramSpec
    from radiofm_capture.sets.families import PRESETS, Families

    preset = "multi" if multi else preset
    spec = SpectrogramSpec(height=size, width=size)
    if consecutive < 1 or Families.shard % consecutive:
        raise UsageError(f"--consecutive {consecutive}: take 1, 2, 3, 4, 6 or 12")
    one = _receiver(receiver) if receiver else None
    recipe = replace(
        PRESETS[preset], spec=spec, without=_factors(without), consecutive=consecutive, receiver=one
    )
    extra = ["--size", str(size), *(["--without", without] if without else [])]
    extra += ["--consecutive", str(consecutive)] if consecutive > 1 else []
    extra += ["--receiver", receiver] if receiver else []
    _close(_write(recipe, preset, out, count, seed, workers, as_json, extra=extra), as_json)


def _factors(without: str | None) -> tuple[Factor, ...]:
    from pydantic import TypeAdapter, ValidationError

    from radiofm_capture.sets.factors import Factor

    try:
        named = without.replace(" ", "").split(",") if without else []
        return TypeAdapter(tuple[Factor, ...]).validate_python(named)
    except ValidationError:
        known = ", ".join(get_args(Factor))
        raise UsageError(f"--without {without}: take of {known}, with commas between") from None


def _receiver(text: str) -> FrontEnd:
    from pydantic import ValidationError

    from radiofm_capture.scenes.front_end import FrontEnd

    try:
        return FrontEnd.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        raise UsageError(f"--receiver {text}: {where}: {first['msg']}: correct it") from None


def _write(
    recipe: Recipe,
    preset: str,
    out: Path,
    count: int,
    seed: int,
    workers: int | None,
    quiet: bool,
    constants: Callable[[], Mapping[str, Any]] = dict,
    extra: Sequence[str] = (),
) -> dict[str, Any]:
    """Write the set under a progress bar; the report."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from radiofm.array_set_writer import write_array_set

    began = time.monotonic()
    command = ["radiofm", "simulate", recipe.name, "--preset", preset]
    command += ["--count", str(count), "--seed", str(seed), *extra]
    with Progress(
        BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), disable=quiet,
    ) as bar:  # fmt: skip
        task = bar.add_task("samples", total=count)
        write_array_set(
            out, recipe, count, seed, shlex.join(command), workers or os.cpu_count() or 1,
            constants(), lambda made: bar.update(task, completed=made),
        )  # fmt: skip
    return {
        "command": f"simulate {recipe.name}", "out": str(out), "preset": preset, "samples": count,
        "seed": seed, "bytes": sum(file.stat().st_size for file in out.iterdir()),
        "seconds": round(time.monotonic() - began, 3),
    }  # fmt: skip


def _close(report: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(report))
    else:
        typer.echo(
            f"{report['samples']} samples in {report['out']} ({report['bytes'] / 1e6:.0f} MB): "
            "see its card.md",
            err=True,
        )


COMMANDS: dict[str, Callable[..., None]] = {
    "channel-estimation": channel_estimation,
    "positioning": positioning,
    "csi": csi,
    "beams": beams,
    "aoa": aoa,
    "nr-lte": nr_lte,
    "families": families,
}
