"""Faults on request: what goes wrong, how many seconds into the air, and how much."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock
from typing import Literal, cast

from radiofm.errors import UsageError
from radiofm.quantities import parse_duration

Kind = Literal["stall", "drop", "disconnect"]

_FORM = re.compile(r"(stall|drop|disconnect)(?:@([^:]+))?(?::(.+))?")
_DEFAULT_AT = 2.0
_DEFAULT_BLOCKS = 5
_HELP = "write it like stall@2s:300ms, drop@3s:5 (blocks) or disconnect@4s"


@dataclass(frozen=True)
class Fault:
    """stall: the client is not served for `seconds`, by default long enough to lose blocks.

    drop: `blocks` vanish. disconnect: all connections are closed.
    """

    kind: Kind
    at: float  # seconds since a buffer was first opened
    seconds: float | None = None
    blocks: int = _DEFAULT_BLOCKS


def parse_fault(text: str) -> Fault:
    """`stall@2s:300ms`, `drop@3s:5`, `disconnect@4s`, or the bare word -> Fault."""
    match = _FORM.fullmatch(text.strip())
    if not match:
        raise UsageError(f"fault {text!r} is not known: {_HELP}")
    kind, at, amount = cast(Kind, match[1]), match[2], match[3]
    when = parse_duration(at, "time of the fault") if at else _DEFAULT_AT
    if amount is None:
        return Fault(kind, when)
    if kind == "stall":
        return Fault(kind, when, seconds=parse_duration(amount, "length of the stall"))
    if kind == "drop" and amount.isdecimal() and 0 < int(amount) < 1_000_000:
        return Fault(kind, when, blocks=int(amount))
    raise UsageError(f"fault {text!r} has a wrong amount: {_HELP}")


class FaultPlan:
    """The faults yet to come. Each comes once, whichever stream reaches its time first."""

    def __init__(self, faults: Iterable[str]) -> None:
        self._waiting = [parse_fault(text) for text in faults]
        self._lock = Lock()

    def due(self, kind: Kind, elapsed: float) -> Fault | None:
        """Take out the next fault of that kind whose time has come."""
        with self._lock:
            for fault in self._waiting:
                if fault.kind == kind and fault.at <= elapsed:
                    self._waiting.remove(fault)
                    return fault
        return None
