"""The whole chain at 61.44 MS/s in real time: what is lost, looked at, late, and what it takes.

Beside it a loop as live classifiers have it: record a block, infer, repeat.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from radiofm.bundle import load_bundle
from radiofm.cli.bundles import bundle_path, named_bundles
from radiofm.cli.chain import Chain, run
from radiofm.spectrogram import SpectrogramSpec
from radiofm_services.bench.contenders import contenders
from radiofm_services.bench.figures import Figure
from radiofm_services.bench.spectrogram import TORCH, commands
from radiofm_services.encoder import Encoder
from radiofm_services.heads import head_set, load_head
from radiofm_services.passes import answers
from radiofm_services.thinning import Thinning

RATE = 61.44e6
SECONDS = 60
PIECE_S = 0.256  # of samples, played again and again
P99_MS = 30.0  # of capture to result
CORE = 0.45  # that the spectrogram may take
SLICE_S = SpectrogramSpec().duration_s
GONE = "s of air that pass for each that is looked at"


def figures(seconds: float = SECONDS) -> Iterator[Figure | str]:
    """nano on every core and on one; tiny, where it is there, on a quarter of its patches."""
    with tempfile.TemporaryDirectory(prefix="radiofm-") as folder:
        samples = _samples(Path(folder))
        cores = len(os.sched_getaffinity(0))
        whole = _live(samples, seconds)
        yield from _account(f"nano, {cores} cores", whole)
        yield from _limits(whole)
        yield _beside_a_loop(whole)
        with _one_core():
            yield from _account("nano, 1 core", _live(samples, seconds))
        if "tiny" in named_bundles():
            quarter = _live(samples, seconds, "tiny", "0.25")
            yield from _account(f"tiny, a quarter of its patches, {cores} cores", quarter)


def _samples(folder: Path) -> Path:
    """Noise with a carrier in it, 16 bits."""
    rng = np.random.default_rng(0)
    count = round(PIECE_S * RATE)
    values = rng.normal(0, 200, (count, 2)).astype(np.float32)
    phase = 2 * np.pi * (np.arange(count) * 0.11 % 1)
    values += 300 * np.stack([np.cos(phase), np.sin(phase)], axis=1)
    path = folder / "samples.ci16"
    values.astype(np.int16).tofile(path)
    return path


def _live(
    samples: Path, seconds: float, bundle: str = "nano", patches: str = "1"
) -> dict[str, Any]:
    """The account of `radiofm live` on a recording that is played at its own rate."""
    return run(
        Chain(
            capture=["--device", "replay", "--path", str(samples), "--datatype", "ci16_le",
                     "--rate", str(RATE),
                     "--loops", "0", "--duration", f"{seconds}s"],
            spectrogram=["--bundle", bundle],
            infer=["--bundle", bundle, "--patches", patches],
            quiet=True,
        )
    )  # fmt: skip


def _account(what: str, report: dict[str, Any]) -> Iterator[Figure | str]:
    lost, latency = report["samples_lost"] + report["samples_untaken"], report["latency_ms"]
    yield (
        f"{what}: {lost} of {report['samples_span']} samples lost, {report['coverage']:.2%} of the "
        f"slices inferred, p50 {latency['p50']:.1f} ms, p99 {latency['p99']:.1f} ms"
    )


def _limits(report: dict[str, Any]) -> Iterator[Figure]:
    worker = report["stages"]["spectrogram"]
    share = worker["cpu_s"] / (report["samples_span"] / RATE)
    p99 = report["latency_ms"]["p99"]
    yield Figure("capture to result, p99", "nano, live", "limit", p99, P99_MS, "ms", 1)
    yield Figure("spectrogram", worker["backend"], "limit", share, CORE, "cores", 1)


def _beside_a_loop(report: dict[str, Any]) -> Figure:
    """Both look at slices of 16 ms; the loop is deaf while it works."""
    ours, theirs = report["coverage"], _loop()
    what, rival = "airtime", "record a slice, torch.stft and ONNX Runtime, repeat"
    return Figure(what, "radiofm live, nano", rival, 1 / ours, 1 / theirs, GONE)


def _loop(slices: int = 100) -> float:
    """The share of the air that it looks at: recording takes as long as what is recorded."""
    bundle = load_bundle(bundle_path("nano"))
    encoder = Encoder(bundle)
    heads = head_set({h.name: load_head(bundle, h.name, encoder) for h in bundle.manifest.heads})
    spec = bundle.manifest.spec
    image = np.zeros((1, 1, spec.height, spec.width), np.float32)
    with contenders({TORCH: commands()[TORCH]}) as (started, _):
        spectrogram = started[TORCH]
        spectrogram.run(RATE)  # the first is slower
        began = time.perf_counter()
        for _ in range(slices):
            time.sleep(SLICE_S)
            spectrogram.run(RATE)
            answers(encoder, heads, image, "spectrogram", Thinning(1.0, "energy"))
        return slices * SLICE_S / (time.perf_counter() - began)


@contextmanager
def _one_core() -> Iterator[None]:
    """This process, and what it starts, on the first of its cores."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
