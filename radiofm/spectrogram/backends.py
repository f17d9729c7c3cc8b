"""Who computes: the backends by name, those that can here, and the fastest of them.

numba       compiled loops of our own (pip install 'radiofm[fast]')
fftw        numpy around FFTW (pip install pyfftw; FFTW is GPL)
mkl         numpy around Intel's MKL (pip install mkl_fft mkl-service; MKL is proprietary)
scipy       numpy around scipy's FFT: always there
reference   float64, for comparison; never chosen by itself

They agree within 1e-4 standard deviations, not to the bit. What is to come out the same again, as
sets, corpora and training input are, is scipy's unless another is named; the live worker asks for
the fastest.
"""

from __future__ import annotations

import logging
import os
import time
from functools import lru_cache
from importlib.util import find_spec

import numpy as np

from radiofm.errors import MissingDependencyError, UsageError
from radiofm.spectrogram.plan import Backend, Plan, Samples, make_plan
from radiofm.spectrogram.spec import SpectrogramSpec

log = logging.getLogger(__name__)

VARIABLE = "RADIOFM_SPECTROGRAM__BACKEND"  # as the settings have it
AUTO, DEFAULT = "auto", "scipy"
MODULES = {"numba": ("numba",), "fftw": ("pyfftw",), "mkl": ("mkl_fft", "mkl"), "scipy": ("scipy",)}
INSTALL = {"numba": "'radiofm[fast]'", "fftw": "pyfftw", "mkl": "mkl_fft mkl-service"}
NAMES = (*MODULES, "reference")
RADIX8_SIZES = (128, 1024, 8192)  # 2 * 8^k: the FFTs of the numba backend
TRIALS, TRIAL_FRAMES = 3, 512


def make_backend(plan: Plan, wanted: str | None = None) -> tuple[str, Backend]:
    """The backend `wanted` (AUTO: the fastest), or of the environment, or else scipy's; its name.

    Raises UsageError for a name that there is not or that cannot compute the plan, and
    MissingDependencyError where its package is not installed.
    """
    name = wanted or os.environ.get(VARIABLE) or DEFAULT
    if name == AUTO:
        name = fastest(plan.spec)
    elif name not in NAMES:
        raise UsageError(f"backend {name!r} is unknown: take one of {', '.join((AUTO, *NAMES))}")
    elif name in INSTALL and not _installed(name):
        raise MissingDependencyError(MODULES[name][0], f"pip install {INSTALL[name]}")
    elif name == "numba" and plan.spec.fft_size not in RADIX8_SIZES:
        sizes = ", ".join(map(str, RADIX8_SIZES))
        raise UsageError(
            f"backend 'numba' has no FFT of {plan.spec.fft_size}, only of {sizes}: "
            "take another backend"
        )
    return name, _make(name, plan)


def warm_up(spec: SpectrogramSpec, wanted: str | None = None) -> None:
    """Choose, import and compile what int16 slices need: seconds, at numba's first use ever."""
    plan = _plan_of(spec, 2)
    make_backend(plan, wanted)[1](np.zeros((plan.samples, 2), np.int16), 1.0)


def _make(name: str, plan: Plan) -> Backend:
    if name == "reference":
        from radiofm.spectrogram.reference import Reference

        return Reference(plan)
    if name == "numba":
        from radiofm.spectrogram.lanes import Lanes

        return Lanes(plan)
    from radiofm.spectrogram import ffts
    from radiofm.spectrogram.blocks import Blocks

    planners = {"fftw": ffts.with_fftw, "mkl": ffts.with_mkl, "scipy": ffts.with_scipy}
    return Blocks(plan, planners[name])


def _installed(name: str) -> bool:
    return all(find_spec(module) for module in MODULES[name])


def candidates(spec: SpectrogramSpec) -> list[str]:
    """The backends that are installed and can compute `spec`."""
    fits = [name for name in MODULES if name != "numba" or spec.fft_size in RADIX8_SIZES]
    return [name for name in fits if _installed(name)]


@lru_cache(maxsize=64)
def fastest(spec: SpectrogramSpec) -> str:
    """The candidate that takes least time for some frames of noise; found once in a process."""
    names = candidates(spec)
    if len(names) == 1:
        return names[0]
    plan = _plan_of(spec, TRIAL_FRAMES)
    noise = np.random.default_rng(0).integers(-2048, 2048, (plan.samples, 2), np.int16)
    times = {name: _trial(_make(name, plan), noise) for name in names}
    told = ", ".join(f"{name} {took * 1e3:.2f} ms" for name, took in times.items())
    log.info("spectrogram of %d frames: %s", TRIAL_FRAMES, told)
    return min(times, key=times.__getitem__)


def _plan_of(spec: SpectrogramSpec, frames: int) -> Plan:
    return make_plan(spec, (spec.window_size + (frames - 1) * spec.hop) / spec.duration_s)


def _trial(compute: Backend, noise: Samples) -> float:
    compute(noise, 2048.0)  # compiles, plans, fills the caches
    times = []
    for _ in range(TRIALS):
        start = time.thread_time()  # what others take of the processor does not count
        compute(noise, 2048.0)
        times.append(time.thread_time() - start)
    return min(times)
