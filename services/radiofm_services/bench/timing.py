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


def ratio(name: str, value: float, goal: str, rival: str) -> dict[str, Any]:
    """One figure: `goal` is as `<= 1.05` or `>= 3.5`, `rival` what the time is divided by."""
    sign, bound = goal.split()
    met = value <= float(bound) if sign == "<=" else value >= float(bound)
    return {"name": name, "ratio": round(value, 4), "goal": goal, "met": met, "rival": rival}
