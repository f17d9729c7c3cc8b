"""How speed is measured: both sides in turn, on one thread, the least processor time of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from radiofm_services.bench.figures import Figure

ROUNDS = 50
UNIT = "ms of one core a slice"


def fastest(runs: Sequence[Callable[[], object]], rounds: int = ROUNDS) -> list[float]:
    """The least processor time of each in seconds, run in turn: other work on the machine adds to
    single runs, not to the least of many. Before each timed run is one that is not, so that what
    the others left in the caches does not count.
    """
    best = [float("inf")] * len(runs)
    for _ in range(rounds):
        for n, run in enumerate(runs):
            run()
            start = time.process_time()
            run()
            best[n] = min(best[n], time.process_time() - start)
    return best


def figure(
    what: str, ours: str, rival: str, seconds: Sequence[float], goal: float, unit: str = UNIT
) -> Figure:
    """One figure: `seconds` of ours and of the rival."""
    ours_ms, rival_ms = (1e3 * one for one in seconds)
    return Figure(what, ours, rival, ours_ms, rival_ms, unit, goal)
