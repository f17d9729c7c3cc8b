"""What is said of a recording's files: where one ends and the next begins, and their names."""

from __future__ import annotations

from dataclasses import dataclass
from string import Formatter
from typing import Literal

from radiofm.errors import UsageError
from radiofm.quantities import parse_duration, parse_size

NAME_FIELDS = ("utc", "device", "fc", "rate", "gain", "n")


@dataclass(frozen=True)
class Split:
    """A recording goes on in the next file after so many seconds or bytes, or at each stream."""

    unit: Literal["seconds", "bytes", "stream"]
    amount: float = 0.0


def parse_split(text: str, field: str = "split") -> Split:
    """`10m` (of air, losses included), `1GB` (bytes have a B), `stream`."""
    text = text.strip()
    if text == "stream":
        return Split("stream")
    if text[-1:] in ("b", "B"):
        return Split("bytes", parse_size(text, field))
    if text[-1:] in ("k", "K", "M", "g", "G"):  # 10M is not 10 minutes
        raise UsageError(f"{field} {text!r} is not understood: write {text}B, or 10m for a time")
    return Split("seconds", parse_duration(text, field))


def check_name(template: str, field: str = "name") -> str:
    """Return a template of file names, like `{utc}_{fc}`, if it can be filled in."""
    try:
        for _, name, _, _ in Formatter().parse(template):
            if name is not None and name not in NAME_FIELDS:
                known = ", ".join(f"{{{one}}}" for one in NAME_FIELDS)
                raise UsageError(f"{field} has no field {{{name}}}: there are {known}")
        made = template.format(**{**dict.fromkeys(NAME_FIELDS, "x"), "n": 1})
    except ValueError as error:
        raise UsageError(f"{field} {template!r} is no template: {error}") from None
    if not made or "/" in made or made.startswith("."):
        raise UsageError(f"{field} {template!r} is no file name: leave out / and a dot in front")
    return template
