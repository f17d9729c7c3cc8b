"""What the link to a Pluto carries: a second of streaming, and what became of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from radiofm.quantities import format_si
from radiofm_capture.device import Tuning
from radiofm_capture.framer import slice_samples
from radiofm_capture.pluto_receiver import PlutoReceiver

log = logging.getLogger(__name__)

RATES = [1e6 * r for r in (1, 2, 3, 4, 5, 6, 8, 10, 12.5, 15, 20, 25, 30.72, 40, 50, 61.44)]
SECONDS = 1.0
DEPTH = 8  # buffers of a slice, so that a busy host does no harm
_BY_FAR = 0.9  # of the rate: below, the link is too slow; above, the host may have been busy


@dataclass(frozen=True, slots=True)
class LinkTest:
    """What came of samples at `rate_hz`; of a clean link, all of them."""

    rate_hz: float
    carried_hz: float  # samples per second that came
    clean: bool


class Link:
    """What is known of a link: a rate that it carries, one that it does not."""

    def __init__(self, measure: Callable[[Tuning], LinkTest]) -> None:
        self._measure = measure
        self.clean: LinkTest | None = None  # the highest
        self.lossy: LinkTest | None = None  # the lowest

    def carries(self, tuning: Tuning) -> bool:
        """Whether the link carries the tuning's rate; measured where no other rate says it."""
        rate = tuning.sample_rate_hz
        if self.clean and rate <= self.clean.rate_hz:
            return True
        if self.lossy and rate >= self.lossy.rate_hz:
            return False
        test = self._measure(tuning)
        log.info("%g of %g S/s came, clean: %s", test.carried_hz, test.rate_hz, test.clean)
        if test.clean:
            self.clean = test
        else:
            self.lossy = test
        return test.clean

    @property
    def carried_hz(self) -> float | None:
        """Samples per second that came: all that the link carries where it was too slow."""
        test = self.lossy or self.clean
        return test.carried_hz if test else None

    @property
    def verdict(self) -> str:
        """What is known, in words; empty where nothing is."""
        if self.lossy:
            carried, rate = self.lossy.carried_hz, self.lossy.rate_hz
            return f"the link carries {carried / 1e6:.1f} of {format_si(rate, 'S/s')}"
        return f"the link carries {format_si(self.clean.rate_hz, 'S/s')}" if self.clean else ""


def rates_up_to(most: float) -> list[float]:
    """The rates that a probe tries, the last one `most`."""
    return [rate for rate in RATES if rate < most] + [most]


def probe_tuning(rate: float) -> Tuning:
    """How a Pluto is set for a probe: what it hears does not matter."""
    return Tuning(2.44e9, rate, min(rate, 56e6), gain_db=40.0)


def measure(receiver: PlutoReceiver, rate: float) -> LinkTest:
    """Stream for a second, and once more where that failed by little."""
    test = _second(receiver, rate)
    if not test.clean and test.carried_hz > _BY_FAR * rate:
        test = _second(receiver, rate)
    return test


def _second(receiver: PlutoReceiver, rate: float) -> LinkTest:
    count = slice_samples(rate)
    receiver.open(count, DEPTH)
    began = now = monotonic()
    lags: list[float] = []  # samples that should have come, less those that did
    while now - began < SECONDS:
        now = receiver.refill().ended
        lags.append((now - began) * rate - count * (len(lags) + 1))
    overflowed = receiver.overflowed()
    receiver.close_buffer()
    behind = min(lags[-DEPTH:]) - min(lags[:DEPTH])
    carried = count * len(lags) / (now - began)
    return LinkTest(rate, carried, not overflowed and behind < count)
