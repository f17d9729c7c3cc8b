"""The one parser of numbers with units: frequencies, rates, gains, durations, sizes."""

from __future__ import annotations

import re

from radiofm.errors import UsageError

_PREFIX = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
_NUMBER = r"(?P<number>[+-]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:e[+-]?\d+)?)"
_SCALED = re.compile(rf"{_NUMBER}\s*(?P<prefix>[kmgt]?)(?P<unit>[a-z/]*)", re.IGNORECASE)
_GAIN = re.compile(rf"{_NUMBER}\s*(?:db)?", re.IGNORECASE)
_TIME = re.compile(rf"{_NUMBER}\s*(?P<unit>ms|us|s|sec|m|min|h|d)?", re.IGNORECASE)
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{2}(?:\.\d+)?)")
_SECONDS = {
    "us": 1e-6, "ms": 1e-3, "": 1.0, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0,
    "d": 86400.0,
}  # fmt: skip


def parse_frequency(text: str | float, field: str = "frequency") -> float:
    """`2.44e9`, `2.44G`, `2440 MHz`, `2_440_000_000` -> Hz, above zero."""
    return _scaled(text, field, ("hz",), "2.44G or 2440 MHz")


def parse_offset(text: str | float, field: str = "offset") -> float:
    """Like `parse_frequency`, of either sign: `-1.5M` -> Hz."""
    return _scaled(text, field, ("hz",), "-1.5M or 250 kHz", negative=True)


def parse_rate(text: str | float, field: str = "rate") -> float:
    """`4e6`, `4M`, `4 MS/s`, `4Msps`, `4 MHz` -> samples per second, above zero."""
    return _scaled(text, field, ("hz", "s/s", "sps", "s"), "4M or 4 MS/s")


def parse_size(text: str | float, field: str = "size") -> float:
    """`64M`, `64 MB`, `2e9` -> bytes (decimal prefixes), above zero."""
    return _scaled(text, field, ("b",), "64M or 2 GB")


def parse_gain(text: str | float, field: str = "gain") -> float:
    """`40`, `40dB`, `-3 dB` -> dB."""
    if isinstance(text, (int, float)):
        return float(text)
    match = _GAIN.fullmatch(text.strip())
    if not match:
        raise UsageError(f"{field} {text!r} is not a gain: write it like 40 or 40dB")
    return float(match["number"])


def parse_duration(text: str | float, field: str = "duration") -> float:
    """`30s`, `1.5m`, `2h`, `16 ms`, `12:34`, `1:00:00`, `30` -> seconds, above zero."""
    if isinstance(text, (int, float)):
        value = float(text)
    elif clock := _CLOCK.fullmatch(text.strip()):
        hours, minutes, seconds = clock.groups()
        value = int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds)
    elif match := _TIME.fullmatch(text.strip()):
        value = float(match["number"]) * _SECONDS[(match["unit"] or "").lower()]
    else:
        raise UsageError(f"{field} {text!r} is not a duration: write it like 30s, 1.5m or 2h")
    if not value > 0:
        raise UsageError(f"{field} {text!r} must be above zero")
    return value


def _scaled(
    text: str | float, field: str, units: tuple[str, ...], like: str, *, negative: bool = False
) -> float:
    if isinstance(text, (int, float)):
        value = float(text)
    else:
        match = _SCALED.fullmatch(text.strip())
        # "5 s" as a rate: the prefix is optional, so "MS/s" and "S/s" both come apart rightly.
        if not match or (match["unit"].lower() not in ("", *units)):
            raise UsageError(f"{field} {text!r} is not understood: write it like {like}")
        value = float(match["number"].replace("_", "")) * _PREFIX[match["prefix"].lower()]
    if value != value or value in (float("inf"), float("-inf")):
        raise UsageError(f"{field} {text!r} is not a finite number")
    if value <= 0 and not negative:
        raise UsageError(f"{field} {text!r} must be above zero: write it like {like}")
    return value


def format_si(value: float, unit: str) -> str:
    """2.44e9, "Hz" -> "2.44 GHz"."""
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:.6g} {prefix}{unit}"
    return f"{value:.6g} {unit}"


def format_duration(seconds: float) -> str:
    """0.1 -> "100 ms", 90 -> "1.5 min", 5400 -> "1.5 h"."""
    for factor, unit in ((3600.0, "h"), (60.0, "min"), (1.0, "s")):
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds * 1e3:.3g} ms"
