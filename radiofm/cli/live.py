"""`radiofm live`: every stage under one supervisor, one Ctrl-C."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from radiofm.cli import options


@options.with_capture
def live(
    flags: dict[str, Any],
    bundle: options.BundleName = None,
    heads: options.HeadNames = None,
    threads: options.Threads = None,
    provider: options.Provider = None,
    patches: options.PatchShare = None,
    choose: options.Choose = None,
    deadline: options.Deadline = None,
    incomplete: options.Incomplete = None,
    picture: Annotated[
        Path | None, typer.Option(help="Save the last view as an SVG picture.")
    ] = None,
    profile: options.Profile = None,
    as_json: options.Json = False,
) -> None:
    """See what the air holds: device, spectrogram, inference and view in one."""
    from radiofm.cli.chain import Chain, raise_failure, run
    from radiofm.settings import load_settings
    from radiofm_capture.prepare import prepare_recording
    from radiofm_capture.taking import plan_of

    infer = options.given(
        bundle=bundle, heads=heads, threads=threads, provider=provider, patches=patches,
        choose=choose, deadline=deadline, incomplete=incomplete,
    )  # fmt: skip
    settings = load_settings(profile, {"capture": flags, "infer": infer})
    prepared = prepare_recording(settings.capture, plan_of(settings.capture))
    if prepared and not as_json:
        typer.echo(prepared.forecast, err=True)
    # As fast as possible, the stages wait for each other; at real time they keep up or say so.
    wait = settings.capture.speed == 0 and settings.capture.device in ("replay", "sim")
    policy = ["--policy", "lossless"] if wait else []
    shared = ["--profile", profile] if profile else []
    report = run(
        Chain(
            capture=[*shared, *arguments(flags)],
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
    raise_failure(report)


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
