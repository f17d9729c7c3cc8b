"""A report as one HTML page that loads nothing: no script, no font, no picture from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from importlib import resources
from xml.etree.ElementTree import Element, SubElement, indent, tostring  # escapes what it writes

from radiofm_models.report.document import Part, Report
from radiofm_models.report.figure import Figure
from radiofm_models.report.table import Table

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(report: Report, pictures: Sequence[bytes]) -> str:
    """The page; `pictures` are the PNGs of the report's figures, in their order."""
    html = Element("html", lang="en")
    head = SubElement(html, "head")
    SubElement(head, "meta", charset="utf-8")
    SubElement(head, "meta", {"http-equiv": "Content-Security-Policy", "content": POLICY})
    SubElement(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    _text(head, "title", report.title)
    _text(head, "style", resources.files(__package__).joinpath("page.css").read_text("utf-8"))
    main = SubElement(SubElement(html, "body"), "main")
    _text(main, "h1", report.title)
    _text(main, "pre", report.run.command)
    facts = SubElement(main, "dl")
    for name, text in report.run.facts():
        _text(facts, "dt", name)
        _text(facts, "dd", text)
    for section, parts in report.numbered():
        body = SubElement(main, "section")
        _text(body, "h2", section.title)
        for number, part in parts:
            _part(body, number, part, pictures)
    indent(html)
    return f"<!DOCTYPE html>\n{tostring(html, encoding='unicode', method='html')}\n"


def _text(parent: Element, tag: str, text: str, **attributes: str) -> None:
    SubElement(parent, tag, attributes).text = text


def _part(parent: Element, number: int, part: Part, pictures: Sequence[bytes]) -> None:
    if isinstance(part, str):
        _text(parent, "p", part)
    elif isinstance(part, Table):
        _table(parent, number, part)
    else:
        _figure(parent, number, part, pictures[number - 1])


def _figure(parent: Element, number: int, figure: Figure, picture: bytes) -> None:
    box = SubElement(parent, "figure")
    address = f"data:image/png;base64,{base64.b64encode(picture).decode('ascii')}"
    SubElement(box, "img", src=address, alt=f"Figure {number}")
    _text(box, "figcaption", f"Figure {number}. {figure.caption}")


def _table(parent: Element, number: int, table: Table) -> None:
    box = SubElement(parent, "figure")
    _text(box, "figcaption", f"Table {number}. {table.title}")
    body = SubElement(SubElement(box, "div"), "table")  # the div scrolls where the page is narrow
    kinds = ["number" if numeric else "text" for numeric in table.numeric()]
    head = SubElement(SubElement(body, "thead"), "tr")
    for column, kind in zip(table.columns, kinds, strict=True):
        _text(head, "th", column.title, **{"scope": "col", "class": kind})
    rows = SubElement(body, "tbody")
    for texts in table.texts():
        row = SubElement(rows, "tr")
        for text, bold, kind in zip(texts, table.best(), kinds, strict=True):
            cell = SubElement(row, "td", {"class": kind})
            if text == bold:
                _text(cell, "strong", text)
            else:
                cell.text = text
    if table.note:
        _text(box, "p", table.note)
