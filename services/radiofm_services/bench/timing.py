"""How speed is measured: both sides in turn, on one thread, the least processor time of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

ROUNDS = 50


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
    what: str, ours: str, rival: str, seconds: Sequence[float], goal: float
) -> dict[str, Any]:
    """One figure: `seconds` of ours and of the rival. `ratio` is how many times less ours takes;
    below 1 it takes more.
    """
    ours_took, rival_took = (round(1e3 * one, 4) for one in seconds)
    return {
        "what": what, "ours": ours, "rival": rival, "ours_took": ours_took,
        "rival_took": rival_took, "unit": "ms of one core a slice", "goal": round(goal, 4),
        "ratio": round(seconds[1] / seconds[0], 4),
    }  # fmt: skip
