"""Plays a scene for ever to receivers of any tuning, and tells the truth about it."""

from __future__ import annotations

import logging
import threading
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from radiofm_capture.device import Note
from radiofm_capture.scenes.receiver import Receiver
from radiofm_capture.scenes.render import oscillator, render
from radiofm_capture.scenes.scene import SLICE_S, Scene
from radiofm_capture.scenes.truth import TruthBox, clip, dominant

log = logging.getLogger(__name__)

CHUNK_SLICES = 32  # rendered at a time, at most
CHUNK_SAMPLES = 1 << 22  # the same, at high rates
KEPT_SAMPLES = 1 << 26  # of a tuning: 256 MB, all of a 4 s loop up to 16 MS/s
LOOPS = 2  # tunings that are kept


class ScenePlayer:
    """A `SampleSource`. The scene is rendered once for a tuning, then looped.

    Rendering is by chunks, on first use or by `prepare`; chunks end where an emitter starts or
    ends, all at multiples of a slice. Of a loop longer than KEPT_SAMPLES the last chunks are
    kept, the others rendered again when their turn comes. Any number of threads may read.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._loops: dict[tuple[float, float], _Loop] = {}
        self._lock = threading.Lock()

    def prepare(
        self, center_frequency_hz: float, sample_rate_hz: float, stop: threading.Event
    ) -> None:
        """Render the whole loop for a tuning, so that no read waits; `stop` ends it early.

        A loop that cannot be kept is left to the reads.
        """
        loop = self._loop(center_frequency_hz, sample_rate_hz)
        if loop.count > KEPT_SAMPLES:
            log.warning(
                "the scene is too long to be kept at this rate and is rendered as it is read, "
                "which may be too slow: give it %d slices instead of %d",
                KEPT_SAMPLES * self.scene.slices // loop.count,
                self.scene.slices,
            )
            return
        for _ in loop.chunks(0, loop.count):
            if stop.is_set():
                return

    def read(
        self, start: int, count: int, center_frequency_hz: float, sample_rate_hz: float
    ) -> npt.NDArray[np.int16]:
        """Samples [start, start + count): int16 [count, 2], read-only, 2048 is 0 dBFS."""
        loop = self._loop(center_frequency_hz, sample_rate_hz)
        parts = [
            chunk.samples[max(0, start - at) : start + count - at]
            for at, chunk in loop.chunks(start, count)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def truth(
        self, start: int, count: int, center_frequency_hz: float, sample_rate_hz: float
    ) -> list[TruthBox]:
        """The boxes within samples [start, start + count) and the band, counted from `start`."""
        boxes = self._boxes(start, count, center_frequency_hz, sample_rate_hz)
        return clip(boxes, start, count, center_frequency_hz, sample_rate_hz)

    def label(
        self, start: int, count: int, center_frequency_hz: float, sample_rate_hz: float
    ) -> str:
        """The family with most energy in the window and the band, `noise` where there is none."""
        boxes = self._boxes(start, count, center_frequency_hz, sample_rate_hz)
        return dominant(boxes, start, count, center_frequency_hz, sample_rate_hz)

    def notes(
        self,
        start: int,
        count: int,
        center_frequency_hz: float,
        sample_rate_hz: float,
        *,
        begun: bool,
    ) -> list[Note]:
        """The boxes that touch samples [start, start + count), from `start` on to their ends.

        `begun`: only those that begin there. (A `TruthSource`.)
        """
        low, high = (center_frequency_hz + side * sample_rate_hz / 2 for side in (-1, 1))
        notes = []
        for at, chunk in self._loop(center_frequency_hz, sample_rate_hz).chunks(start, count):
            edges = (start - at if begun else 0, start + count - at)
            first, last = (bisect_left(chunk.boxes, edge, key=_begin) for edge in edges)
            for box in chunk.boxes[first:last]:
                begin = max(0, at + box.start_sample - start)
                end = at + box.start_sample + box.sample_count - start
                if begin < end:
                    notes.append(
                        Note(
                            begin, end - begin, box.label, max(low, box.low_hz),
                            min(high, box.high_hz), box.snr_db, box.power_dbfs, box.alias,
                        )
                    )  # fmt: skip
        return notes

    def _boxes(self, start: int, count: int, center: float, rate: float) -> list[TruthBox]:
        chunks = self._loop(center, rate).chunks(start, count)
        return [
            replace(box, start_sample=at + box.start_sample)
            for at, chunk in chunks
            for box in chunk.boxes
        ]

    def _loop(self, center: float, rate: float) -> _Loop:
        with self._lock:
            loop = self._loops.pop((center, rate), None) or _Loop(self.scene, center, rate)
            self._loops[center, rate] = loop  # now the newest
            if len(self._loops) > LOOPS:
                del self._loops[next(iter(self._loops))]
            return loop


def _begin(box: TruthBox) -> int:
    return box.start_sample


@dataclass(frozen=True, slots=True)
class _Chunk:
    samples: npt.NDArray[np.int16]  # [count, 2], read-only
    boxes: list[TruthBox]  # by their begin


class _Loop:
    """The samples and boxes of one tuning."""

    def __init__(self, scene: Scene, center: float, rate: float) -> None:
        self._scene, self._center, self._rate = scene, center, rate
        self._unit = round(SLICE_S * rate)
        self._edges = _edges(scene, min(CHUNK_SLICES, max(1, CHUNK_SAMPLES // self._unit)))
        self._chunks: dict[int, _Chunk] = {}  # by first slice, the last used at the end
        self._lock = threading.Lock()
        self.count = scene.slices * self._unit
        self._receiver = Receiver(scene.front_end, rate, self.count)

    def chunks(self, start: int, count: int) -> Iterator[tuple[int, _Chunk]]:
        """(first sample, chunk) of each chunk that touches [start, start + count), rendered."""
        for turn in range(start // self.count, (start + count - 1) // self.count + 1):
            for first, last in zip(self._edges, self._edges[1:], strict=False):
                at = turn * self.count + first * self._unit
                if at < start + count and turn * self.count + last * self._unit > start:
                    yield at, self._chunk(first, last)

    def _chunk(self, first: int, last: int) -> _Chunk:
        with self._lock:
            chunk = self._chunks.pop(first, None) or self._render(first, last)
            self._chunks[first] = chunk
            while sum(len(c.samples) for c in self._chunks.values()) > KEPT_SAMPLES:
                del self._chunks[next(iter(self._chunks))]
            return chunk

    def _render(self, first: int, last: int) -> _Chunk:
        if first and not self._receiver.settled:
            self._render(0, self._edges[1])
        antenna, boxes = render(self._scene, first, last - first, self._center, self._rate)
        samples = self._receiver(antenna, first * self._unit, oscillator(self._scene, first))
        samples.flags.writeable = False
        return _Chunk(samples, boxes)


def _edges(scene: Scene, longest: int) -> list[int]:
    """Slices at which chunks begin, and the loop's end."""
    edges = {0, scene.slices}
    for emitter in scene.emitters:
        edges |= {slice_ for span in emitter.on for slice_ in span if slice_ < scene.slices}
    steps = sorted(edges)
    for first, last in zip(steps, steps[1:], strict=False):
        edges |= set(range(first, last, longest))
    return sorted(edges)
