"""The account of all samples and all slices: interval arithmetic on indices.

Every index between a stream's first and last is received, lost or untaken, and only one of them:
`received + lost + untaken = span`. Every slice is inferred, untaken or skipped:
`inferred + untaken + skipped = slices`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from radiofm.wire import Loss, LossKind, SampleAccount, SliceAccount, Stage

Outcome = Literal["inferred", "untaken", "skipped"]

# Late samples and slices fill recent holes; older holes are final, so that memory stays bounded.
RECENT_HOLES = 256


@dataclass(slots=True)
class Hole:
    """Missing samples [start, stop)."""

    start: int
    stop: int
    kind: LossKind


class SampleLedger:
    """Accounts for the samples of one stream after another, as one consumer saw them."""

    def __init__(self) -> None:
        self._next: int | None = None  # the index after the last one accounted for
        self._holes: list[Hole] = []  # recent, in order
        self._span = self._received = self._duplicated = 0
        self._lost: Counter[LossKind] = Counter()

    def take(self, start: int, count: int, lost: Sequence[Loss] = ()) -> list[tuple[int, int]]:
        """Account for samples [start, start + count); return the part that is new, as intervals.

        What is jumped over is lost: first as `lost` declares, nearest to `start`, the rest exactly
        and at stage "queue". Samples that come late fill their hole; repeated ones are counted.
        The account of a stream begins with its first message: what came before it, while nobody
        listened, joins only where `lost` declares it.
        """
        stop = start + count
        if self._next is None:
            self._next = max(0, start - sum(loss.samples for loss in lost))
        new: list[tuple[int, int]] = []
        if start < self._next:
            new += self._fill(start, min(stop, self._next))
        if start >= self._next:
            self._skip(start, lost)
        if stop > self._next:
            first = max(start, self._next)
            new.append((first, stop))
            self._span += stop - first
            self._next = stop
        taken = sum(b - a for a, b in new)
        self._received += taken
        self._duplicated += count - taken
        return new

    def finish(self, end: int, lost: Sequence[Loss] = ()) -> None:
        """The stream ended at index `end`: what is missing up to there is lost."""
        if self._next is None:
            self._next = 0
        if end > self._next:
            self._skip(end, lost)

    def restart(self, first: int | None = None) -> None:
        """A new stream begins at index `first` (None: it is joined wherever it is)."""
        self._next = first
        self._holes.clear()

    def account(self) -> SampleAccount:
        lost = {kind: n for kind, n in self._lost.items() if n and not kind.untaken}
        stages: Counter[Stage] = Counter()
        for kind, samples in lost.items():
            stages[kind.stage] += samples
        return SampleAccount(
            span=self._span,
            received=self._received,
            untaken=sum(n for kind, n in self._lost.items() if kind.untaken),
            lost=sum(lost.values()),
            lost_estimated=sum(n for kind, n in lost.items() if not kind.exact),
            lost_by_stage=stages,
            duplicated=self._duplicated,
        )

    def losses(self) -> Counter[LossKind]:
        """Missing samples by kind."""
        return Counter(self._lost)

    def _skip(self, start: int, lost: Sequence[Loss]) -> None:
        assert self._next is not None
        holes: list[Hole] = []
        at = start
        for loss in reversed(lost):
            first = max(self._next, at - loss.samples)
            if first < at:
                holes.append(Hole(first, at, loss.kind))
            at = first
        if at > self._next:
            holes.append(Hole(self._next, at, LossKind("queue", exact=True)))
        for hole in reversed(holes):
            self._lost[hole.kind] += hole.stop - hole.start
            self._holes.append(hole)
        self._span += start - self._next
        self._next = start
        del self._holes[:-RECENT_HOLES]

    def _fill(self, start: int, stop: int) -> list[tuple[int, int]]:
        filled: list[tuple[int, int]] = []
        kept: list[Hole] = []
        for hole in self._holes:
            a, b = max(start, hole.start), min(stop, hole.stop)
            if a >= b:
                kept.append(hole)
                continue
            filled.append((a, b))
            self._lost[hole.kind] -= b - a
            if hole.start < a:
                kept.append(Hole(hole.start, a, hole.kind))
            if b < hole.stop:
                kept.append(Hole(b, hole.stop, hole.kind))
        self._holes = kept
        return filled


class SliceLedger:
    """Accounts for the slices of one stream after another: each index is settled once."""

    def __init__(self) -> None:
        self._next = 0
        self._open: set[int] = set()  # recent indices counted as untaken, that may still come
        self._totals: Counter[Outcome] = Counter()

    def settle(self, slice_index: int, outcome: Outcome) -> bool:
        """Give slice `slice_index` its outcome, once (else False); those jumped over: untaken."""
        if slice_index < self._next:
            if slice_index not in self._open:
                return False
            self._open.discard(slice_index)
            self._totals["untaken"] -= 1
        else:
            self._miss(slice_index)
            self._next = slice_index + 1
        self._totals[outcome] += 1
        return True

    def finish(self, count: int) -> None:
        """The stream had `count` slices: those that never came are untaken."""
        self._miss(count)

    def restart(self, first: int = 0) -> None:
        """A new stream begins, or is joined at slice `first`; the totals go on."""
        self._next = first
        self._open.clear()

    def account(self) -> SliceAccount:
        totals = self._totals
        return SliceAccount(
            slices=sum(totals.values()),
            inferred=totals["inferred"],
            untaken=totals["untaken"],
            skipped=totals["skipped"],
        )

    def _miss(self, upto: int) -> None:
        if upto <= self._next:
            return
        self._totals["untaken"] += upto - self._next
        self._open.update(range(max(self._next, upto - RECENT_HOLES), upto))
        self._next = upto
        self._open = {i for i in self._open if i >= upto - RECENT_HOLES}
