"""Transmissions that know two levels: on-off keying and frequency-shift keying."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from radiofm_capture.scenes.coding import Bits
from radiofm_capture.scenes.frames import Frame, lay
from radiofm_capture.scenes.pulse import unit_power
from radiofm_capture.scenes.rhythm import Paced
from radiofm_capture.scenes.signal import Burst, Iq, log_uniform, rotation

RATE = 250e3
EDGE = np.hanning(9)[1:-1] / np.hanning(9).sum()  # a rise of some 15 us


@dataclass(frozen=True, slots=True)
class Message:
    """What was said, and how: durations in s, high and low in turn, the first one high."""

    fields: dict[str, float]
    durations: tuple[float, ...]
    deviation_hz: float = 0.0  # 0: high is on and low is off; else they are +- this


class Keyed(Paced):
    """Messages with pauses between them."""

    error_hz: float = 0.0  # of the transmitter's frequency

    def message(self, rng: np.random.Generator) -> Message:
        """A random one."""
        raise NotImplementedError

    def messages(self, seconds: float, rng: np.random.Generator) -> list[tuple[float, Message]]:
        """(start in s, message) over [0, seconds); the first began before 0."""
        sent = []
        at = -float(rng.random()) * self.off_s[1]
        while at < seconds:
            message = self.message(rng)
            sent.append((at, message))
            at += sum(message.durations) + log_uniform(rng, *self.off_s)
        return sent

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        frames = (
            Frame(at, modulated(message), RATE, self.bandwidth_hz, self.error_hz)
            for at, message in self.messages(count / rate, rng)
        )
        return lay(frames, rate, count, offset_hz)


def modulated(message: Message) -> Iq:
    """Unit mean power from the first edge to the last, its phase continuous."""
    edges = np.concatenate([[0.0], np.cumsum(message.durations)])
    high = np.cumsum(np.diff(edges, prepend=0) * (np.arange(len(edges)) % 2))  # s of it until then
    clock = np.arange(int(edges[-1] * RATE) + 1) / RATE
    share = np.diff(np.interp(clock, edges, high)) * RATE
    level = np.convolve(share, EDGE)
    if message.deviation_hz:
        return rotation(np.cumsum(2 * level[len(EDGE) // 2 :] - 1) * (message.deviation_hz / RATE))
    return unit_power(level.astype(np.complex64))


def pulses(pairs: Iterable[tuple[float, float]]) -> tuple[float, ...]:
    """(mark, space) in us, one after the other -> durations in s."""
    return tuple(us * 1e-6 for pair in pairs for us in pair)


def runs(chips: Sequence[int] | Bits, chip_s: float) -> tuple[float, ...]:
    """Chips of equal length, the first of them 1 -> durations in s."""
    return tuple(len(list(group)) * chip_s for _, group in groupby(list(chips)))


def manchester(bits: Sequence[int] | Bits) -> list[int]:
    """A 1 falls and a 0 rises in its middle."""
    return [chip for bit in bits for chip in ((1, 0) if bit else (0, 1))]
