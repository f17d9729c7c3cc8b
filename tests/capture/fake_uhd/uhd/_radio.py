"""The radio behind the fake: a clock, and samples that say at which tick they were taken.

The device arguments tell what it does: `type=b200` is a radio of the older kind with AGC,
`type=usrp2` one without, `type=x300` one of the newer kind without; `claimed=1` belongs to another
program; more than `depth=N` samples do not wait for a
late reader; `pps=0` has no pulse; with `unlocked=1` nothing
locks; with `rate=R` the sample rate is R, whatever was asked for.
`faults=KIND@SAMPLE:COUNT KIND@SAMPLE:COUNT` are what goes wrong, by samples since the start:

    lose     a link loss: recv says overflow, out of sequence, without a time (measured)
    overrun  an overflow in the device; ends a burst
    bad, align, broken, late     these error codes, COUNT samples missing; the last two end all
    skip     COUNT samples missing without a word
    back     the clock goes back by COUNT
    drift    the clock goes on by COUNT thousandths of a sample
    untimed  the next COUNT samples come without a time
    mute     nothing comes any more
    gone     the device is unplugged
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

PACKET = 371  # samples
BITS = 14  # of a tick in I; as many in Q
ERRORS = {
    "lose": "overflow", "overrun": "overflow", "bad": "bad_packet", "align": "alignment",
    "broken": "broken_chain", "late": "late",
}  # fmt: skip
GONE = "EnvironmentError: IOError: usb rx8 transfer status: LIBUSB_TRANSFER_NO_DEVICE"


@dataclass
class Fault:
    kind: str
    sample: int
    count: int


def parse_faults(text: str) -> list[Fault]:
    faults = []
    for word in text.split():
        kind, _, place = word.partition("@")
        sample, _, count = place.partition(":")
        faults.append(Fault(kind, int(sample), int(count or 0)))
    return sorted(faults, key=lambda fault: fault.sample)


class Radio:
    """Ticks are samples of the device's time: tick n is at n / rate."""

    def __init__(self, args: dict[str, str]) -> None:
        self.kind = args.get("type", "b200")
        self.rate = 1e6
        self._forced_rate = float(args["rate"]) if "rate" in args else None
        self.locked = "unlocked" not in args
        self.commands = 0
        self._pulses = args.get("pps") != "0"
        self._offset_ns = -time.time_ns()  # the clock begins at 0
        self._at_pulse: tuple[int, int] | None = None  # host second, device second
        self._depth = int(args.get("depth", 1 << 60))
        self._faults = parse_faults(args.get("faults", ""))
        self._first: int | None = None  # tick of the first sample of all
        self._next = 0  # tick of the next sample
        self._end: int | None = 0  # tick at which sending ends; None without end
        self._untimed = 0  # tick up to which samples have no time
        self._drift = 0.0
        self._mute = False

    def set_rate(self, rate: float) -> None:
        """Ticks are counted anew."""
        self.rate = self._forced_rate or rate
        self._first, self._next, self._end = None, 0, 0

    def now_ns(self) -> int:
        host = time.time_ns()
        if self._at_pulse and host >= self._at_pulse[0] * 10**9:
            self._offset_ns = (self._at_pulse[1] - self._at_pulse[0]) * 10**9
            self._at_pulse = None
        return host + self._offset_ns

    def set_now(self, ns: int) -> None:
        self._offset_ns = ns - time.time_ns()

    def set_at_pulse(self, second: int) -> None:
        self._at_pulse = (time.time_ns() // 10**9 + 1, second)

    def last_pulse_ns(self) -> int:
        """A pulse comes at each whole second of the host's clock."""
        now = self.now_ns()
        return now - (now - self._offset_ns) % 10**9 if self._pulses else 0

    def tick(self, ns: int) -> int:
        seconds, rest = divmod(ns, 10**9)
        return round(seconds * self.rate) + round(rest * self.rate / 1e9)

    def time_of(self, tick: int) -> tuple[int, float]:
        """Whole seconds and the rest."""
        seconds = int(tick // self.rate)
        return seconds, (tick - seconds * self.rate + self._drift) / self.rate

    def send(self, count: int | None, start: int | None) -> None:
        """Send `count` samples (None: without end) from tick `start` (None: now) on."""
        self.commands += 1
        now = max(self._next, self.tick(self.now_ns()) + 1)
        if start is not None and start < now:
            self._faults.insert(0, Fault("late", 0, 0))
            return
        self._next = now if start is None else start
        if self._first is None:
            self._first = self._next
        self._end = None if count is None else self._next + count

    def halt(self) -> None:
        """Take no more; what was taken can still be read."""
        now = max(self._next, self.tick(self.now_ns()))
        self._end = now if self._end is None else min(self._end, now)

    def due(self) -> bool:
        """Whether something goes wrong before the next sample."""
        if (waiting := self._waiting()) > self._depth:
            self._faults.insert(0, Fault("overrun", 0, waiting))
        return bool(self._faults) and self._faults[0].sample <= self._here()

    def suffer(self) -> Fault:
        """Let it happen."""
        fault = self._faults.pop(0)
        match fault.kind:
            case "gone":
                raise RuntimeError(GONE)
            case "mute":
                self._mute = True
            case "untimed":
                self._untimed = self._next + fault.count
            case "back":
                self._next -= fault.count
            case "drift":
                self._drift += fault.count / 1000
            case _:
                self._next += fault.count
        if fault.kind in ("late", "broken") or (fault.kind == "overrun" and self._end is not None):
            self._end = self._next
        letter = {"lose": "D", "overrun": "O"}.get(fault.kind)
        if letter and not os.environ.get("UHD_LOG_FASTPATH_DISABLE"):
            sys.stderr.write(letter)
        return fault

    def take(self, most: int, timeout: float) -> tuple[int, int, bool]:
        """Wait for samples, a packet of them where so many are to come: first, count, timed."""
        limit = most
        if self._faults:
            limit = min(limit, self._faults[0].sample - self._here())
        if self._end is not None:
            limit = min(limit, self._end - self._next)
        deadline = time.monotonic() + timeout
        while self._mute or limit <= 0 or self._waiting() < min(limit, PACKET):
            if time.monotonic() >= deadline:
                return self._next, 0, False
            time.sleep(0.001)
        first, count = self._next, min(limit, self._waiting())
        self._next += count
        return first, count, first >= self._untimed

    def _here(self) -> int:
        return 0 if self._first is None else self._next - self._first

    def _waiting(self) -> int:
        now = self.tick(self.now_ns())
        return (now if self._end is None else min(now, self._end)) - self._next


def samples(first: int, count: int) -> npt.NDArray[np.int16]:
    """The ticks themselves, int16 [count, 2]: the low bits in I, the next ones in Q."""
    ticks = first + np.arange(count)
    mask = (1 << BITS) - 1
    return np.stack([ticks & mask, ticks >> BITS & mask], axis=1).astype(np.int16)
