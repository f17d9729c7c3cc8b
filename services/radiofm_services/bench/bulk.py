"""What `radiofm annotate` costs beside the spectrograms and the graphs themselves."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from radiofm.bundle import load_bundle
from radiofm.cli.bundles import bundle_path
from radiofm.recording import Recording
from radiofm.segment import slice_starts
from radiofm.spectrogram import Spectrogram, SpectrogramSpec
from radiofm_services.annotate.annotator import AnnotateConfig, Annotator
from radiofm_services.bench.figures import Figure
from radiofm_services.bench.serving import graphs_alone

RATE = 61.44e6  # S/s
SLICES = 24
ROUNDS = 8
GOALS = (1 / 1.15, 1 / 1.2)  # of processor time, of wall time


def figures(
    name: str = "nano",
    rate: float = RATE,
    slices: int = SLICES,
    rounds: int = ROUNDS,
    workers: int | None = None,
) -> Iterator[Figure | str]:
    """A recording annotated, over its spectrograms by the same backend and ONNX Runtime's time for
    the same graphs, in as many threads; what both read is in the page cache.
    """
    workers = workers or len(os.sched_getaffinity(0))
    path = bundle_path(name)
    bundle = load_bundle(path)
    spec = bundle.manifest.spec
    config = AnnotateConfig(bundle=path, workers=workers)
    with TemporaryDirectory(prefix="radiofm-") as folder, closing(Annotator(config)) as annotator:
        recording = Recording.open(noise(Path(folder), spec, rate, slices))
        annotator(recording)
        graphs = graphs_alone(bundle)

        def alone(starts: list[int]) -> None:
            compute = Spectrogram(spec, rate, annotator.backend)
            for start in starts:
                image = compute(recording.read(start, compute.samples), recording.full_scale)
                graphs(image[None, None])

        starts = [start for _, start in slice_starts(recording.segments, spec.slice_samples(rate))]
        shares = [starts[n::workers] for n in range(workers)]
        with ThreadPoolExecutor(workers) as pool:
            took = _fastest(
                [partial(annotator, recording), lambda: list(pool.map(alone, shares))], rounds
            )
    yield f"annotate: bundle {bundle.manifest.name}, spectrograms by {annotator.backend}"
    what = f"a recording at {rate / 1e6:g} MS/s, {workers} threads"
    for (unit, ours, rival), goal in zip(took, GOALS, strict=True):
        yield Figure(
            what, "radiofm annotate", "spectrogram and ONNX Runtime alone",
            1e3 * ours / slices, 1e3 * rival / slices, unit, goal,
        )  # fmt: skip


def noise(folder: Path, spec: SpectrogramSpec, rate: float, slices: int) -> Path:
    """A recording of so many slices of noise."""
    size, rng = spec.slice_samples(rate), np.random.default_rng(0)
    one = rng.normal(0, 300, (size, 2)).round().astype("<i2")
    with (folder / "noise.sigmf-data").open("wb") as file:
        for _ in range(slices):
            one.tofile(file)
    keys = {"core:datatype": "ci16_le", "core:version": "1.2.0", "core:sample_rate": rate}
    meta = folder / "noise.sigmf-meta"
    meta.write_text(json.dumps({"global": keys, "captures": [{"core:sample_start": 0}]}))
    return meta


def _fastest(runs: list[Callable[[], object]], rounds: int) -> list[tuple[str, float, float]]:
    """The least seconds of both, run in turn: (unit, ours, rival) of processor and of wall time."""
    cpu, wall = [float("inf")] * 2, [float("inf")] * 2
    for _ in range(rounds):
        for n, run in enumerate(runs):
            used, start = time.process_time(), time.perf_counter()
            run()
            wall[n] = min(wall[n], time.perf_counter() - start)
            cpu[n] = min(cpu[n], time.process_time() - used)
    return [("ms of one core a slice", cpu[0], cpu[1]), ("ms a slice", wall[0], wall[1])]
