"""Writes docs/cli.md from the code: `python -m radiofm.cli.reference > docs/cli.md`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer


def reference() -> str:
    """The reference of all commands, as Markdown."""
    from radiofm.cli import app, commands

    commands.register(app)
    lines = [
        "# The command line",
        "",
        "Made from the code by `python -m radiofm.cli.reference > docs/cli.md`.",
        "Exit codes: 0 success, 1 failure, 2 bad usage; a failure is one sentence.",
    ]
    for path, command in _commands("radiofm", typer.main.get_command(app)):
        lines += ["", f"## {path}", "", _text(command.help), ""]
        lines += ["| option | meaning |", "|---|---|"]
        lines += [_row(parameter) for parameter in command.params if parameter.name != "help"]
    return "\n".join(lines) + "\n"


def _commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name in children:
        yield from _commands(f"{path} {name}", children[name])


def _row(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        names = f"`{parameter.name.upper()}`"
        meaning = _text(getattr(parameter, "help", ""))
    else:
        names = ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])
        meaning = _text(parameter.help)
    default = parameter.default
    plain = isinstance(default, (str, int, float)) and not isinstance(default, bool)
    if plain and "(default" not in meaning:
        meaning += f" (default: {default})"
    return f"| {names} | {meaning} |"


def _text(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    typer.echo(reference(), nl=False)
