"""Serving and annotating beside the graphs alone, as ratios: `make bench`. Goals are held loosely
here."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch

from radiofm.bundle import load_bundle
from radiofm.spectrogram import SpectrogramSpec
from radiofm.wire import SPECTROGRAM
from radiofm_models.export import Modality, export_bundle
from radiofm_models.vit import PRESETS, Encoder
from radiofm_services.bench import bulk
from radiofm_services.bench.figures import Figure
from radiofm_services.bench.serving import adapters, figures
from radiofm_services.encoder import Encoder as Served

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

SLACK = 1.15  # a busy machine adds to one side more than to the other


def hold(found: Iterable[Figure | str]) -> None:
    figures = [figure for figure in found if isinstance(figure, Figure)]
    for one in figures:
        print(f"\n{one.what}: {one.ours}, {one.ratio:.3f} x {one.rival} ({one.goal:.3f})")
    for one in figures:
        assert one.goal is not None and one.ratio >= one.goal / SLACK, one


def test_serving() -> None:
    hold(figures())


def test_annotating() -> None:
    """Of processor time: wall time is only printed, as other programs take part of the cores."""
    note, cpu, wall = bulk.figures()
    assert isinstance(cpu, Figure) and isinstance(wall, Figure)
    print(f"\n{note}; {cpu.what}: {wall.ours}, {wall.ratio:.3f} x {wall.rival} in wall time")
    hold([cpu])


def test_adapters(tmp_path: Path) -> None:
    torch.manual_seed(0)
    images = np.random.default_rng(0).normal(size=(2, 1, 224, 224)).astype(np.float32)
    encoder, slices = Encoder(PRESETS["nano"]), {SPECTROGRAM: Modality(SpectrogramSpec(), images)}
    served = []
    for name, adaptable in (("plain", False), ("open", True)):
        folder = tmp_path / name
        export_bundle(folder, "it", "nano", encoder, slices, [], {}, adaptable=adaptable)
        served.append(Served(load_bundle(folder)))
    plain, opened = served
    embedded = plain.embed(images[:1], SPECTROGRAM)
    np.testing.assert_array_equal(
        plain.tail(plain.trunk(embedded)), opened.tail(opened.trunk(embedded))
    )
    hold(adapters(plain, opened, images[:1]))
