"""Modalities of a bundle's manifest: what fits together, and what slices of them are called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from radiofm.bundle import MANIFEST, Bundle, load_bundle
from radiofm.errors import BundleError
from radiofm.modality import ModalityRecord
from radiofm.spectrogram import SpectrogramSpec

ZERO = "0" * 16
SCALING = {"range": [0, 1], "mean": [0.5, 0.25], "std": [0.1, 0.2]}
GRIDS: dict[str, Any] = {
    "channels": 2, "size": [32, 48], "grid": [2, 3], "embed": "embeds/iq-grid.onnx",
    "scaling": SCALING,
}  # fmt: skip
SIZE = {"height": 32, "width": 48}
BLOCKS: dict[str, Any] = {
    "channels": 1, "size": [32, 48], "grid": [2, 3], "embed": "embeds/iq-block.onnx",
    "scaling": None, "blocks": {"samples": 1024, "spec": SIZE},
}  # fmt: skip
HEAD = {
    "name": "it", "version": "1", "task": "presence", "tap": "tokens", "encoder": ZERO,
    "file": "heads/it/head.onnx", "labels": ["a", "b"], "modality": "iq-grid",
}  # fmt: skip
ENCODER = {
    "hash": ZERO, "preset": "test", "dim": 8, "depth": 2, "heads": 1, "patch": 16, "grid": [2, 3]
}  # fmt: skip


def bundle(folder: Path, modalities: dict[str, Any], head: dict[str, Any]) -> Bundle:
    manifest = {
        "name": "it", "spec": {}, "encoder": ENCODER, "modalities": modalities, "heads": [head],
        "files": {}, "provenance": {}, "metrics": {},
    }  # fmt: skip
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return load_bundle(folder)


def test_the_hash_names_size_and_scaling() -> None:
    spec = SpectrogramSpec()
    grids = ModalityRecord.model_validate(GRIDS)
    assert grids.hash(spec) == ModalityRecord.model_validate(GRIDS | {"embed": "x"}).hash(spec)
    other = SCALING | {"range": [0, 2]}
    for change in ({"size": [48, 32]}, {"scaling": other}):
        assert ModalityRecord.model_validate(GRIDS | change).hash(spec) != grids.hash(spec)
    image = {"channels": 1, "size": [32, 48], "grid": [2, 3], "embed": "x", "scaling": None}
    assert ModalityRecord.model_validate(image).hash(spec) == spec.hash
    assert grids.shape == (2, 32, 48) and ModalityRecord.model_validate(image).shape == (32, 48)


def test_slices_of_blocks_are_named_by_how_they_are_made() -> None:
    spec, made = SpectrogramSpec(), SpectrogramSpec(height=32, width=48)
    record = ModalityRecord.model_validate(BLOCKS)
    assert not record.streamed and record.shape == (32, 48)
    assert record.blocks is not None and record.blocks.spec == made
    stream = record.model_copy(update={"blocks": None})
    assert stream.streamed and not record.same_slices(stream)
    other = ModalityRecord.model_validate(BLOCKS | {"blocks": {"samples": 512, "spec": SIZE}})
    assert len({record.hash(spec), other.hash(spec), made.hash, spec.hash}) == 4


def test_a_bundle_of_spectrograms_names_none(tmp_path: Path) -> None:
    manifest = bundle(tmp_path, {}, HEAD | {"modality": None}).manifest
    for name in (None, "spectrogram"):
        assert manifest.modality(name).size == (224, 224)
    with pytest.raises(BundleError, match="modality 'iq-grid' is not in bundle it: it has spectr"):
        manifest.modality("iq-grid")


@pytest.mark.parametrize(
    ("modalities", "head", "reason"),
    [
        ({"iq-grid": GRIDS}, {"modality": None}, "head it: modality None does not fit"),
        ({}, {}, "head it: modality 'iq-grid' does not fit"),
        ({"csi": GRIDS}, {}, "head it: modality 'iq-grid' is not there"),
        ({"iq-grid": GRIDS | {"channels": 3}}, {}, "its scaling is not of 3 channels"),
        ({"iq-grid": GRIDS | {"size": [4096, 4096]}}, {}, "its slices have more than 16777216 b"),
        ({"iq-grid": GRIDS | {"grid": [256, 256]}}, {}, "its slices have more than 16384 patches"),
        ({"iq-grid": GRIDS | {"slices": "csi"}}, {}, "modality 'csi' is not there"),
        (
            {"csi": GRIDS | {"size": [32, 32]}, "iq-grid": GRIDS | {"slices": "csi"}},
            {}, "its slices are not those of csi",
        ),
        ({"iq-grid": BLOCKS | {"size": [48, 32]}}, {}, "not the spectrograms of its blocks"),
        ({"iq-grid": GRIDS | {"blocks": BLOCKS["blocks"]}}, {}, "not the spectrograms of its bl"),
        ({"iq-grid": GRIDS}, {"thresholds": [0.5]}, "1 thresholds for 2 labels"),
        ({"iq-grid": GRIDS}, {"thresholds": [0.5, 2]}, "less than or equal to 1"),
    ],
)  # fmt: skip
def test_what_does_not_fit(
    modalities: dict[str, Any], head: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match=f"bundle .*: bundle.json: .*{reason}"):
        bundle(tmp_path, modalities, HEAD | head)
