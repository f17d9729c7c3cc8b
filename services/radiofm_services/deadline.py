"""How many patches can be looked at in time: chosen by what the slices took.

The cost of a slice is linear in its patches, with something that is always there: so the time of
a share is at most what its proportion makes of the time of a larger one, and a larger share's at
most its proportion of a smaller one's. Steps up are taken by that, and thus with care.
"""

from __future__ import annotations

from collections import deque

import numpy as np

SHARES = (1.0, 0.75, 0.5, 0.375, 0.25, 0.1875, 0.125, 0.0625)
WINDOW = 32  # slices: half a second of air
SOON = 8  # slices after which a share with which most are late is left
MARGIN = 0.9  # of the deadline, for a step up


class Deadline:
    """Chooses the largest share of the patches, of at most `most`, with which nine slices of ten
    take no longer than `deadline_s`.
    """

    def __init__(self, deadline_s: float, most: float = 1.0) -> None:
        self._deadline_s = deadline_s
        self._shares = (most, *(share for share in SHARES if share < most))
        self._at = 0
        self._times: deque[float] = deque(maxlen=WINDOW)

    @property
    def share(self) -> float:
        """For the next slice."""
        return self._shares[self._at]

    def took(self, seconds: float) -> None:
        """A slice with the present share took so long."""
        self._times.append(seconds)
        if len(self._times) < SOON:
            return
        full = len(self._times) == WINDOW
        slow = float(np.percentile(self._times, 90 if full else 50))
        if slow > self._deadline_s:
            self._go(self._downwards(slow))
        elif full and self._at:
            larger = self._shares[self._at - 1]
            if slow * larger / self.share <= MARGIN * self._deadline_s:
                self._go(self._at - 1)

    def _downwards(self, slow: float) -> int:
        """The next smaller share, or as far down as proportion says."""
        wanted = self.share * self._deadline_s / slow
        last = len(self._shares) - 1
        return next((n for n in range(self._at + 1, last) if self._shares[n] <= wanted), last)

    def _go(self, at: int) -> None:
        if at != self._at:
            self._at = at
            self._times.clear()
