"""Sample sources whose samples say where they come from."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pytest


class Counter:
    """The absolute sample index modulo PERIOD: 11 low bits in I, 11 high bits in Q."""

    PERIOD = (1 << 22) - 1  # not 2^22, or a gap of one largest block (16 MiB) would not show

    def __init__(self) -> None:
        index = np.arange(2 * self.PERIOD + 1, dtype=np.int32) % self.PERIOD
        self._table: npt.NDArray[np.int16] = np.empty((len(index), 2), "<i2")
        self._table[:, 0], self._table[:, 1] = index & 0x7FF, index >> 11 & 0x7FF

    def read(
        self, start: int, count: int, center_frequency_hz: float, sample_rate_hz: float
    ) -> npt.NDArray[np.int16]:
        first = start % self.PERIOD
        return self._table[first : first + count]

    def prepare(
        self, center_frequency_hz: float, sample_rate_hz: float, stop: threading.Event
    ) -> None: ...

    def index(self, samples: npt.NDArray[np.int16]) -> int:
        """The index of the first sample, modulo PERIOD, after checking that none is missing."""
        index = samples[:, 0].astype(np.int64) | samples[:, 1].astype(np.int64) << 11
        assert np.all(np.diff(index) % self.PERIOD == 1)
        return int(index[0])


class Tone:
    """An emitter at one frequency on the air, of amplitude 500 at the reference gain."""

    def __init__(self, frequency_hz: float) -> None:
        self.frequency_hz = frequency_hz

    def read(
        self, start: int, count: int, center_frequency_hz: float, sample_rate_hz: float
    ) -> npt.NDArray[np.int16]:
        step = (self.frequency_hz - center_frequency_hz) / sample_rate_hz
        phase = 2 * np.pi * ((start + np.arange(count)) * step % 1)
        samples = 500 * np.stack([np.cos(phase), np.sin(phase)], axis=1)
        return np.asarray(np.rint(samples), np.int16)

    def prepare(
        self, center_frequency_hz: float, sample_rate_hz: float, stop: threading.Event
    ) -> None: ...


@pytest.fixture(scope="session")
def counter() -> Counter:
    return Counter()


@pytest.fixture
def tone() -> Callable[[float], Tone]:
    return Tone


@pytest.fixture
def no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before
