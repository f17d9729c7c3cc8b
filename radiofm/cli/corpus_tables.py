"""What `radiofm corpus` shows people: tables, on stdout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from radiofm.quantities import format_duration

if TYPE_CHECKING:
    from radiofm.corpus.audit import Audit
    from radiofm.corpus.split import SplitReport
    from radiofm.corpus.summary import Figures, Summary

_COLUMNS = ("files", "air", "slices", "occupied", "clipped", "gaps", "lost")
_ROWS = 12  # of a grouping, those with the most air
_NUMBER = 6  # characters of a number
_PATHS = 3  # of a finding, the others counted


def show_summary(folder: Path, summary: Summary) -> None:
    """One table: the whole, then its parts by band, rate, device, session and split."""
    table = _table("", *_COLUMNS)
    table.add_row("all", *_cells(summary.whole), style="bold")
    for grouping, parts in summary.parts.items():
        table.add_section()
        table.add_row(Text(f"by {grouping}", style="dim italic"))
        longest = sorted(parts.items(), key=lambda part: -part[1].seconds)
        for name, figures in longest[:_ROWS]:
            table.add_row(f"  {name}", *_cells(figures))
        if (more := len(parts) - _ROWS) > 0:
            table.add_row(Text(f"  and {more} more (--json has all)", style="dim"))
    console = Console()
    console.print(table)
    spec = summary.spec
    low, high = spec.range_db
    console.print(
        f"{folder}: {summary.bytes / 1e9:.3g} GB; spec {spec.hash}: slices of "
        f"{spec.duration_s * 1e3:g} ms, {low:g} to {high:g} dBFS, mean {spec.mean:g}, "
        f"std {spec.std:g}",
        highlight=False,
        soft_wrap=True,
    )
    for reason in summary.unread.values():
        console.print(Text(f"not read: {reason}", style="yellow"), soft_wrap=True)


def show_audit(folder: Path, audit: Audit) -> None:
    """The findings, then what was not checked."""
    console = Console()
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    for column in ("finding", "what", "recordings"):
        table.add_column(column, overflow="fold")
    for finding in audit.findings:
        names = "\n".join(finding.recordings[:_PATHS])
        if (more := len(finding.recordings) - _PATHS) > 0:
            names += f"\nand {more} more"
        table.add_row(Text(finding.kind, style="yellow"), Text(finding.text), Text(names))
    if audit.findings:
        console.print(table)
    console.print(
        f"{folder}: {len(audit.findings)} findings. Not checked:", highlight=False, soft_wrap=True
    )
    for text in audit.not_checked:
        console.print(f"  - {text}", highlight=False, soft_wrap=True)


def show_split(report: SplitReport) -> None:
    """Groups, recordings and slices of each split, beside the share asked for."""
    rule = report.rule
    table = _table("split", "asked", "groups", "recordings", "slices", "of the slices")
    total = sum(part["slices"] for part in report.parts.values()) or 1
    for (name, part), fraction in zip(report.parts.items(), rule.fractions, strict=True):
        table.add_row(
            name, f"{fraction:.0%}", f"{part['groups']}", f"{part['recordings']}",
            f"{part['slices']}", f"{part['slices'] / total:.1%}",
        )  # fmt: skip
    console = Console()
    console.print(table)
    moved = f"; {report.moved} recordings are in another split than before" * bool(report.moved)
    console.print(f"by {rule.by}, seed {rule.seed}{moved}", highlight=False, soft_wrap=True)


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 0, 0, 1))
    name, *numbers = columns
    widths = [max(len(column), _NUMBER) for column in numbers]
    left = Console().width - sum(widths) - 2 * len(columns)  # a long name gives way to the numbers
    table.add_column(name, no_wrap=True, max_width=max(left, 12))
    for column, width in zip(numbers, widths, strict=True):
        table.add_column(column, justify="right", no_wrap=True, min_width=width)
    return table


def _cells(figures: Figures) -> list[str]:
    return [
        f"{figures.recordings}",
        format_duration(figures.seconds),
        f"{figures.slices}",
        _share(figures.occupancy),
        _share(figures.clipped_share),
        f"{figures.gaps}",
        _share(1 - figures.seconds / figures.span if figures.span else 0.0),
    ]


def _share(value: float | None) -> str:
    if value is None:
        return "-"
    if 0 < value < 1e-4:
        return "<0.01%"
    return "0" if value == 0 else f"{value:.2%}" if value < 0.1 else f"{value:.0%}"
