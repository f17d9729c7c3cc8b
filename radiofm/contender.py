"""One side of a benchmark, as a process of its own: another interpreter, its own threads.

    python -m radiofm_services.bench.spectrogram_ours numba     # says "ready"
    {"case": 61.44e6}                                           # -> {"seconds": 0.0021}

The standard library is enough, so that a rival's own Python can run it. `radiofm_services.bench`
holds the other end.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

Work = Callable[[], Any]


def serve(make: Callable[[float], Work], runs: int = 1) -> None:
    """Answer each line with the processor seconds, of all threads, that a run of a case takes.

    `make` prepares a case and gives its work, which runs once before it is timed; it may hold
    `runs` runs. A line with "save" has its result, a float32 array, written to that file.
    """
    works: dict[float, Work] = {}
    print("ready", flush=True)  # noqa: T201 - the answers
    for line in sys.stdin:
        asked = json.loads(line)
        case = asked["case"]
        if case not in works:
            works[case] = make(case)
            works[case]()
        start = time.process_time()
        result = works[case]()
        took = (time.process_time() - start) / runs
        if "save" in asked:
            result.tofile(asked["save"])
        print(json.dumps({"seconds": took}), flush=True)  # noqa: T201
