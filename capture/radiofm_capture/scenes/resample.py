"""From a rate at which OFDM symbols have whole samples to any other."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from scipy import signal

from radiofm_capture.scenes.signal import Iq

ROOM = 1.2  # inner over outer rate: where the filter may fall from the one's edge to the other's
TAPS = 12  # inner samples to each side
BETA = 5.65  # of the Kaiser window: 60 dB
FINEST = 10_000  # the largest factor: rates are met to within 10 ppm, most of them exactly


class Resampler:
    """The inner rate is `rate` if that is a multiple of `step`, else one a little higher.

    The signal at the inner rate must lie within +-rate / 2: nothing else is filtered away.
    """

    def __init__(self, rate: float, step: float) -> None:
        if rate % step == 0:
            self.inner_rate, self._ratio = rate, Fraction(1)
        else:
            self.inner_rate = math.ceil(ROOM * rate / step) * step
            self._ratio = Fraction(rate / self.inner_rate).limit_denominator(FINEST)

    def span(self, count: int) -> tuple[int, int]:
        """Inner samples before the first of `count` outer ones, and all that `apply` needs."""
        if self._ratio == 1:
            return 0, count
        whole = self._ratio.denominator  # inner samples that are a whole number of outer ones
        lead = -(-2 * TAPS // whole) * whole - TAPS
        return lead, lead + math.ceil(count / self._ratio) + TAPS

    def apply(self, iq: Iq, count: int) -> Iq:
        """[as span says] -> [count]."""
        if self._ratio == 1:
            return iq
        up, down = self._ratio.numerator, self._ratio.denominator
        length = 2 * TAPS * up + 1
        if up == 1:  # every sample of the inner rate is there: some are left out
            taps = signal.unit_impulse(length, "mid")
        else:
            taps = up * signal.firwin(length, 1 / up, window=("kaiser", BETA))
        outer = signal.upfirdn(taps.astype(np.float32), iq, up, down)
        first = -(-2 * TAPS // down) * up  # where the filter's delay is over
        return np.ascontiguousarray(outer[first : first + count])
