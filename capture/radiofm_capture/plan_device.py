"""A plan as a device: another one, retuned from dwell to dwell, each a stream of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from threading import Event

from radiofm_capture.device import Block, Bursts, Retunable, Tuning
from radiofm_capture.framer import slice_samples
from radiofm_capture.plan import Dwell, Plan


class PlanDevice:
    """A `Device` that ends with the plan, or after `most` dwells.

    `tuning` says how the receiver is set for a dwell. In mode `burst` a dwell is one burst; in
    mode `auto` those are that `streams` denies, which is asked with the dwell's tuning.
    """

    def __init__(
        self,
        device: Retunable,
        plan: Plan,
        tuning: Callable[[Dwell], Tuning],
        *,
        mode: str,
        streams: Callable[[Tuning], bool],
        most: int | None = None,
    ) -> None:
        self._device, self._tuning, self._mode, self._streams = device, tuning, mode, streams
        self.plan = plan
        self._dwells = itertools.islice(plan.run(), most)
        self._settle_s = plan.settle
        self._stopped = Event()
        self._dwell: Dwell | None = None  # the one that goes on
        self.begun = 0  # dwells

    def start(self) -> None:
        """Each dwell is started when its turn comes."""

    def read(self) -> Block | None:
        """The next block of this dwell, or the first of the next; None at the end of the plan."""
        if self._dwell is None and not self._begin():
            return None
        block = self._device.read()
        if block is None or self._dwell is None:
            return None
        end = self._dwell.slices * slice_samples(block.tuning.sample_rate_hz)
        if block.sample_index + len(block.samples) >= end:
            self._dwell = None
            return replace(block, samples=block.samples[: max(0, end - block.sample_index)])
        return block

    def stop(self) -> None:
        """End the plan: a waiting `read` returns None."""
        self._stopped.set()
        self._device.stop()

    def close(self) -> None:
        """Give the device back."""
        self.stop()
        self._device.close()

    def _begin(self) -> bool:
        """Go to the next dwell; False where there is none, or when stopped."""
        self._dwell = next(self._dwells, None)
        if self._dwell is None or self._stopped.is_set():
            return False
        tuning = self._tuning(self._dwell)
        burst = self._mode == "burst" or (self._mode == "auto" and not self._streams(tuning))
        self._device.retune(tuning, Bursts(self._dwell.slices) if burst else None)
        if self._stopped.wait(self._settle_s):
            return False
        self._device.start()
        self.begun += 1
        return True
