"""A paper's table beside ours, and what of it may be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from radiofm_models.report.document import SMOKE, Scale
from radiofm_models.report.table import Cell, Column, Table

Rows = Mapping[str, Sequence[Cell]]  # by name; a cell for each column


def beside_paper(
    title: str,
    source: str,
    names: str,
    columns: Sequence[Column],
    paper: Rows,
    ours: Rows,
    scale: Scale,
    differs: Mapping[str, str] | None = None,
) -> Table:
    """The table `source` of a paper, each of its `columns` beside ours, in the same unit.

    Rows are matched by name; `names` heads them. The last column says whether a row is comparable:
    both sides have it, it is of paper scale, and `differs` gives no reason against it.
    """
    reasons = differs or {}
    empty: list[Cell] = [None] * len(columns)
    head = [Column(names)]
    for column in columns:
        head.append(Column(f"{column.title}, paper", column.spec))
        head.append(Column(f"{column.title}, ours", column.spec, column.best))
    rows: list[list[Cell]] = []
    for name in [*paper, *(name for name in ours if name not in paper)]:
        row: list[Cell] = [name]
        for pair in zip(paper.get(name, empty), ours.get(name, empty), strict=True):
            row.extend(pair)
        rows.append([*row, _verdict(name, paper, ours, scale, reasons)])
    note = f"Paper: {source}." + (f" {SMOKE}" if scale == "smoke" else "")
    return Table(title, [*head, Column("comparable")], rows, note)


def _verdict(name: str, paper: Rows, ours: Rows, scale: Scale, differs: Mapping[str, str]) -> str:
    if all(cell is None for cell in ours.get(name, [])):
        return "no: not run"
    if all(cell is None for cell in paper.get(name, [])):
        return "no: not in the paper"
    if scale == "smoke":
        return "no: smoke scale"
    return f"no: {differs[name]}" if name in differs else "yes"
