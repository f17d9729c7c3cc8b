"""Figures as the view writes them."""

from __future__ import annotations

import math


def count(value: int) -> str:
    """Every digit, in groups of three: what is counted is not rounded."""
    return f"{value:,}"


def number(value: float | None, digits: int = 1, width: int = 0) -> str:
    """A figure of a fixed width, so that the line does not jump; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–".rjust(width)
    return f"{value:.{digits}f}".rjust(width).replace("-", "−")


def size(value: float) -> str:
    """Bytes: 1.2 GB."""
    for factor, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= factor:
            return f"{value / factor:.1f} {unit}"
    return f"{value:.0f} B"


def clock(seconds: float) -> str:
    """1:02:03 or 2:03."""
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    tail = f"{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
    return f"{hours}:{tail}" if hours else tail


def ticks(low_hz: float, high_hz: float, room: int) -> list[tuple[float, str]]:
    """About `room` round frequencies between two, each in Hz and as MHz with no needless digit."""
    span = high_hz - low_hz
    if span <= 0 or room < 1:
        return []
    rough = span / room
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 2.5, 5, 10, 20) if m * power >= rough)
    digits = max(0, -math.floor(math.log10(step / 1e6) + 1e-9))
    if step / 1e6 * 10**digits % 1 > 1e-6:
        digits += 1  # 2.5
    first = math.ceil(low_hz / step - 1e-9)
    last = math.floor(high_hz / step + 1e-9)
    return [(n * step, f"{n * step / 1e6:.{digits}f}") for n in range(first, last + 1)]
