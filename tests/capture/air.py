"""What tests of waveforms share: measures of a signal, and Debian's receivers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.signal import welch

from radiofm_capture.scenes.signal import Burst, Iq, Waveform


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def with_noise(iq: Iq, waveform: Waveform, rate: float, snr_db: float) -> Iq:
    """Noise that gives the SNR in the waveform's own bandwidth."""
    power = 10 ** (-snr_db / 10) * rate / waveform.bandwidth_hz
    noise = rng(99).standard_normal(2 * len(iq)).view(np.complex128)
    return np.asarray(iq + noise * np.sqrt(power / 2), np.complex64)


def occupied(iq: Iq, rate: float, share: float = 0.99) -> float:
    """The width that holds `share` of the power, as much missing below as above (SM.328)."""
    power = np.fft.fftshift(np.abs(np.fft.fft(iq)) ** 2)
    below = np.cumsum(power) / power.sum()
    low, high = np.searchsorted(below, [(1 - share) / 2, (1 + share) / 2])
    return float((high - low) * rate / len(iq))


def energy_in(iq: Iq, bursts: list[Burst], rate: float) -> float:
    """The part of the energy that lies within the boxes."""
    inside = 0.0
    for burst in bursts:
        spectrum = np.abs(np.fft.fft(iq[burst.start : burst.start + burst.count])) ** 2
        frequency = np.fft.fftfreq(burst.count, 1 / rate)
        within = (frequency >= burst.low_hz) & (frequency <= burst.high_hz)
        inside += float(spectrum[within].sum()) / burst.count
    return inside / float(np.vdot(iq, iq).real)


def density_db(
    iq: Iq, rate: float, resolution_hz: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(Hz in ascending order, dB to the strongest bin)."""
    frequency, power = welch(
        iq, rate, "blackmanharris", round(2 * rate / resolution_hz), return_onesided=False
    )
    order = np.argsort(frequency)
    return frequency[order], 10 * np.log10(power[order] / power.max())


def turns(iq: Iq) -> npt.NDArray[np.float64]:
    """Cycles from each sample to the next: an FM demodulator."""
    return np.asarray(np.angle(iq[1:] * iq[:-1].conj()) / (2 * np.pi), np.float64)


def receiver(name: str) -> str:
    """The path of a program, or one line that says why its test is skipped."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"no {name}: apt-get install {name.replace('rtl_', 'rtl-')}")
    return path


def run(*command: str | Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=60
    )
    return done.stdout


def write_cu8(file: Path, iq: Iq) -> None:
    """Unsigned bytes with 1 at 40 % of full scale, and some silence at the end."""
    level = np.concatenate([0.4 * iq, np.zeros(300_000)]).astype(np.complex64)
    pairs = level.view(np.float32) * 127.5 + 127.5
    np.clip(np.rint(pairs), 0, 255).astype(np.uint8).tofile(file)
