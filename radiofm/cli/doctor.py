"""`radiofm doctor`: what is in the way of receiving, recording and inferring, and its remedy."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radiofm.cli import options
from radiofm.errors import RadiofmError

if TYPE_CHECKING:
    from radiofm.doctor import Finding

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def doctor(
    path: Annotated[
        Path,
        typer.Option(
            help="Folder to record to; 128 MB are written to it and removed. (default: here)",
            show_default=False,
        ),
    ] = Path("."),
    bundle: options.BundleName = None,
    as_json: options.Json = False,
) -> None:
    """Check drivers, rights, disk and processor; each finding comes with its remedy."""
    from rich.console import Console

    found: list[Finding] = []
    with Console(stderr=True, quiet=as_json).status("looking") as status:
        for check in _checks(path, bundle or "nano"):
            found += check()
            status.update(f"looking: {found[-1].name}" if found else "looking")
    if as_json:
        report = {"command": "doctor", "findings": [asdict(finding) for finding in found]}
        typer.echo(json.dumps(report))
    else:
        _show(found)
        counts = Counter(finding.state for finding in found)
        typer.echo(f"{counts['ok']} ok, {counts['warn']} warn, {counts['fail']} fail", err=True)
    if failed := [finding.name for finding in found if finding.state == "fail"]:
        raise RadiofmError(f"not in order: {', '.join(failed)}; see the remedies")


def _checks(path: Path, bundle: str) -> list[Callable[[], Iterable[Finding]]]:
    from radiofm import doctor, machine
    from radiofm.cli.bundles import bundle_path
    from radiofm_capture import doctor as radios
    from radiofm_capture import doctor_usb as usb
    from radiofm_services.doctor import inference_speed

    return [
        doctor.software, radios.pluto_driver, radios.uhd_driver,
        doctor.runtime_folder, radios.pluto_port,
        radios.plutos, usb.usb_rights, usb.udev_rules, usb.usrp_buffers, usb.services,
        partial(machine.disk, path), machine.processor, machine.spectrogram_speed,
        partial(inference_speed, bundle_path(bundle)), machine.clock, machine.limits,
    ]  # fmt: skip


def _show(found: Iterable[Finding]) -> None:
    """A line a finding, its remedy below; plain text, so that remedies can be copied."""
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True, highlight=False)
    for finding in found:
        line = Text.assemble(
            (f"{finding.state:5}", COLOURS[finding.state]),
            (f"{finding.name:20}", "bold"),
            finding.seen,
        )
        console.print(line)
        if finding.remedy:
            console.print(
                Text(f"{'':7}-> {finding.remedy}", "dim" if finding.state == "ok" else "")
            )
