"""A report as Markdown, with its figures beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from radiofm_models.report.document import Part, Report, file_name
from radiofm_models.report.table import Table


def markdown(report: Report) -> str:
    """CommonMark with GitHub's tables."""
    blocks = [f"# {_escaped(report.title)}", f"    {_one_line(report.run.command)}"]
    blocks.append("\n".join(f"- {name}: {_escaped(text)}" for name, text in report.run.facts()))
    for section, parts in report.numbered():
        blocks.append(f"## {_escaped(section.title)}")
        blocks += [_part(number, part) for number, part in parts]
    return "\n\n".join(blocks) + "\n"


def _part(number: int, part: Part) -> str:
    if isinstance(part, str):
        return _paragraph(part)
    if isinstance(part, Table):
        return _table(number, part)
    caption = f"Figure {number}. {_escaped(part.caption)}"
    return f"![Figure {number}]({file_name(number)})\n\n{caption}"


def _table(number: int, table: Table) -> str:
    best = table.best()
    rows = [
        [f"**{_escaped(text)}**" if text == bold else _escaped(text)
         for text, bold in zip(row, best, strict=True)]
        for row in table.texts()
    ]  # fmt: skip
    rules = ["---:" if numeric else "---" for numeric in table.numeric()]
    lines = [[_escaped(column.title) for column in table.columns], rules, *rows]
    note = f"\n\n{_paragraph(table.note)}" if table.note else ""
    return f"Table {number}. {_escaped(table.title)}\n\n" + "\n".join(map(_row, lines)) + note


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _escaped(text: str) -> str:
    """Text on one line, none of it markup."""
    return re.sub(r"([\\`*_\[\]<>|~$&#])", r"\\\1", _one_line(text))


def _paragraph(text: str) -> str:
    """The same where a line begins: no list either."""
    return re.sub(r"^(\d*)([-+=.)])", r"\1\\\2", _escaped(text))
