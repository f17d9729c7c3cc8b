"""`radiofm capture`: the capture daemon, its status line and its closing account."""

from __future__ import annotations

import json
import sys
import threading
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radiofm.cli import options
from radiofm.cli.stopping import on_stop

if TYPE_CHECKING:
    from radiofm_capture.daemon import CaptureDaemon
    from radiofm_capture.pipe import PipeSink
    from radiofm_capture.recorder import Recorder


@options.with_capture
def capture(
    flags: dict[str, Any],
    publish: Annotated[
        str | None, typer.Option(help="Endpoint of the iq stream; `none` for no stream.")
    ] = None,
    gnuradio: options.GnuRadio = None,
    gnuradio_format: options.GnuRadioFormat = None,
    stdout: options.Stdout = None,
    readers: options.Readers = None,
    profile: options.Profile = None,
    as_json: options.Json = False,
) -> None:
    """Stream a device's samples to all who follow, and record them."""
    from radiofm.errors import UsageError
    from radiofm.settings import load_settings
    from radiofm_capture.session import open_session

    flags |= options.given(
        publish=publish, gnuradio=gnuradio, gnuradio_format=gnuradio_format, stdout=stdout,
        readers=readers,
    )  # fmt: skip
    settings = load_settings(profile, {"capture": flags}).capture
    if settings.stdout and sys.stdout.isatty():
        raise UsageError("--stdout would fill the terminal with samples: pipe them, or add > FILE")
    stopped = threading.Event()
    with on_stop(stopped.set), open_session(settings, stopped) as session:
        if session.forecast and not as_json:
            typer.echo(session.forecast, err=True)
        failure = _run(session.daemon, session.recorder, stopped, quiet=as_json)
    report = closing(session.daemon, session.recorder, session.pipe) | session.taking.report()
    if session.forecast:
        report |= session.forecast.report()
    if as_json:
        typer.echo(json.dumps(report), err=settings.stdout)
    else:
        _say(session.daemon, report)
    if failure:
        raise failure


def _run(
    daemon: CaptureDaemon, recorder: Recorder | None, stopped: threading.Event, *, quiet: bool
) -> BaseException | None:
    """Run the daemon in a thread, so that this one is free for signals and the status line."""
    failure: list[BaseException] = []

    def work() -> None:
        try:
            daemon.run()
        except BaseException as error:  # noqa: BLE001  handed to the main thread, which raises it
            failure.append(error)

    thread = threading.Thread(target=work, name="capture")
    thread.start()
    if quiet:
        while thread.is_alive() and not stopped.wait(0.1):
            pass
    else:
        _show_until(thread, daemon, recorder, stopped)
    daemon.stop()
    thread.join()
    return failure[0] if failure else None


def _show_until(
    thread: threading.Thread,
    daemon: CaptureDaemon,
    recorder: Recorder | None,
    stopped: threading.Event,
) -> None:
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        while thread.is_alive() and not stopped.wait(0.1):
            pass
        return
    with console.status("waiting for the first samples") as status:
        while thread.is_alive() and not stopped.wait(0.25):
            status.update(status_line(daemon, recorder))


def status_line(daemon: CaptureDaemon, recorder: Recorder | None) -> str:
    """Rate, level, clipping, loss, subscribers, disk: one line."""
    from radiofm.quantities import format_si

    tuning, gauges, account = daemon.framer.tuning, daemon.gauges, daemon.ledger.account()
    if not tuning:
        return "waiting for the first samples"
    about = "~" if account.lost_estimated else ""
    parts = [
        f"{tuning.hardware}  {format_si(tuning.center_frequency_hz, 'Hz')}",
        f"{gauges.rate / 1e6:.2f} MS/s",
        f"{gauges.level_dbfs:.0f} dBFS",
        f"clipped {gauges.clipped}",
        f"lost {about}{account.lost}",
        *([f"untaken {account.untaken / account.span:.0%}"] if account.untaken else []),
        f"readers {gauges.subscribers}",
    ]
    if recorder:
        stopped = "STOPPED at " if daemon.recording_error else ""
        parts.append(f"REC {stopped}{recorder.bytes_written / 1e6:.0f} MB")
        parts.append(f"{recorder.free_bytes() / 1e9:.0f} GB left")
    return "  |  ".join(parts)


def closing(
    daemon: CaptureDaemon, recorder: Recorder | None, pipe: PipeSink | None
) -> dict[str, Any]:
    """The account of the whole run, for people and programs."""
    account = daemon.ledger.account()
    tuning = daemon.framer.tuning
    return {
        "command": "capture",
        "device": daemon.hardware,
        "center_frequency_hz": tuning.center_frequency_hz if tuning else None,
        "sample_rate_hz": tuning.sample_rate_hz if tuning else None,
        "samples_span": account.span,
        "samples_received": account.received,
        "samples_lost": account.lost,
        "samples_lost_estimated": account.lost_estimated,
        "samples_untaken": account.untaken,
        "lost_by_stage": account.lost_by_stage,
        "samples_clipped": daemon.gauges.clipped,
        "samples_recorded": recorder.samples if recorder else 0,
        "stdout": {
            "datatype": pipe.datatype,
            "samples": pipe.samples,
            "lost_by_stage": {"queue": account.received - pipe.samples},
        }
        if pipe
        else None,
        "recordings": [str(p) for p in recorder.paths] if recorder else [],
        "recording_stopped": daemon.recording_error or None,
    }


def _say(daemon: CaptureDaemon, report: dict[str, Any]) -> None:
    about = f" (~{report['samples_lost_estimated']} of them estimated)"
    lost, untaken = report["samples_lost"], report["samples_untaken"]
    typer.echo(
        f"{report['samples_received']} samples received, {lost} lost"
        f"{about if report['samples_lost_estimated'] else ''}"
        f"{f', {untaken} untaken between bursts' if untaken else ''}",
        err=True,
    )
    if pipe := report["stdout"]:
        typer.echo(
            f"{pipe['samples']} samples of {pipe['datatype']} to standard output, "
            f"{pipe['lost_by_stage']['queue']} not taken by its reader",
            err=True,
        )
    for path in report["recordings"]:
        typer.echo(f"recorded {path}", err=True)
    sys.stderr.flush()
