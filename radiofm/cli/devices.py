"""`radiofm devices`: the radios within reach, and what the link to one carries."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radiofm.cli import options
from radiofm.errors import DeviceError

if TYPE_CHECKING:
    from radiofm_capture.pluto_link import LinkTest

app = typer.Typer(help="The radios within reach. (default: list)")


@app.callback(invoke_without_command=True)
def devices(context: typer.Context, as_json: options.Json = False) -> None:
    """The radios within reach; without a subcommand, `list`."""
    if context.invoked_subcommand is None:
        list_(as_json)


@app.command("list")
def list_(as_json: options.Json = False) -> None:
    """List the radios within reach."""
    from radiofm_capture.pluto import find_plutos
    from radiofm_capture.uhd import find_usrps

    found = [{"device": "pluto", "uri": uri, "description": text} for uri, text in find_plutos()]
    found += [{"device": "uhd", "args": args, "description": text} for args, text in find_usrps()]
    if as_json:
        typer.echo(json.dumps(found))
    elif not found:
        raise DeviceError(
            "no radio found: plug one in, or give the address of a Pluto with --uri ip:ADDRESS, "
            "of a USRP with --args addr=ADDRESS (`radiofm demo` needs none)"
        )
    else:
        for entry in found:
            typer.echo(
                f"{entry['device']:8} {entry.get('uri') or entry['args']:24} {entry['description']}"
            )


@app.command()
def probe(
    uri: options.Uri = None,
    most: Annotated[
        str, typer.Option("--max", help="The highest sample rate to try.")
    ] = "61.44 MS/s",
    as_json: options.Json = False,
) -> None:
    """Measure the highest rate that a Pluto streams without loss, a second or two a rate."""
    from contextlib import closing

    from rich.console import Console
    from rich.progress import Progress

    from radiofm.quantities import format_si, parse_rate
    from radiofm_capture.framer import slice_samples
    from radiofm_capture.pluto import PlutoDevice
    from radiofm_capture.pluto_link import probe_tuning, rates_up_to

    rates = rates_up_to(parse_rate(most, "max"))
    console = Console(stderr=True)
    tests: list[LinkTest] = []
    with (
        closing(
            PlutoDevice(probe_tuning(rates[0]), uri, slice_samples(rates[0]), kernel_buffers=4)
        ) as radio,
        Progress(console=console, disable=as_json or not console.is_terminal) as bar,
    ):
        task = bar.add_task("", total=len(rates))
        for rate in rates:
            bar.update(task, description=format_si(rate, "S/s"))
            tests.append(radio.measure_link(probe_tuning(rate)))
            bar.advance(task)
            if not tests[-1].clean:
                break
    report = summary(radio.uri, tests)
    if as_json:
        typer.echo(json.dumps(report))
    else:
        _tell(console, report)


def summary(uri: str, tests: list[LinkTest]) -> dict[str, Any]:
    """The closing line: the tests, the highest clean rate, and what the link carried above it."""
    clean = [test.rate_hz for test in tests if test.clean]
    lossy = [test.carried_hz for test in tests if not test.clean]
    return {
        "command": "devices probe",
        "uri": uri,
        "tests": [
            {"rate_hz": t.rate_hz, "carried_hz": round(t.carried_hz), "clean": t.clean}
            for t in tests
        ],
        "highest_clean_hz": max(clean, default=None),
        "link_msps": round(lossy[0] / 1e6, 3) if lossy else None,
    }


def _tell(console: Any, report: dict[str, Any]) -> None:
    from rich.table import Table

    from radiofm.quantities import format_si

    table = Table("rate", "came", "", title=f"the link to the Pluto at {report['uri']}")
    for test in report["tests"]:
        carried = format_si(float(f"{test['carried_hz']:.3g}"), "S/s")
        table.add_row(
            format_si(test["rate_hz"], "S/s"), carried, "clean" if test["clean"] else "lost"
        )
    console.print(table)
    console.print(advice(report), highlight=False)


def advice(report: dict[str, Any]) -> str:
    """What to do with the result, in a sentence."""
    from radiofm.quantities import format_si

    highest = report["highest_clean_hz"]
    if highest is None:
        lowest = format_si(report["tests"][0]["rate_hz"], "S/s")
        return f"even {lowest} came with losses: use --mode burst, or another cable or port"
    stream = f"stream up to --rate {highest / 1e6:g}M"
    return stream if report["link_msps"] is None else f"{stream}; above, use --mode burst"
