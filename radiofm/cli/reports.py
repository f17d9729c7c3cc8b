"""What a report's tables look like in a terminal, and its closing line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from radiofm_models.report import Report
    from radiofm_models.report import Table as Figures


def close(
    command: str,
    folder: Path | None,
    report: Report,
    as_json: bool,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Show the tables and where the report lies, if it was written; or one line of JSON with the
    tables' texts and what there is `more`."""
    if as_json:
        tables: list[dict[str, Any]] = [
            {"title": t.title, "columns": [c.title for c in t.columns], "rows": t.texts()}
            for t in report.tables()
        ]
        where = None if folder is None else str(folder)
        closing = {"command": command, "report": where, **(more or {}), "tables": tables}
        typer.echo(json.dumps(closing))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console()
    endless = console.options.update(width=10_000)
    for table in report.tables():
        shown = _shown(table)
        if console.measure(shown, options=endless).minimum <= console.width:
            console.print(shown)
        else:
            console.print(Text(table.title))
            console.print(*_listed(table), sep="\n")
        if table.note:
            console.print(Text(table.note, style="dim"))
    if folder is not None:
        typer.echo(f"{folder}: report.md, report.html and report.json")


def _shown(table: Figures) -> Table:
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=Text(table.title), title_justify="left")
    for column, numeric in zip(table.columns, table.numeric(), strict=True):
        shown.add_column(Text(column.title), justify="right" if numeric else "left")
    for row in table.texts():
        shown.add_row(*map(Text, row))
    return shown


def _listed(table: Figures) -> Iterator[Text]:
    """What no terminal is wide enough for: of each row its name, and a line for each cell."""
    from rich.text import Text

    titles = [column.title for column in table.columns[1:]]
    for (name, *cells), (_, *texts) in zip(table.rows, table.texts(), strict=True):
        yield Text(str(name), style="bold")
        for title, cell, text in zip(titles, cells, texts, strict=True):
            if cell is not None:
                yield Text(f"  {title}: {text}")
