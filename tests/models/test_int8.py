"""The 8-bit encoder: standard operators, kept only where it is faster and loses little."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from radiofm.bundle import Bundle, load_bundle
from radiofm.spectrogram import SpectrogramSpec
from radiofm_models import int8
from radiofm_models.export import Modality, TrainedHead, export_bundle
from radiofm_models.int8 import add_int8
from radiofm_models.probes import Probe
from radiofm_models.served import ServedBundle
from radiofm_models.vit import Encoder, ViTConfig
from radiofm_services.encoder import Encoder as ServedEncoder

SLICES = np.random.default_rng(0).normal(size=(3, 1, 32, 48)).astype(np.float32)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("bundle")
    encoder = Encoder(
        ViTConfig(dim=64, depth=3, heads=2, decoder_dim=16, decoder_depth=1, decoder_heads=2)
    )
    modality = Modality(SpectrogramSpec(height=32, width=48), SLICES)
    head = TrainedHead("it", "regression", "tokens", Probe(64, 2, "token"))
    export_bundle(
        folder, "it", "test", encoder, {"spectrogram": modality}, [head], {}, adaptable=True
    )
    return folder


@pytest.fixture
def bundle(exported: Path, tmp_path: Path) -> Bundle:
    for file in exported.rglob("*"):
        if file.is_file():
            copy = tmp_path / "copy" / file.relative_to(exported)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    return load_bundle(tmp_path / "copy")


@pytest.mark.parametrize(
    ("ratio", "lost", "kept"), [(0.5, 0.01, True), (0.5, 0.03, False), (1.1, 0.0, False)]
)
def test_kept_where_it_is_faster_and_loses_little(
    bundle: Bundle, ratio: float, lost: float, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8, "_time_ratio", lambda *_: ratio)  # no clock decides a test
    scores = iter((0.9, 0.9 - lost))
    seen: list[Any] = []

    def accuracy(served: ServedBundle) -> float:
        seen.append(served(SLICES, "spectrogram")["it"])
        return next(scores)

    manifest, report = add_int8(bundle, {"spectrogram": SLICES}, accuracy, 0.02)
    assert report.kept is kept and report.cosine > 0.99
    assert 0 < np.abs(seen[0] - seen[1]).max() < 0.2
    again = load_bundle(bundle.path)
    assert again.manifest == manifest
    assert again.manifest.metrics["int8"]["time_ratio"] == ratio
    assert ("trunk.int8.onnx" in manifest.files) is kept
    assert again.manifest.encoder.hash == bundle.manifest.encoder.hash
    if kept:
        for file in ("trunk.int8.onnx", "tail.int8.onnx"):
            model = onnx.load_from_string(again.read(file))
            kinds = {node.op_type for node in model.graph.node}
            assert {node.domain for node in model.graph.node} == {""} and "MatMulInteger" in kinds
        served = ServedEncoder(again, precision="int8")
        embedded = served.embed(SLICES[:1], "spectrogram")
        tokens = served.tail(served.trunk(embedded))
        full = ServedEncoder(again)
        assert 0 < np.abs(tokens - full.tail(full.trunk(embedded))).max() < 1


def test_the_time_is_measured(bundle: Bundle) -> None:
    _, report = add_int8(bundle, {"spectrogram": SLICES}, lambda served: 1.0, 0.02)
    assert 0.01 < report.time_ratio < 100
    assert report.kept is (report.time_ratio < 1)
