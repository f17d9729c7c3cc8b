"""Renders a source ahead of its readers, so that the clock of the virtual radio need not wait."""

from __future__ import annotations

from threading import Event, Lock, Thread

from radiofm_capture.device import SampleSource


class Ahead:
    """One thread, one tuning at a time: a new one takes the place of the last."""

    def __init__(self, source: SampleSource) -> None:
        self._source = source
        self._lock = Lock()
        self._tuning: tuple[float, float] | None = None
        self._stop = Event()
        self._thread: Thread | None = None

    def want(self, center_frequency_hz: float, sample_rate_hz: float, wait_s: float) -> None:
        """Have the source ready for a tuning: wait for that up to `wait_s`, then let it go on."""
        tuning = (center_frequency_hz, sample_rate_hz)
        with self._lock:
            if tuning != self._tuning:
                self._end()
                self._tuning, self._stop = tuning, Event()
                self._thread = Thread(
                    target=self._source.prepare, args=(*tuning, self._stop), name="ahead"
                )
                self._thread.start()
        self.wait(wait_s)

    def wait(self, wait_s: float) -> None:
        """Wait up to `wait_s` for what is being made ready."""
        with self._lock:
            thread = self._thread
        if thread:
            thread.join(wait_s)

    def close(self) -> None:
        """End the thread."""
        with self._lock:
            self._end()
            self._tuning = None

    def _end(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()
        self._thread = None
