"""Plays a scene for ever to receivers of any tuning, and tells the truth about it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from radiofm_capture.scenes.render import TruthBox, clip, dominant, render
from radiofm_capture.scenes.scene import SLICE_S, Scene

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


@dataclass(frozen=True, slots=True)
class _Chunk:
    samples: npt.NDArray[np.int16]  # [count, 2], read-only
    boxes: list[TruthBox]


class _Loop:
    """The samples and boxes of one tuning."""

    def __init__(self, scene: Scene, center: float, rate: float) -> None:
        self._scene, self._center, self._rate = scene, center, rate
        self._unit = round(SLICE_S * rate)
        self._edges = _edges(scene, min(CHUNK_SLICES, max(1, CHUNK_SAMPLES // self._unit)))
        self._chunks: dict[int, _Chunk] = {}  # by first slice, the last used at the end
        self._lock = threading.Lock()
        self.count = scene.slices * self._unit

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
        iq, boxes = render(self._scene, first, last - first, self._center, self._rate)
        samples = self._scene.front_end.apply(iq, first * self._unit)
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
