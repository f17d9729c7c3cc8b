"""Recipes of papers at smoke scale, as a person runs them, and what must hold of their figures.

`make bench`, most of an hour on two cores. RADIOFM_BENCH_RUNS names a folder that keeps the runs:
what it holds already is not made again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.bench, pytest.mark.timeout(4 * 3600)]

RANDOM = "random-init, frozen"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where recipes share sets and encoders."""
    kept = os.environ.get("RADIOFM_BENCH_RUNS")
    return Path(kept).absolute() if kept else tmp_path_factory.mktemp("runs")


class Reported:
    """A recipe's report: its tables' cells by row and column, and its texts."""

    def __init__(self, name: str, runs: Path) -> None:
        arguments = ["reproduce", name, "--scale", "smoke", "--out", str(runs)]
        done = subprocess.run(
            [sys.executable, "-m", "radiofm", *arguments], stdout=subprocess.PIPE, text=True
        )
        assert done.returncode == 0
        print(f"\n{done.stdout}")
        report = json.loads((runs / "reports" / name / "report.json").read_text("utf-8"))
        parts = [part for section in report["sections"] for part in section["parts"]]
        self.texts = [part["text"] for part in parts if part["kind"] == "text"]
        self.tables = [part for part in parts if part["kind"] == "table"]
        print("\n".join(self.texts))

    def rows(self, starts: str) -> dict[str, dict[str, Any]]:
        """Of the one table whose title starts so."""
        (table,) = [table for table in self.tables if table["title"].startswith(starts)]
        titles = [column["title"] for column in table["columns"]]
        return {row[0]: dict(zip(titles, row, strict=True)) for row in table["rows"]}


def mean(cell: Any) -> float:
    return float(cell["mean"] if isinstance(cell, dict) else cell)


@pytest.mark.parametrize(
    ("name", "row", "paper", "ours", "beaten"),
    [
        ("vit-msm-table-5", "ViT-S, mask 75 %",
         "pixel accuracy, paper", "pixel accuracy, ours", "all empty"),
        ("protobeam-table-1", "data and prototype normalisation, augmentation",
         "TTSA 32-shot, paper", "TTSA 32-shot, ours", "untrained network"),
    ],
)  # fmt: skip
def test_a_papers_table_is_beside_ours(
    name: str, row: str, paper: str, ours: str, beaten: str, runs: Path
) -> None:
    report = Reported(name, runs)
    table = report.tables[0]
    titles = [column["title"] for column in table["columns"]]
    cells = {row[0]: dict(zip(titles, row, strict=True)) for row in table["rows"]}
    assert 0 < mean(cells[row][paper]) < 1 and 0 < mean(cells[row][ours]) <= 1
    assert mean(cells[row][ours]) > mean(cells[beaten][ours])


def test_the_convlstm_segments(runs: Path) -> None:
    report = Reported("convlstm-figures-7-8", runs)
    assert len(report.tables) == 3 and any("pretrained, frozen" in text for text in report.texts)


def test_few_labels(runs: Path) -> None:
    """Three seeds: 10 points by 40 labels a class, 8 points by prototypes of 4 shots."""
    rows = Reported("few-labels", runs).rows("Few labels")
    pretrained, untrained = rows["pretrained, frozen"], rows[RANDOM]
    for title, least in (("probe, 40 a class", 0.10), ("4-shot prototypes", 0.08)):
        assert len(pretrained[title]["values"]) == len(untrained[title]["values"]) == 3
        assert mean(pretrained[title]) - mean(untrained[title]) >= least, title
    assert mean(pretrained["probe, 40 a class"]) > mean(
        rows["commonest class"]["probe, 40 a class"]
    )


def test_removed_blocks_are_given_back_better_than_guessed(runs: Path) -> None:
    """By each of three seeds, which draw the split, too."""
    rows = Reported("vit-msm-figure-4", runs).rows("With 75% removed")
    model = rows.pop("ViT-M, pretrained at 75 %")
    assert set(rows) == {"mean of the frequency row", "mean of the slice"}
    for guess in rows.values():
        for title, sign in (("MSE of removed pixels", -1), ("removed blocks", 1)):
            pairs = list(zip(model[title]["values"], guess[title]["values"], strict=True))
            assert len(pairs) == 3
            assert all(sign * ours > sign * theirs for ours, theirs in pairs), (title, pairs)


def test_channels_are_estimated_as_theory_says(runs: Path) -> None:
    """LMMSE is never behind LS below 10 dB; the network beats LS where there is most noise."""
    rows = Reported("wavesfm-figure-6d", runs).rows("Mean squared error of channel estimates")
    levels = {
        float(title.removesuffix(" dB")): title
        for title in rows["LMMSE"] if title.endswith(" dB") and title != "NMSE, dB"
    }  # fmt: skip
    low = [title for level, title in levels.items() if level < 10]
    assert len(low) > 3
    for title in low:
        squares = min(mean(rows[name][title]) for name in ("LS nearest", "LS linear"))
        assert mean(rows["LMMSE"][title]) <= squares, title
    for title in sorted(low, key=lambda one: float(one.removesuffix(" dB")))[:2]:
        assert mean(rows["ViT-SL"][title]) < mean(rows["LS linear"][title]), title


def test_lora_keeps_up_or_the_report_says_why_not(runs: Path) -> None:
    report = Reported("wavesfm-figure-8", runs)
    last, scratch = report.tables[0]["rows"][-2:]
    assert last[0] == "last two blocks" and scratch[0] == "ViT-SL"
    assert all(len(row[-1]["values"]) == 3 for row in report.tables[0]["rows"])
    (verdict,) = [t for t in report.texts if "of the parameters of last two blocks" in t
                  or t.startswith("No rank has less")]  # fmt: skip
    assert "within one point" in verdict or "behind" in verdict or "No rank" in verdict
