"""What broadcasters and voice radios are modulated with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def speech(
    count: int, rate: float, highest_hz: float, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Within +-1: harmonics of a pitch, falling with frequency, in syllables, compressed."""
    frequency = np.fft.rfftfreq(count, 1 / rate)
    pitch = rng.uniform(90, 250)
    comb = 0.15 + np.exp(-(((frequency / pitch + 0.5) % 1 - 0.5) ** 2) / 0.01)
    band = (frequency > 0.03 * highest_hz) & (frequency < highest_hz)
    shape = band * comb / np.sqrt(1 + (frequency / (0.2 * highest_hz)) ** 2)
    noise = rng.normal(size=len(frequency)) + 1j * rng.normal(size=len(frequency))
    audio = np.fft.irfft(shape * noise, count)
    seconds = np.arange(count) / rate
    syllables = 1 + 0.6 * np.sin(2 * np.pi * (rng.uniform(3, 6) * seconds + rng.random()))
    return np.asarray(np.tanh(1.5 * syllables * audio / audio.std()))


def emphasised(
    audio: npt.NDArray[np.float64], rate: float, highest_hz: float, tau_s: float
) -> npt.NDArray[np.float64]:
    """Pre-emphasis of time constant `tau_s` and a low-pass at `highest_hz`."""
    frequency = np.fft.rfftfreq(len(audio), 1 / rate)
    response = (1 + 2j * np.pi * frequency * tau_s) * (frequency < highest_hz)
    return np.asarray(np.fft.irfft(np.fft.rfft(audio) * response, len(audio)))


def limited(
    audio: npt.NDArray[np.float64], rate: float, highest_hz: float
) -> npt.NDArray[np.float64]:
    """Loud, as stations send it: its peaks are pressed down, and are 1; below `highest_hz`."""
    pressed = emphasised(np.tanh(1.5 * audio / audio.std()), rate, highest_hz, 0.0)
    return np.asarray(pressed / np.abs(pressed).max())
