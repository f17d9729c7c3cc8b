"""Random scenes for training: one family, or several at once, anywhere in the band."""

from __future__ import annotations

import math

import numpy as np

from radiofm_capture.scenes.front_end import draw_front_end
from radiofm_capture.scenes.scene import Emitter, Scene
from radiofm_capture.scenes.signal import Waveform
from radiofm_capture.scenes.waveforms import DRAWS, NOISE

SNR_DB = (-5.0, 35.0)  # in the signal's bandwidth, or a row of the spectrogram if that is wider
ROWS = 224


def draw_scene(
    rng: np.random.Generator, rate: float, labels: tuple[str, ...], slices: int
) -> Scene:
    """A scene around 1 GHz for a receiver tuned there at `rate`, with an emitter for each label."""
    waveforms = [DRAWS[label](rng, rate) for label in labels if label != NOISE]
    return Scene(
        seed=int(rng.integers(2**31)),
        center_frequency_hz=1e9,
        slices=slices,
        noise_dbfs_per_hz=-60 - 10 * np.log10(rate),
        emitters=tuple(
            Emitter.model_validate(
                {
                    "waveform": waveform,
                    "offset_hz": place(rng, waveform, rate),
                    "snr_db": rng.uniform(*SNR_DB) + spread_db(waveform, rate),
                }
            )
            for waveform in waveforms
        ),
        front_end=draw_front_end(rng).model_copy(update={"ppm": 0.0}),  # an offset more
    )


def spread_db(waveform: Waveform, rate: float) -> float:
    """What a signal narrower than a spectrogram's row must be stronger to show alike."""
    return max(0.0, 10 * math.log10(rate / ROWS / waveform.bandwidth_hz))


def place(rng: np.random.Generator, waveform: Waveform, rate: float) -> float:
    """Half fully inside the band, half with at least the centre inside, some of them at 0 Hz."""
    if waveform.span_hz > waveform.bandwidth_hz:  # many channels may lie beyond the band
        room = max(0.0, rate - min(waveform.span_hz, 0.8 * rate))
        return float(rng.uniform(-0.5, 0.5) * room)
    if rng.random() < 0.15:
        return 0.0
    room = rate - waveform.bandwidth_hz
    if room <= 0 or rng.random() < 0.3:
        room = 0.95 * rate
    return float(rng.uniform(-0.5, 0.5) * room)
