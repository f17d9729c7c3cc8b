"""A report on disk: for people as Markdown and as one HTML page, for programs as JSON.

report.md       with figure-1.png, figure-2.png, ... beside it
report.html     whole in itself
report.json     every number of the tables and figures, unrounded
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from radiofm.errors import UsageError
from radiofm_models.report.document import Part, Report, file_name
from radiofm_models.report.markdown import markdown
from radiofm_models.report.page import page
from radiofm_models.report.table import Table


def write_report(report: Report, folder: Path) -> None:
    """Write the report's files into `folder`, over those of a report that was there.

    The same report gives the same bytes on one machine. UsageError where nothing can be written.
    """
    pictures = [figure.png for figure in report.figures()]
    files = {file_name(number): picture for number, picture in enumerate(pictures, 1)}
    texts = {
        "report.md": markdown(report),
        "report.html": page(report, pictures),
        "report.json": json.dumps(as_json(report), indent=1, allow_nan=False) + "\n",
    }
    files |= {name: text.encode("utf-8", "backslashreplace") for name, text in texts.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise UsageError(f"report {folder}: {error.strerror}: name a folder to write to") from None


def as_json(report: Report) -> dict[str, Any]:
    """The report as plain JSON values; what is not finite is null."""
    sections = [
        {"title": section.title, "parts": [_part(number, part) for number, part in parts]}
        for section, parts in report.numbered()
    ]
    whole = {"version": 1, "title": report.title, "run": asdict(report.run), "sections": sections}
    return dict(_plain(whole))


def _part(number: int, part: Part) -> dict[str, Any]:
    if isinstance(part, str):
        return {"kind": "text", "text": part}
    if isinstance(part, Table):
        return {"kind": "table", "number": number, **asdict(part)}
    file = file_name(number)
    return {"kind": "figure", "number": number, "file": file, "caption": part.caption,
            "data": part.data}  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist())
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
