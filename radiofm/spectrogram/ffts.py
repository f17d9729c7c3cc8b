"""Libraries that transform a block of frames, each in one thread.

Only scipy's is required. The others are the user's choice: FFTW is GPL, Intel's MKL proprietary.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import scipy.fft

Bins = npt.NDArray[np.complex64]
Transform = Callable[
    [int], Bins
]  # of the first n frames: [n, fft_size], to overwrite until the next call
Planner = Callable[[int, int], tuple[Bins, Transform]]


def with_scipy(frames: int, size: int) -> tuple[Bins, Transform]:
    """An input of zeros [frames, size], and what transforms it."""
    padded = np.zeros((frames, size), np.complex64)
    return padded, lambda count: scipy.fft.fft(padded[:count], axis=1)


def with_mkl(frames: int, size: int) -> tuple[Bins, Transform]:
    """The same by mkl_fft, into an array that is kept."""
    import mkl
    import mkl_fft

    padded, bins = np.zeros((2, frames, size), np.complex64)

    def transform(count: int) -> Bins:
        mkl.set_num_threads_local(1)  # of the calling thread: it would take all cores
        mkl_fft.fft(padded[:count], axis=1, out=bins[:count])
        return bins[:count]

    return padded, transform


def with_fftw(frames: int, size: int) -> tuple[Bins, Transform]:
    """The same by a plan of FFTW: estimated, so that it is the same plan, to the bit, each time; a
    measured one gains a tenth.
    """
    import pyfftw

    padded: Bins = pyfftw.zeros_aligned((frames, size), np.complex64)
    bins: Bins = pyfftw.empty_aligned((frames, size), np.complex64)
    plan = pyfftw.FFTW(padded, bins, axes=(1,), flags=("FFTW_ESTIMATE",), threads=1)

    def transform(count: int) -> Bins:
        plan.execute()  # of all frames: a plan has one shape
        return bins[:count]

    return padded, transform
