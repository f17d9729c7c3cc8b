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
from radiofm.slice_set import SliceRecord, SliceSetInfo, write_slice_set
from radiofm.spectrogram import Image, Spectrogram, SpectrogramSpec
from radiofm_capture.scenes.draw import draw_scene
from radiofm_capture.scenes.front_end import FULL_SCALE
from radiofm_capture.scenes.receiver import Receiver
from radiofm_capture.scenes.render import oscillator, render
from radiofm_capture.scenes.scene import SLICE_S
from radiofm_capture.scenes.truth import TruthBox, clip, dominant
from radiofm_capture.scenes.waveforms import LABELS

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
) -> None:
    """Write a slice set of `count` slices to `out`; `progress` is told the number made so far.

    The set depends on `count`, `seed`, `spec` and `rates` only, not on `workers`.
    """
    spec = spec or SpectrogramSpec()
    info = SliceSetInfo(
        spec=spec,
        labels=LABELS,
        count=count,
        provenance={
            "command": f"radiofm simulate scenes --count {count} --seed {seed}",
            "seed": seed,
            "rates": list(rates),
            "radiofm": radiofm.__version__,
            "numpy": np.__version__,
        },
    )
    groups = range(math.ceil(count / GROUP))
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
    scene = draw_scene(rng, rate, labels, units)
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
            low = (box.low_hz - center_hz) / rate + 0.5
            high = (box.high_hz - center_hz) / rate + 0.5
            start = box.start_sample / count
            stop = start + box.sample_count / count
            mask[_cells(low, high, spec.height), _cells(start, stop, spec.width)] = 1
    return mask


def _cells(low: float, high: float, cells: int) -> slice:
    """Cells whose centre lies within [low, high) of [0, 1), or the one that holds its middle."""
    first, last = math.ceil(low * cells - 0.5), math.ceil(high * cells - 0.5)
    if first < last:
        return slice(first, last)
    middle = min(int((low + high) / 2 * cells), cells - 1)
    return slice(middle, middle + 1)
