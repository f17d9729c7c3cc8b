"""A signal on its way: through moving multipath, and from the sender's clock to the receiver's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view

from radiofm_capture.scenes.multipath import Paths
from radiofm_capture.scenes.signal import Iq, rotation

HALF = 64  # samples to each side in which a tap between samples is interpolated
CUTOFF = 0.97  # of that filter, share of rate / 2
BETA = 6.0  # of its Kaiser window
STEP = 8192  # samples over which the taps are interpolated, at most,
TURN = 0.04  # and cycles of the fastest Doppler: to 40 dB below the tap
SLIP = 0.03  # and samples by which the clocks part: 60 dB
BATCH = 1 << 16  # samples in the air at a time: they stay in the cache
PIECE = 1024  # samples that silence is told in


def needed(count: int, drift: float) -> int:
    """Samples that `propagate` needs for `count`."""
    return count if drift == 0 else int(count * (1 + drift)) + HALF + 2


def propagate(
    iq: Iq, count: int, rate: float, paths: Paths | None, drift: float, start_s: float
) -> Iq:
    """y(n) = sum over taps of g(n) x(n (1 + drift) - delay): complex64 [>= needed] -> [count].

    The gains are those of the times from `start_s` on; between blocks they go linearly. What came
    before the first sample is silence. Content in the last 3 % below +-rate / 2 fades.
    """
    kernels = _kernels(np.zeros(1) if paths is None else paths.delays_s * rate)
    doppler_hz = paths.fastest_hz if paths else 0.0
    step = _step(rate, doppler_hz, drift)
    taps = kernels.shape[1]
    size = scipy.fft.next_fast_len(step + taps - 1)
    edges = np.arange(-(-count // step) + 1) * step
    whole = np.floor(edges[:-1] * drift).astype(np.int64)  # samples that a block is ahead
    before = taps - 2 - HALF
    begins = edges[:-1] + whole
    padded = np.concatenate(
        [np.zeros(before, np.complex64), iq, np.zeros(int(begins[-1]) + size, np.complex64)]
    )
    windows = sliding_window_view(padded, size)
    fade = (np.arange(step) / step).astype(np.float32)
    slip = rotation(
        np.asarray(np.fft.fftfreq(size) * (step * drift))
    )  # by which the clocks part in a block
    out = np.zeros((len(begins), step), np.complex64)
    audible = _audible(padded, begins, size)
    batch = BATCH // size + 1
    for at in range(0, len(audible), batch):
        part = audible[at : at + batch]
        spectra = scipy.fft.fft(windows[begins[part]], axis=1)
        if drift:
            spectra *= _advance(part * step * drift - whole[part], size)
        first = last = scipy.fft.fft(kernels[:1], size, axis=1)
        if paths is not None:
            here = part if doppler_hz else part[:1]
            first = _response(paths, start_s + here * step / rate, kernels, size)
            last = first
            if doppler_hz:
                last = _response(paths, start_s + (here + 1) * step / rate, kernels, size)
        signal = _heard(spectra * first, taps, step)
        if doppler_hz or drift:
            spectra *= last * slip
            signal += (_heard(spectra, taps, step) - signal) * fade
        out[part] = signal
    return out.reshape(-1)[:count]


def _step(rate: float, doppler_hz: float, drift: float) -> int:
    """Samples of a block: few enough that gains and clocks change linearly in it."""
    step = STEP
    if doppler_hz:
        step = min(step, int(TURN / doppler_hz * rate))
    if drift:
        step = min(step, int(SLIP / abs(drift)))
    return max(1, step)


def _audible(padded: Iq, begins: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.int64]:
    """The blocks whose window is not all silence."""
    starts = np.arange(0, len(padded), PIECE)
    heard = np.concatenate(
        [[0], np.cumsum(np.logical_or.reduceat(padded.view(np.uint64) != 0, starts))]
    )
    first, last = begins // PIECE, -(-(begins + size) // PIECE)
    return np.flatnonzero(heard[np.minimum(last, len(starts))] > heard[first])


def _advance(samples: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.complex64]:
    """[blocks] -> the spectra [blocks, size] of a shift by so much; a product, not `size` sines."""
    fine = 64
    bins = np.fft.fftfreq(size, 1 / size)
    coarse = rotation(np.multiply.outer(samples / size, np.arange(0, size + fine, fine)))
    near = rotation(np.multiply.outer(samples / size, np.arange(fine)))
    up = (coarse[:, :, None] * near[:, None, :]).reshape(len(samples), -1)
    positive = int((bins >= 0).sum())
    shift = np.empty((len(samples), size), np.complex64)
    shift[:, :positive] = up[:, :positive]
    shift[:, positive:] = up[:, size - positive : 0 : -1].conj()
    return shift


def _response(
    paths: Paths, time_s: npt.NDArray[np.float64], kernels: npt.NDArray[np.complex64], size: int
) -> npt.NDArray[np.complex64]:
    """The channel at some times: [times, size]."""
    return np.asarray(scipy.fft.fft(_sum(paths.gains(time_s), kernels), size, axis=1))


def _kernels(delays: npt.NDArray[np.float64]) -> npt.NDArray[np.complex64]:
    """Delays in samples -> [delays, taps]: each as a filter whose tap HALF + 1 is no delay."""
    taps = int(np.ceil(delays.max())) + 2 * HALF + 3
    distance = np.arange(taps) - (HALF + 1) - delays[:, None]
    inside = np.sqrt(np.clip(1 - (distance / HALF) ** 2, 0, None))
    window = np.where(np.abs(distance) < HALF, np.i0(BETA * inside) / np.i0(BETA), 0)
    return np.asarray(CUTOFF * np.sinc(CUTOFF * distance) * window, np.complex64)


def _sum(
    gains: npt.NDArray[np.complex64], kernels: npt.NDArray[np.complex64]
) -> npt.NDArray[np.complex64]:
    """[times, taps] -> impulse responses [times, samples], added in one order on any machine."""
    total = np.zeros((len(gains), kernels.shape[1]), np.complex64)
    for gain, kernel in zip(gains.T, kernels, strict=True):
        total += gain[:, None] * kernel
    return total


def _heard(spectra: npt.NDArray[np.complex64], taps: int, step: int) -> npt.NDArray[np.complex64]:
    return np.asarray(scipy.fft.ifft(spectra, axis=1)[:, taps - 1 : taps - 1 + step])
