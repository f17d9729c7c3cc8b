"""Metrics of numbers: positions, channels, reconstructions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm.spectrogram import Image

Numbers = npt.NDArray[Any]


def position_errors(truth: Numbers, predicted: Numbers) -> dict[str, float]:
    """Of the distance between positions [n, dimensions], in their unit.

    Mean and standard deviation as in the WavesFM paper (Table III; Fig. 6c is the distribution);
    the quantiles as its released code gives them, by linear interpolation.
    """
    distance = np.linalg.norm(predicted.astype(np.float64) - truth, axis=1)
    median, p75, p90 = np.percentile(distance, [50, 75, 90])
    return {
        "mean": float(distance.mean()),
        "std": float(distance.std()),
        "median": float(median),
        "p75": float(p75),
        "p90": float(p90),
    }


def channel_errors_by_snr(
    truth: Numbers, estimate: Numbers, snr_db: Numbers, step_db: float = 1.0
) -> list[dict[str, float]]:
    """MSE and NMSE of channel estimates [n, ...], real or complex, for each SNR.

    Items are gathered at the nearest multiple of `step_db`. MSE is the mean of |h - h^|^2 over all
    entries (WavesFM, Fig. 6d; complex ones, as there, count their two parts apart); NMSE is
    sum |h - h^|^2 / sum |h|^2 over the items of that SNR, in dB.
    """
    parts = 2 if np.iscomplexobj(truth) else 1
    axes = tuple(range(1, truth.ndim))
    error = np.square(np.abs(estimate - truth), dtype=np.float64).sum(axis=axes)
    power = np.square(np.abs(truth), dtype=np.float64).sum(axis=axes)
    entries = parts * np.prod(truth.shape[1:])
    level = np.round(snr_db / step_db) * step_db + 0.0  # no -0 dB
    with np.errstate(divide="ignore"):  # no error at all is -inf dB
        return [
            {
                "snr_db": float(one),
                "items": int(here.sum()),
                "mse": float(error[here].mean() / entries),
                "nmse_db": float(10 * np.log10(error[here].sum() / power[here].sum())),
            }
            for one in np.unique(level)
            if (here := level == one).any()
        ]


def reconstruction_error(images: Image, again: Image) -> npt.NDArray[np.float64]:
    """Mean squared error of each slice, [n], of images [n, 1, H, W]."""
    return np.asarray(np.square(again - images, dtype=np.float64).mean(axis=(1, 2, 3)))
