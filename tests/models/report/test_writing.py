"""A report on disk: nothing escapes, nothing is lost, the same bytes each time."""

from __future__ import annotations

import filecmp
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from radiofm.errors import UsageError
from radiofm_models.report import (
    SMOKE,
    Cell,
    Column,
    Measured,
    Report,
    Run,
    Section,
    Series,
    Table,
    confusion_matrices,
    curves,
    write_report,
)
from radiofm_models.report.markdown import markdown
from radiofm_models.report.page import page
from tests.models.report.example import HOSTILE, RUN, TABLE, counts, report


class Seen(HTMLParser):
    """Tags with their attributes, and the text of each."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def hostile() -> Report:
    table = Table(HOSTILE, [Column(HOSTILE), Column("b")], [[HOSTILE, 1]], HOSTILE)
    drawing = confusion_matrices(HOSTILE, {HOSTILE: counts(2)}, [HOSTILE, "b"])
    run = Run(HOSTILE, (0,), HOSTILE, HOSTILE, "paper", (HOSTILE,))
    return Report(HOSTILE, run, [Section(HOSTILE, [HOSTILE, table, drawing])])


def test_html_escapes_all_that_it_is_given() -> None:
    seen = Seen(page(hostile(), [b""]))
    tags = {tag for tag, _ in seen.tags}
    assert "script" not in tags and "a" not in tags
    # title twice, command, three facts, section, text, table's title, head, cell and note, caption
    assert sum(HOSTILE in text for text in seen.texts) == 13


def test_markdown_escapes_all_that_it_is_given() -> None:
    html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown(hostile()))
    seen = Seen(html)
    assert not {"script", "a", "em", "s", "strong"} & {tag for tag, _ in seen.tags}
    joined = "".join(seen.texts)
    assert joined.count(HOSTILE) == 12  # as in HTML, but the title is there once


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1))
@example("- no list")
@example("1. none either")
@example("2) nor this")
@example("+ nor this")
@example("# no heading")
@example("===")
@example("a\\")
@example("&amp; &#35;")
def test_any_text_comes_out_of_markdown_as_it_went_in(text: str) -> None:
    html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(
        markdown(report(text, Table("t", [Column("c")], [[text]])))
    )  # fmt: skip
    words = " ".join(text.split())
    seen = Seen(html)
    tags = [tag for tag, _ in seen.tags]
    assert tags[tags.index("h2") :] == ["h2", *(["p"] if words else []), "p", *TABLE_TAGS]
    assert "".join(seen.texts).endswith(f"{words}Table 1. tc{words}")


TABLE_TAGS = ["table", "thead", "tr", "th", "tbody", "tr", "td"]


def test_a_path_that_is_no_text_is_written_all_the_same(tmp_path: Path) -> None:
    run = Run("x", (0,), "caf\udce9", "m", "paper", ())
    write_report(Report("R", run, []), tmp_path)
    assert "caf\\udce9" in (tmp_path / "report.md").read_text("utf-8")


def test_the_same_report_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        drawing = curves("c", [Series("s", [0, 1], [0.1, 0.2], [0.01, 0.02])], "x", "y")
        write_report(report("Text.", TABLE, drawing), tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["figure-1.png", "report.html", "report.json", "report.md"]
    assert filecmp.cmpfiles(tmp_path / "a", tmp_path / "b", files, shallow=False)[0] == files
    picture = (tmp_path / "a" / "figure-1.png").read_bytes()
    assert b"tEXt" not in picture and b"tIME" not in picture


def test_json_holds_every_number(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    std = rng.random(5)
    std[2] = np.nan
    series = Series("s", np.arange(5), rng.random(5), std)
    write_report(report(TABLE, curves("c", [series], "x", "y")), tmp_path)
    whole = json.loads((tmp_path / "report.json").read_text("utf-8"), parse_constant=_refused)
    assert whole["run"]["seeds"] == [0, 1, 2]
    table, figure = whole["sections"][0]["parts"]
    assert table["rows"] == [
        ["LoRA", 1_228_800, {"mean": 0.8500000000000001, "std": pytest.approx(0.0707106781),
                             "values": [0.8, 0.9]}],
        ["frozen", 0, 0.5],
        ["not run", None, None],
        ["diverged", 7, None],
    ]  # fmt: skip
    data = figure["data"]["series"][0]
    assert data["mean"] == np.asarray(series.mean).tolist()  # to the last digit
    assert data["std"][2] is None and data["std"][1] == std[1]


def _refused(name: str) -> Any:
    raise AssertionError(f"{name} is no JSON")


def test_what_is_not_finite_is_null(tmp_path: Path) -> None:
    cells: list[Cell] = [float("inf"), np.float64("-inf"), Measured(float("nan")), np.float64(2.5)]
    write_report(report(Table("t", [Column("a")], [[cell] for cell in cells])), tmp_path)
    rows = json.loads((tmp_path / "report.json").read_text("utf-8"))["sections"][0]["parts"][0]
    assert rows["rows"] == [[None], [None], [{"mean": None, "std": None, "values": []}], [2.5]]


def test_links_of_markdown_exist(tmp_path: Path) -> None:
    drawings = [confusion_matrices("c", {"n": counts(n)}, list("abc")[:n]) for n in (2, 3)]
    write_report(report(drawings[0], "Between.", drawings[1]), tmp_path)
    links = re.findall(r"\]\(([^)]+)\)", (tmp_path / "report.md").read_text("utf-8"))
    assert links == ["figure-1.png", "figure-2.png"]
    assert all((tmp_path / link).read_bytes().startswith(b"\x89PNG") for link in links)


def test_html_loads_nothing(tmp_path: Path) -> None:
    drawing = confusion_matrices("c", {"one": counts(3)}, list("abc"))
    write_report(report(TABLE, drawing), tmp_path)
    text = (tmp_path / "report.html").read_text("utf-8")
    for tag, attributes in Seen(text).tags:
        assert tag not in ("script", "link", "iframe", "object", "base")
        assert "href" not in attributes
        if "src" in attributes:
            assert str(attributes["src"]).startswith("data:image/png;base64,")
    assert "url(" not in text and "@import" not in text


def test_smoke_says_what_it_shows_and_paper_does_not() -> None:
    paper = Run(RUN.command, RUN.seeds, RUN.data, RUN.machine, "paper", ())
    for write in (markdown, lambda one: page(one, [])):
        assert SMOKE in write(report())
        assert SMOKE not in write(Report("R", paper, []))
        assert "Scale" not in write(Report("R", replace(paper, scale=None), []))


def test_numbers_run_through_all_sections() -> None:
    text = markdown(Report("R", RUN, [Section("A", [TABLE]), Section("B", ["Text.", TABLE])]))
    assert re.findall(r"^Table \d", text, re.MULTILINE) == ["Table 1", "Table 2"]
    assert "| LoRA | 1,228,800 | **85.0 ± 7.1%** |" in text


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="name a folder to write to"):
        write_report(report(), tmp_path / "file")
