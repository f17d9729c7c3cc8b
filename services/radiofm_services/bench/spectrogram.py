"""The spectrogram of a 16 ms slice, int16 to standardised image, in one thread.

Against what one writes first with torch, and scipy's ShortTimeFFT, both reduced to the same image;
and GNU Radio's FFT chain, which reduces nothing, transforms half as often and makes no logarithm.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from radiofm.spectrogram import Image, SpectrogramSpec
from radiofm_services.bench.contenders import contenders, interleave
from radiofm_services.bench.figures import Figure

SPEC = SpectrogramSpec(resize="bilinear")  # the kernel that torch has too
RATES = (1.92e6, 5e6, 20e6, 30.72e6, 61.44e6)
HIGHEST = RATES[-1]
ROUNDS = 15
UNIT = "ms of one core a slice"
BACKENDS = ("scipy", "fftw", "mkl", "numba")
TORCH, SCIPY, GNURADIO = "torch.stft", "ShortTimeFFT", "GNU Radio"
GNURADIO_VARIABLE = "RADIOFM_BENCH_GNURADIO"  # the Python that has it, if not the system's
GOALS = {  # at the highest rate
    ("scipy", TORCH): 3.0,
    ("numba", TORCH): 8.0,
    ("numba", SCIPY): 25.0,
    ("numba", GNURADIO): 1.5,
}
INSTALL = {
    TORCH: "pip install 'radiofm[train]'",
    GNURADIO: "apt-get install gnuradio",
    "numba": "pip install 'radiofm[fast]'",
    "fftw": "pip install pyfftw",
    "mkl": "pip install mkl_fft mkl-service",
}


def commands() -> dict[str, list[str]]:
    """Our backends and the rivals, each a process."""
    here = "radiofm_services.bench"
    ours = {name: [sys.executable, "-m", f"{here}.spectrogram_ours", name] for name in BACKENDS}
    system = shutil.which("python3", path="/usr/bin") or sys.executable
    python = os.environ.get(GNURADIO_VARIABLE, system)  # GNU Radio comes by apt
    return ours | {
        TORCH: [sys.executable, "-m", "radiofm_models.rivals.torch_stft"],
        SCIPY: [sys.executable, "-m", f"{here}.short_time_fft"],
        GNURADIO: [python, str(Path(__file__).with_name("gnuradio_fft.py"))],
    }


def figures(rates: tuple[float, ...] = RATES, rounds: int = ROUNDS) -> Iterator[Figure | str]:
    """A figure for each backend and rate; a sentence for what is not installed."""
    with contenders(commands()) as (found, absent):
        for name in absent:
            yield f"{name} is not here: {INSTALL.get(name, '')}"
        for rate in rates:
            here = {n: c for n, c in found.items() if n != GNURADIO or rate == HIGHEST}
            images = {name: here[name].result(rate) for name in here if name != GNURADIO}
            took = interleave(here, rate, rounds)
            best = min((name for name in BACKENDS if name in here), key=took.__getitem__)
            pairs = [(name, TORCH) for name in BACKENDS]
            if rate == HIGHEST:
                pairs += [(best, SCIPY), (best, GNURADIO)]
            for ours, rival in pairs:
                if ours in here and rival in here:
                    yield Figure(
                        f"spectrogram at {rate / 1e6:g} MS/s", ours, rival,
                        took[ours] * 1e3, took[rival] * 1e3, UNIT,
                        GOALS.get((ours, rival)) if rate == HIGHEST else None,
                        _difference(images[ours], images.get(rival)),
                    )  # fmt: skip


def _difference(ours: Image, rival: Image | None) -> float | None:
    return None if rival is None else float(np.abs(ours - rival).max())
