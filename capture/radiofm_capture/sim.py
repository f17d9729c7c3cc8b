"""The simulated device: a scene (or any sample source) played at the pace of a radio."""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from radiofm.errors import UsageError
from radiofm.quantities import parse_duration
from radiofm.wire import Loss
from radiofm_capture.device import Block, Bursts, SampleSource, Tuning
from radiofm_capture.framer import slice_samples

BLOCK_S = 0.004
BLOCK_SAMPLES = 65536  # at most
BUFFER_S = 0.25  # of air that waits for a late reader; what is older is lost
DROP_SAMPLES = 10_000


class SimDevice:
    """A `Device` that plays `source`, counts of 2048 at 0 dBFS, for `tuning`.

    `speed` is a factor of real time; None plays as fast as it is read, and nothing is lost.
    `faults` are lost samples on request: `drop@2s:10000` loses 10,000 samples after 2 s of air.
    Bursts are as a device takes them that needs a slice, or as long as its reader, between two.
    The source goes on where a retune found it; the faults are of the first stream.
    """

    def __init__(
        self,
        source: SampleSource,
        tuning: Tuning,
        *,
        speed: float | None = 1.0,
        duration_s: float | None = None,
        faults: Sequence[str] = (),
        bursts: Bursts | None = None,
    ) -> None:
        self._source, self._speed, self._duration_s = source, speed, duration_s
        self._air_s = 0.0  # of the source, when the stream begins
        self._stopped = threading.Event()
        self._started = 0.0
        self._started_ns = 0
        self._set(tuning, bursts)
        self._drops = sorted(_parse_drop(fault, tuning.sample_rate_hz) for fault in faults)
        if self._drops and bursts:
            raise UsageError(f"fault {faults[0]!r} has no place in bursts: leave out --fault")

    def retune(self, tuning: Tuning, bursts: Bursts | None = None) -> None:
        """Set the next stream, which `start` begins."""
        self._air_s += self._index / self._tuning.sample_rate_hz
        if not self._new:
            self._drops = []
        self._set(tuning, bursts)

    def _set(self, tuning: Tuning, bursts: Bursts | None) -> None:
        rate = tuning.sample_rate_hz
        self._tuning = replace(tuning, hardware=tuning.hardware or "simulated receiver")
        self._pace = None if self._speed is None else self._speed * rate  # samples a second
        self._bursts = bursts
        self._unit = slice_samples(rate)
        block = bursts.slices * self._unit if bursts else round(BLOCK_S * rate)
        self._block = block if bursts else max(1, min(BLOCK_SAMPLES, block))
        left_s = None if self._duration_s is None else self._duration_s - self._air_s
        self._end = None if left_s is None else round(left_s * rate)
        self._origin = round(self._air_s * rate)  # in the source
        self._index = self._taken = 0
        self._new = True

    def start(self) -> None:
        """Prepare the source, then let the clock run."""
        tuning = self._tuning
        self._source.prepare(tuning.center_frequency_hz, tuning.sample_rate_hz, self._stopped)
        self._started, self._started_ns = time.monotonic(), time.time_ns()

    def read(self) -> Block | None:
        """The next block when its last sample is due; None when stopped or over."""
        if self._bursts and self._bursts.count and self._taken == self._bursts.count:
            return None
        lost = self._between() if self._bursts else self._overrun() + self._dropped()
        limits = [index for index, _ in self._drops[:1]] + (
            [] if self._end is None else [self._end]
        )
        stop = min([self._index + self._block, *limits])
        if stop <= self._index or not self._wait(stop):
            return None
        tuning = self._tuning
        samples = self._source.read(
            self._origin + self._index,
            stop - self._index,
            tuning.center_frequency_hz,
            tuning.sample_rate_hz,
        )
        time_ns = self._started_ns + round(self._index / tuning.sample_rate_hz * 1e9)
        block = Block(samples, self._index, time_ns, "host", tuning, tuple(lost), self._new)
        self._index, self._new = stop, False
        self._taken += 1
        return block

    def stop(self) -> None:
        self._stopped.set()

    def close(self) -> None:
        self._stopped.set()

    def _wait(self, index: int) -> bool:
        """Wait until the samples before `index` are there; False when stopped."""
        if self._pace is None:
            return not self._stopped.is_set()
        return not self._stopped.wait(self._started + index / self._pace - time.monotonic())

    def _between(self) -> list[Loss]:
        """The air between two bursts: a slice, or up to the slice that is now on the air."""
        if self._new:
            return []
        arrived = 0.0 if self._pace is None else (time.monotonic() - self._started) * self._pace
        begin = max(self._index + self._unit, math.ceil(arrived / self._unit) * self._unit)
        return self._lose(begin - self._index, untaken=True)

    def _overrun(self) -> list[Loss]:
        if self._pace is None:
            return []
        arrived = int((time.monotonic() - self._started) * self._pace)
        return self._lose(arrived - round(BUFFER_S * self._pace) - self._index)

    def _dropped(self) -> list[Loss]:
        lost = []
        while self._drops and self._drops[0][0] <= self._index:
            lost += self._lose(self._drops.pop(0)[1])
        return lost

    def _lose(self, samples: int, *, untaken: bool = False) -> list[Loss]:
        if self._end is not None:  # a last block tells of the loss
            samples = min(samples, self._end - 1 - self._index)
        if samples <= 0:
            return []
        self._index += samples
        return [Loss(samples=samples, exact=True, stage="device", untaken=untaken)]


def _parse_drop(fault: str, rate: float) -> tuple[int, int]:
    """`drop@2s:10000` -> (sample index, samples)."""
    match = re.fullmatch(r"drop@([^:]+)(?::(\d+))?", fault.strip())
    if not match or match[2] == "0":
        raise UsageError(f"fault {fault!r} is not known: write it like drop@2s:{DROP_SAMPLES}")
    at = parse_duration(match[1], "fault")
    return round(at * rate), int(match[2] or DROP_SAMPLES)
