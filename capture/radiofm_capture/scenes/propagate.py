"""A signal on its way: through moving multipath, and from the sender's clock to the receiver's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view

from radiofm_capture.scenes.profiles import Paths
from radiofm_capture.scenes.signal import Iq, rotation

HALF = 64  # samples to each side in which a tap between samples is interpolated
CUTOFF = 0.97  # of that filter, share of rate / 2
BETA = 6.0  # of its Kaiser window
STEP = 8192  # samples over which the taps are interpolated, at most,
TURN = 0.04  # and cycles of the fastest Doppler: to 40 dB below the tap
SLIP = 0.03  # and samples by which the clocks part: 60 dB
BATCH = 1 << 20  # samples in the air at a time


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
    delays = np.zeros(1) if paths is None else paths.delays_s * rate
    kernels = _kernels(delays)
    moving = paths is not None and paths.fastest_hz > 0
    step = min(
        STEP,
        int(TURN / paths.fastest_hz * rate) if paths is not None and moving else STEP,
        int(SLIP / abs(drift)) if drift else STEP,
    )
    step = max(HALF, step)
    taps = kernels.shape[1]
    size = scipy.fft.next_fast_len(step + taps - 1)
    blocks = -(-count // step)
    edges = np.arange(blocks + 1) * step
    whole = np.floor(edges[:-1] * drift).astype(np.int64)  # samples that a block is ahead
    before = taps - 2 - HALF
    begins = edges[:-1] + whole
    padded = np.concatenate(
        [np.zeros(before, np.complex64), iq, np.zeros(int(begins[-1]) + size, np.complex64)]
    )
    windows = sliding_window_view(padded, size)
    fade = (np.arange(step) / step).astype(np.float32)
    frequency = np.fft.fftfreq(size)
    out = np.empty((blocks, step), np.complex64)
    batch = max(1, BATCH // size)
    for at in range(0, blocks, batch):
        part = slice(at, min(at + batch, blocks))
        here = edges[part.start : part.stop + 1]
        gains = np.ones((1, 1), np.complex64)
        if paths is not None:
            gains = paths.gains(start_s + (here if moving else here[:1]) / rate)
        response = scipy.fft.fft(_sum(gains, kernels), size, axis=1)
        spectra = scipy.fft.fft(windows[begins[part]], axis=1)
        if not moving and not drift:
            out[part] = _heard(spectra * response, taps, step)
            continue
        first, last = (response[:-1], response[1:]) if moving else (response, response)
        if drift:
            ahead = here * drift
            first = first * rotation(np.multiply.outer(ahead[:-1] - whole[part], frequency))
            last = last * rotation(np.multiply.outer(ahead[1:] - whole[part], frequency))
        signal = _heard(spectra * first, taps, step)
        signal += (_heard(spectra * last, taps, step) - signal) * fade
        out[part] = signal
    return out.reshape(-1)[:count]


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
