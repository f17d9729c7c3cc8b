"""`radiofm heads`: the heads of a running inference service."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from radiofm.cli import complete, options

if TYPE_CHECKING:
    from radiofm_services.control import Request

app = typer.Typer(help="The heads of a running `radiofm infer`.", no_args_is_help=True)

Head = Annotated[str, typer.Argument(help="The head's name.", autocompletion=complete.heads)]
Label = Annotated[str, typer.Argument(help="The label's name.")]
Enrolled = Annotated[str, typer.Option("--head", help="The head that knows its labels by slices.")]
Control = Annotated[
    str | None, typer.Option("--control", help="Endpoint of the inference service.")
]


@app.command("list")
def list_(control: Control = None, as_json: options.Json = False) -> None:
    """The heads that serve."""
    _ask({"action": "list"}, control, as_json)


@app.command()
def load(
    name: Head,
    bundle: Annotated[
        str | None,
        typer.Option(
            help="Its bundle. (default: the one that runs)",
            show_default=False,
            autocompletion=complete.bundles,
        ),
    ] = None,
    control: Control = None,
    as_json: options.Json = False,
) -> None:
    """Serve one head more, from the next slice on."""
    _ask({"action": "load", "name": name, "path": _folder(bundle)}, control, as_json)


@app.command()
def swap(
    name: Head,
    bundle: Annotated[
        str,
        typer.Option(help="The bundle that the new one is in.", autocompletion=complete.bundles),
    ],
    control: Control = None,
    as_json: options.Json = False,
) -> None:
    """Put another head in a head's place, between two slices."""
    _ask({"action": "swap", "name": name, "path": _folder(bundle)}, control, as_json)


@app.command()
def unload(name: Head, control: Control = None, as_json: options.Json = False) -> None:
    """Serve a head no more."""
    _ask({"action": "unload", "name": name}, control, as_json)


@app.command()
def enroll(
    label: Label,
    head: Enrolled = "enrolled",
    shots: Annotated[
        int, typer.Option(min=1, max=1000, help="Slices, from now on, that are it.")
    ] = 4,
    control: Control = None,
    as_json: options.Json = False,
) -> None:
    """Show a head what a label looks like: the next slices. Enroll the empty channel, too."""
    _ask({"action": "enroll", "name": head, "label": label, "shots": shots}, control, as_json)


@app.command()
def forget(
    label: Label,
    head: Enrolled = "enrolled",
    control: Control = None,
    as_json: options.Json = False,
) -> None:
    """Let a head that was shown its labels know one no more."""
    _ask({"action": "forget", "name": head, "label": label}, control, as_json)


def _folder(bundle: str | None) -> str | None:
    from radiofm.cli.bundles import bundle_path

    return None if bundle is None else str(bundle_path(bundle))


def _request(fields: dict[str, str | int | None]) -> Request:
    from pydantic import ValidationError

    from radiofm.errors import UsageError
    from radiofm_services.control import REQUEST

    try:
        return REQUEST.validate_python(fields)
    except ValidationError:
        raise UsageError(f"{fields.get('name')!r} cannot be the name of a head") from None


def _ask(fields: dict[str, str | int | None], control: str | None, as_json: bool) -> None:
    from radiofm.topics import endpoint_for
    from radiofm_services.control import ask

    reply = ask(control or endpoint_for("control"), _request(fields))
    if as_json:
        heads = {head.name: head.model_dump(exclude={"name"}) for head in reply.heads}
        typer.echo(json.dumps({"heads": heads, "first_slice": reply.first_slice}))
        return
    for head in reply.heads:
        labels = f"  {', '.join(head.labels)}" if head.labels else ""
        typer.echo(f"{head.name:16} {head.version:16} {head.task:14} on {head.tap}{labels}")
    if reply.first_slice is not None:
        typer.echo(f"since slice {reply.first_slice}", err=True)
