"""`radiofm live`: every stage under one supervisor, one Ctrl-C."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from radiofm.cli import options


def live(
    device: options.Device = None,
    uri: options.Uri = None,
    args: options.Args = None,
    antenna: options.Antenna = None,
    subdev: options.Subdev = None,
    clock_source: options.ClockSource = None,
    time_source: options.TimeSource = None,
    lo_offset: options.LoOffset = None,
    path: options.RecordingPath = None,
    datatype: options.Datatype = None,
    scene: options.Scene = None,
    seed: options.Seed = None,
    fault: options.Fault = None,
    speed: options.Speed = None,
    loops: options.Loops = None,
    fc: options.Fc = None,
    rate: options.SampleRate = None,
    bw: options.Bandwidth = None,
    gain: options.GainDb = None,
    gain_mode: options.GainMode = None,
    mode: options.Mode = None,
    burst_slices: options.BurstSlices = None,
    bursts: options.Bursts = None,
    plan: options.Plan = None,
    sweep: options.Sweep = None,
    dwell: options.DwellSlices = None,
    dwells: options.Dwells = None,
    repeat: options.Repeat = None,
    duration: options.Length = None,
    record: options.Record = None,
    name: options.FileNames = None,
    split: options.Split = None,
    disk_floor: options.DiskFloor = None,
    disk_full: options.DiskFull = None,
    bundle: options.BundleName = None,
    heads: options.HeadNames = None,
    threads: options.Threads = None,
    incomplete: options.Incomplete = None,
    picture: Annotated[
        Path | None, typer.Option(help="Save the last view as an SVG picture.")
    ] = None,
    profile: options.Profile = None,
    as_json: options.Json = False,
) -> None:
    """See what the air holds: device, spectrogram, inference and view in one."""
    from radiofm.cli.chain import Chain, run
    from radiofm.settings import load_settings
    from radiofm_capture.prepare import prepare_recording
    from radiofm_capture.taking import plan_of

    capture = options.given(
        device=device, uri=uri, args=args, antenna=antenna, subdev=subdev,
        clock_source=clock_source, time_source=time_source, lo_offset=lo_offset, path=path,
        datatype=datatype, scene=scene, seed=seed, fault=fault, speed=speed, loops=loops,
        fc=fc, rate=rate, bandwidth=bw, gain=gain, gain_mode=gain_mode,
        mode=mode, burst_slices=burst_slices, bursts=bursts, plan=plan, sweep=sweep, dwell=dwell,
        dwells=dwells, repeat=repeat, duration=duration, record=record, name=name, split=split,
        disk_floor=disk_floor, disk_full=disk_full,
    )  # fmt: skip
    infer = options.given(bundle=bundle, heads=heads, threads=threads, incomplete=incomplete)
    settings = load_settings(profile, {"capture": capture, "infer": infer})
    prepared = prepare_recording(settings.capture, plan_of(settings.capture))
    if prepared and not as_json:
        typer.echo(prepared.forecast, err=True)
    # As fast as possible, the stages wait for each other; at real time they keep up or say so.
    wait = settings.capture.speed == 0 and settings.capture.device in ("replay", "sim")
    policy = ["--policy", "lossless"] if wait else []
    shared = ["--profile", profile] if profile else []
    report = run(
        Chain(
            capture=[*shared, *arguments(capture)],
            spectrogram=[*shared, *policy, "--bundle", settings.infer.bundle],
            infer=[*shared, *policy, *arguments(infer)],
            quiet=as_json,
            picture=picture,
        )
    )
    if as_json:
        typer.echo(json.dumps(report))
    else:
        typer.echo(sentence(report), err=True)


def arguments(flags: dict[str, Any]) -> list[str]:
    """The options as they were given, for a stage's command line."""
    names = {"bandwidth": "bw"}
    found: list[str] = []
    for name, value in flags.items():
        option = "--" + names.get(name, name).replace("_", "-")
        for one in value if isinstance(value, (list, tuple)) else [value]:
            found += [option, str(one)]
    return found


def sentence(report: dict[str, Any]) -> str:
    """The account in one line, for people."""
    about = "~" if report["samples_lost_estimated"] else ""
    return (
        f"{report['samples_received']} samples received, {about}{report['samples_lost']} lost; "
        f"{report['slices_inferred']} of {report['slices']} slices inferred "
        f"({report['slices_skipped']} skipped, {report['slices_untaken']} untaken), "
        f"coverage {report['coverage']:.1%}"
    )
