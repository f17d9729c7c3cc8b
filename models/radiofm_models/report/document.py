"""A report: what was run, and sections of text, tables and figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from radiofm_models.report.figure import Figure
from radiofm_models.report.table import Table

Scale = Literal["smoke", "paper"]

SMOKE = "Smoke figures show that the pipeline runs, not that the paper's numbers are met."


@dataclass(frozen=True)
class Run:
    """What the numbers of a report are of."""

    command: str
    seeds: tuple[int, ...]
    data: str
    machine: str
    scale: Scale | None  # of a recipe; None: of no paper
    not_checked: tuple[str, ...]

    def facts(self) -> list[tuple[str, str]]:
        """What there is to say beside the command."""
        scale = f"smoke. {SMOKE}" if self.scale == "smoke" else self.scale
        return [
            *([("Scale", scale)] if scale else []),
            *([("Seeds", ", ".join(map(str, self.seeds)))] if self.seeds else []),
            ("Data", self.data),
            ("Machine", self.machine),
            ("Not checked", "; ".join(self.not_checked) or "not stated"),
        ]


Part = str | Table | Figure  # text is plain: a paragraph, without markup


@dataclass(frozen=True)
class Section:
    title: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Report:
    """Tables and figures are numbered in their order, each from 1."""

    title: str
    run: Run
    sections: Sequence[Section]

    def numbered(self) -> Iterator[tuple[Section, list[tuple[int, Part]]]]:
        """Each section and its parts, with the number of each table and figure (0: text)."""
        counts = {Table: 0, Figure: 0}
        for section in self.sections:
            parts: list[tuple[int, Part]] = []
            for part in section.parts:
                if not isinstance(part, str):
                    counts[type(part)] += 1
                parts.append((0 if isinstance(part, str) else counts[type(part)], part))
            yield section, parts

    def tables(self) -> list[Table]:
        return [part for section in self.sections for part in section.parts
                if isinstance(part, Table)]  # fmt: skip

    def figures(self) -> list[Figure]:
        return [part for section in self.sections for part in section.parts
                if isinstance(part, Figure)]  # fmt: skip


def file_name(number: int) -> str:
    """Of a figure's picture, beside `report.md`."""
    return f"figure-{number}.png"
