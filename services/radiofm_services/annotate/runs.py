"""What is said of one slice after the other, put together: the same in a row is one run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

CONTINUES = 0.5  # of both bands together, that a run's next band shares with the one before


@dataclass(frozen=True, slots=True)
class Mark:
    """What a head says of a slice: a label, and from where to where in the band, 0 to 1."""

    head: str
    label: str
    low: float = 0.0
    high: float = 1.0
    score: float | None = None
    novelty: float | None = None
    located: bool = False  # another mark of this label may lie elsewhere in the slice


@dataclass(slots=True)
class Run:
    """Marks of slices `first` to `first` + `count` - 1, in each of them one."""

    first: int
    last: Mark
    low: float
    high: float
    score: float | None
    novelty: float | None
    count: int = 1

    def follows(self, mark: Mark) -> float:
        """How well a mark goes on with the run: the share of both bands that they have together.

        Below 0: not at all. A label of a whole slice goes on wherever it is.
        """
        if (mark.head, mark.label, mark.located) != (
            self.last.head, self.last.label, self.last.located,
        ):  # fmt: skip
            return -1.0
        if not mark.located:
            return 1.0
        common = min(mark.high, self.last.high) - max(mark.low, self.last.low)
        whole = max(mark.high, self.last.high) - min(mark.low, self.last.low)
        return common / whole if common >= CONTINUES * whole else -1.0

    def add(self, mark: Mark) -> None:
        """The next slice's mark: bands grow, scores are averaged, the highest novelty stays."""
        self.count += 1
        self.last = mark
        self.low, self.high = min(self.low, mark.low), max(self.high, mark.high)
        if self.score is not None and mark.score is not None:
            self.score += (mark.score - self.score) / self.count
        if self.novelty is not None and mark.novelty is not None:
            self.novelty = max(self.novelty, mark.novelty)


class Runs:
    """Takes the marks of slice after slice, without a gap between them, and gives back the runs
    that have come to an end.
    """

    def __init__(self) -> None:
        self._open: list[Run] = []

    def take(self, number: int, marks: Iterable[Mark]) -> list[Run]:
        """The marks of slice `number`; the runs that do not go on with it."""
        waiting, going = self._open, []
        for mark in marks:
            best = max(waiting, key=lambda run: run.follows(mark), default=None)
            if best is not None and best.follows(mark) >= 0:
                waiting.remove(best)
                best.add(mark)
                going.append(best)
            else:
                going.append(Run(number, mark, mark.low, mark.high, mark.score, mark.novelty))
        self._open = going
        return waiting

    def finish(self) -> list[Run]:
        """A gap, or the end: all that are left."""
        return self.take(0, ())
