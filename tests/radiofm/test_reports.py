"""A report in a terminal: tables that are wider than it keep their numbers whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from radiofm.cli.reports import close
from radiofm_models.report import Cell, Column, Report, Run, Section, Table

RUN = Run("radiofm x", (0,), "none", "x86_64", None, ())


@pytest.mark.parametrize("figures", [2, 16])
def test_no_number_is_cut_short(
    figures: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    columns = [Column("model"), *(Column(f"figure {n}, ours", ".4f") for n in range(figures))]
    rows: list[list[Cell]] = [
        ["pretrained, frozen", *(n + 0.1234 for n in range(figures))],
        ["none", *[None] * figures],
    ]
    report = Report("title", RUN, [Section("section", [Table("A table", columns, rows)])])
    close("x", Path("out"), report, as_json=False)
    shown = capsys.readouterr().out
    assert "…" not in shown and "A table" in shown and "pretrained, frozen" in shown
    assert all(f"{n + 0.1234:.4f}" in shown for n in range(figures))
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert "out: report.md" in shown
