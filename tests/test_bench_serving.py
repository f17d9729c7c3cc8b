"""Serving beside the graphs alone, as ratios: `make bench`. The goals are held loosely here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from radiofm.bundle import load_bundle
from radiofm.cli.bundles import bundle_path
from radiofm.spectrogram import SpectrogramSpec
from radiofm.wire import SPECTROGRAM
from radiofm_models.export import Modality, export_bundle
from radiofm_models.vit import PRESETS, Encoder
from radiofm_services.bench.serving import adapters, serving
from radiofm_services.encoder import Encoder as Served

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

SLACK = 1.15  # a busy machine adds to one side more than to the other


def hold(figures: list[dict[str, Any]]) -> None:
    for figure in figures:
        print(
            "\n{what}: {ours} takes {0:.3f} x the time of {rival}; at most {1:.3f}".format(
                1 / figure["ratio"], 1 / figure["goal"], **figure
            )
        )
    for figure in figures:
        assert figure["ratio"] >= figure["goal"] / SLACK, figure


def test_serving() -> None:
    hold(serving(bundle_path("nano")))


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
