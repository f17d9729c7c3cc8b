"""Labelled spectrogram slices of random scenes, for training."""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

import radiofm
from radiofm.errors import UsageError
from radiofm.slice_set import SliceRecord, SliceSetInfo, write_slice_set
from radiofm.spectrogram import Image, Spectrogram, SpectrogramSpec, cells
from radiofm_capture.scenes.draw import draw_scene
from radiofm_capture.scenes.front_end import FULL_SCALE
from radiofm_capture.scenes.load import draw_document, read_scene
from radiofm_capture.scenes.receiver import Receiver
from radiofm_capture.scenes.render import oscillator, render
from radiofm_capture.scenes.scene import SLICE_S, Scene
from radiofm_capture.scenes.truth import TruthBox, clip, dominant
from radiofm_capture.scenes.waveforms import LABELS, NOISE

RATES = (1.92e6, 2.4e6, 3.84e6, 4e6, 5e6, 7.68e6, 10e6, 15.36e6, 19.2e6, 20e6)
GROUP = 4  # slices of one scene and one front end
SINGLE = 0.6  # share of groups with one family only
MASK_SNR_DB = 0.0  # weaker signals are not marked

Mask = npt.NDArray[np.uint8]
Slice = tuple[Image, Mask, SliceRecord]


def simulate_slices(
    out: Path,
    count: int,
    seed: int = 0,
    spec: SpectrogramSpec | None = None,
    rates: Sequence[float] = RATES,
    workers: int = 1,
    progress: Callable[[int], None] = lambda made: None,
    scene: str | None = None,
) -> None:
    """Write a slice set of `count` slices to `out`; `progress` is told the number made so far.

    `scene` names a scene that each group draws anew, at the rate that it says; without it scenes
    are random, and the rate one of `rates`. The set depends on all of these, not on `workers`.
    """
    spec = spec or SpectrogramSpec()
    drawn = DrawnScenes(scene, spec) if scene else None
    info = SliceSetInfo(
        spec=spec,
        labels=drawn.labels if drawn else LABELS,
        count=count,
        provenance={
            "command": f"radiofm simulate scenes --count {count} --seed {seed}"
            f" --size {spec.height}" + (f" --scene {scene}" if scene else ""),
            "seed": seed,
            **({"scene": drawn.document} if drawn else {"rates": list(rates)}),
            "radiofm": radiofm.__version__,
            "numpy": np.__version__,
        },
    )
    groups = range(math.ceil(count / GROUP))
    if drawn:
        job = partial(drawn.make_group, seed=seed)
    else:
        job = partial(make_group, seed=seed, spec=spec, rates=tuple(rates))
    if workers == 1:
        write_slice_set(out, info, _flat(map(job, groups), count, progress))
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        write_slice_set(out, info, _flat(pool.imap(job, groups), count, progress))


def _flat(
    groups: Iterator[list[Slice]], count: int, progress: Callable[[int], None]
) -> Iterator[Slice]:
    slices = (one for group in groups for one in group)
    for made, one in enumerate(islice(slices, count), 1):
        yield one
        progress(made)


def make_group(
    group: int, seed: int, spec: SpectrogramSpec, rates: tuple[float, ...]
) -> list[Slice]:
    """Four consecutive slices of a random scene."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(group,)))
    weights = 1 / np.sqrt(rates)  # wide bands cost more
    rate = float(rng.choice(rates, p=weights / weights.sum()))
    if rng.random() < SINGLE:
        labels: tuple[str, ...] = (LABELS[group % len(LABELS)],)
    else:
        labels = tuple(rng.choice(LABELS[1:], rng.integers(2, 5)).tolist())
    units = math.ceil(GROUP * spec.duration_s / SLICE_S)
    return _slices(group, draw_scene(rng, rate, labels, units), rate, spec)


class DrawnScenes:
    """What a scene's file draws, group by group."""

    def __init__(self, name: str, spec: SpectrogramSpec) -> None:
        self.name, self._spec = name, spec
        self.document, self._folder = read_scene(name)
        self.labels = (NOISE, *sorted(set(_names(self.document)) - {NOISE}))

    def make_group(self, group: int, seed: int) -> list[Slice]:
        """Four consecutive slices of a scene, as `make_group`."""
        draw = int(np.random.SeedSequence(seed, spawn_key=(group,)).generate_state(1)[0])
        scene = draw_document(self.name, self.document, self._folder, draw)
        rate = scene.sample_rate_hz
        if rate is None:
            raise UsageError(f"scene {self.name}: a set needs its sample_rate_hz")
        units = math.ceil(GROUP * self._spec.duration_s / SLICE_S)
        scene = scene.model_copy(update={"slices": max(units, scene.slices)})
        return _slices(group, scene, rate, self._spec)


def _names(value: object) -> Iterator[str]:
    """What boxes of a scene's document may be labelled with."""
    if isinstance(value, dict):
        if isinstance(label := value.get("label"), str):
            yield label
            return
        if isinstance(family := value.get("family"), str):
            yield family
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _names(part)


def _slices(group: int, scene: Scene, rate: float, spec: SpectrogramSpec) -> list[Slice]:
    units = math.ceil(GROUP * spec.duration_s / SLICE_S)
    center = scene.center_frequency_hz
    antenna, boxes = render(scene, 0, units, center, rate)
    receiver = Receiver(scene.front_end, rate, len(antenna.iq))
    samples = receiver(antenna, 0, oscillator(scene, 0))
    spectrogram = Spectrogram(spec, rate)
    size = spectrogram.samples
    slices = []
    for start in range(0, GROUP * size, size):
        part = samples[start : start + size]
        inside = clip(boxes, start, size, center, rate)
        power = float(np.mean(np.square(part, dtype=np.float32))) * 2 / FULL_SCALE**2
        record = SliceRecord(
            label=dominant(boxes, start, size, center, rate),
            group=group,
            sample_rate_hz=rate,
            snr_db=max((b.snr_db for b in inside), default=None),
            full_scale_dbfs=10 * math.log10(power) if power else None,
        )
        image = spectrogram.decibels(part, FULL_SCALE)
        slices.append((image, occupancy(inside, spec, size, center, rate), record))
    return slices


def occupancy(
    boxes: list[TruthBox], spec: SpectrogramSpec, count: int, center_hz: float, rate: float
) -> Mask:
    """uint8 [height, width]: 1 where a box covers a cell's centre, at least one cell a box."""
    mask = np.zeros((spec.height, spec.width), np.uint8)
    for box in boxes:
        if box.snr_db >= MASK_SNR_DB:
            mask[covered(box, spec, count, center_hz, rate)] = 1
    return mask


def covered(
    box: TruthBox, spec: SpectrogramSpec, count: int, center_hz: float, rate: float
) -> tuple[slice, slice]:
    """Rows and columns of the image of `count` samples that a box within it covers."""
    low = (box.low_hz - center_hz) / rate + 0.5
    high = (box.high_hz - center_hz) / rate + 0.5
    start = box.start_sample / count
    stop = start + box.sample_count / count
    return cells(low, high, spec.height), cells(start, stop, spec.width)
