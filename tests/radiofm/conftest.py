"""Recordings for corpora, written by capture's own recorder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from radiofm_capture.device import Block, Tuning
from radiofm_capture.recorder import Recorder

RATE = 1e6  # 16000 samples a slice
T0 = 1_769_904_000 * 10**9

Record = Callable[..., Path]


@pytest.fixture
def noise() -> Callable[..., npt.NDArray[np.int16]]:
    """Noise by seed: int16 [slices x 16000, 2]."""

    def make(seed: int, slices: float = 3, sigma: float = 100) -> npt.NDArray[np.int16]:
        rng = np.random.default_rng(seed)
        return rng.normal(0, sigma, (round(slices * 16000), 2)).round().astype(np.int16)

    return make


@pytest.fixture
def record() -> Record:
    """Writes blocks of samples, each a stream of its own unless it follows a loss."""

    def write(
        base: Path,
        *parts: npt.NDArray[Any],
        center: float = 2.44e9,
        hardware: str = "radio",
        time_ns: int = T0,
        gain_mode: str = "manual",
        rate: float = RATE,
        lost: int = 0,  # samples between one part and the next
    ) -> Path:
        tuning = Tuning(
            center, rate, rate, gain_db=30.0, gain_mode=gain_mode, hardware=hardware,
            datatype="cf32_le" if parts[0].dtype == np.float32 else "ci16_le",
            full_scale=1.0 if parts[0].dtype == np.float32 else 2048.0,
        )  # fmt: skip
        with Recorder(base) as recorder:
            at = 0
            for part in parts:
                time = time_ns + round(at / rate * 1e9)
                recorder.write(Block(part, at, time, "host", tuning, new_stream=at == 0))
                at += len(part) + lost
        return base.with_suffix(".sigmf-data")

    return write
