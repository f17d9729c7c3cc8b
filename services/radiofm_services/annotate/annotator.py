"""A bundle's heads over whole recordings, slice by slice, by as many threads as there are cores.

A thread takes a slice as a whole: its spectrogram, its pass through the encoder, its heads. Samples
are mapped from disk and only a few slices are under way, however long the recording is.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from radiofm.bundle import HeadRecord, load_bundle
from radiofm.errors import BundleError, RecordingError
from radiofm.recording import Recording
from radiofm.segment import slice_starts
from radiofm.sigmf_meta import Annotation
from radiofm.spectrogram import Spectrogram
from radiofm.spectrogram.backends import AUTO, warm_up
from radiofm.wire import SPECTROGRAM
from radiofm_services.annotate.marks import can_annotate, marks_of
from radiofm_services.annotate.runs import Mark, Run, Runs
from radiofm_services.encoder import Encoder
from radiofm_services.heads import head_set, load_head
from radiofm_services.passes import answers
from radiofm_services.runtime import ONE_THREAD, Runtime

AHEAD = 2  # slices a thread that are under way, or wait for one before them

Place = tuple[int, int]  # segment, first sample
Progress = Callable[[int], None]  # samples since it was last told


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnotateConfig:
    """What annotates, and by what."""

    bundle: Path
    heads: tuple[str, ...] = ()  # names; empty: all that can
    least: float = 0.0  # score of a label
    runtime: Runtime = ONE_THREAD
    workers: int = 1  # threads
    backend: str = AUTO  # of the spectrograms, a name of radiofm.spectrogram.backends


@dataclass(frozen=True, slots=True)
class Seen:
    """What was made of one recording."""

    notes: list[Annotation]
    slices: int
    samples: int  # in these slices; a rest, before a gap or at the end, is shorter than a slice


class Annotator:
    """Opens the bundle at once: raises BundleError where it cannot annotate. To be closed."""

    def __init__(self, config: AnnotateConfig) -> None:
        bundle = load_bundle(config.bundle)
        self._config, self._spec = config, bundle.manifest.spec
        self._encoder = Encoder(bundle, config.runtime)
        self.fallback = self._encoder.fallback
        records = [head for head in bundle.manifest.heads if self._annotates(head)]
        can = [record.name for record in records]
        for name in config.heads:
            if bundle.head(name).name not in can:
                raise BundleError(
                    f"head {name} of bundle {bundle.manifest.name} gives spectrograms no labels: "
                    f"name others of {', '.join(can) or 'another bundle'}"
                )
        names = config.heads or tuple(can)
        if not names:
            raise BundleError(
                f"bundle {bundle.manifest.name} has no head that gives spectrograms labels: name "
                "another"
            )
        self._heads = head_set({name: load_head(bundle, name, self._encoder) for name in names})
        self._records = [head.record for head in self._heads.values()]
        self.by = {  # core:generator of each head
            name: f"radiofm annotate {bundle.manifest.name}/{name}@{head.version}"
            for name, head in self._heads.items()
        }
        warm_up(self._spec, config.backend)  # once, and not in every thread
        self._pool = ThreadPoolExecutor(config.workers, "annotate")
        self._local = threading.local()
        self.backend = ""  # what computed last

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(cancel_futures=True)

    def __call__(self, recording: Recording, progress: Progress = lambda samples: None) -> Seen:
        """Annotate one recording. Raises RecordingError, and UsageError for its sample rate."""
        size = self._spec.slice_samples(recording.sample_rate_hz)
        made = Spectrogram(self._spec, recording.sample_rate_hz, self._config.backend)
        self.backend = made.backend
        notes: list[Annotation] = []
        runs, segment, slices, at = Runs(), 0, 0, 0
        for (here, start), marks in self._marks(recording, size):
            if here != segment:
                notes += [self._note(recording, segment, size, run) for run in runs.finish()]
                segment = here
            number = (start - recording.segments[segment].start) // size
            ended = runs.take(number, marks)
            notes += [self._note(recording, segment, size, run) for run in ended]
            slices += 1
            progress(start + size - at)
            at = start + size
        notes += [self._note(recording, segment, size, run) for run in runs.finish()]
        progress(recording.count - at)
        if not slices:
            raise RecordingError(
                f"{recording.path} has no {self._spec.duration_s * 1e3:g} ms without a gap, which "
                "is a slice: record for longer"
            )
        return Seen(notes, slices, slices * size)

    def _annotates(self, head: HeadRecord) -> bool:
        return can_annotate(head) and self._encoder.takes(head.modality, SPECTROGRAM)

    def _marks(self, recording: Recording, size: int) -> Iterator[tuple[Place, list[Mark]]]:
        """What is said of each slice, in order."""
        under_way: deque[tuple[Place, Future[list[Mark]]]] = deque()
        try:
            for place in slice_starts(recording.segments, size):
                if len(under_way) == AHEAD * self._config.workers:
                    first, marks = under_way.popleft()
                    yield first, marks.result()
                under_way.append((place, self._pool.submit(self._look, recording, place[1])))
            while under_way:
                first, marks = under_way.popleft()
                yield first, marks.result()
        finally:
            for _, marks in under_way:
                marks.cancel()

    def _look(self, recording: Recording, start: int) -> list[Mark]:
        compute = self._spectrogram(recording.sample_rate_hz)
        image = compute(recording.read(start, compute.samples), recording.full_scale)
        said = answers(self._encoder, self._heads, image[None, None], SPECTROGRAM)
        return marks_of(self._records, said.answers, self._config.least)

    def _spectrogram(self, rate: float) -> Spectrogram:
        """This thread's own."""
        made: Spectrogram | None
        known, made = getattr(self._local, "made", (0.0, None))
        if made is None or known != rate:
            made = Spectrogram(self._spec, rate, self._config.backend)
            self._local.made = rate, made
        return made

    def _note(self, recording: Recording, number: int, size: int, run: Run) -> Annotation:
        segment, rate = recording.segments[number], recording.sample_rate_hz
        low, high = ((segment.center_frequency_hz or 0.0) + (share - 0.5) * rate
                     for share in (run.low, run.high))  # fmt: skip
        start = segment.start + run.first * size
        return Annotation(
            core_sample_start=recording.info.core_offset + start,
            core_sample_count=run.count * size,
            core_freq_lower_edge=low,
            core_freq_upper_edge=high,
            core_label=run.last.label,
            core_generator=self.by[run.last.head],
            radiofm_confidence=None if run.score is None else round(run.score, 4),
            radiofm_novelty=None if run.novelty is None else round(run.novelty, 4),
        )
