"""Benchmarks: each figure is a ratio to a named rival, of one run, interleaved, of minima."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from radiofm_services.bench import bulk, live, serving, spectrogram
from radiofm_services.bench.figures import Figure

BENCHES: dict[str, Callable[[], Iterator[Figure | str]]] = {
    "spectrogram": spectrogram.figures,
    "serving": serving.figures,
    "live": live.figures,
    "annotate": bulk.figures,
}
