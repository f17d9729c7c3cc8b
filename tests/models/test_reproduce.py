"""A bundle of the zoo from nothing, at smoke scale: `make soak`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from radiofm.bundle import load_bundle
from radiofm_models.card import card
from radiofm_models.export import TOLERANCE
from radiofm_models.served import ServedBundle
from radiofm_models.verify import verify

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

HEADS = {"signals", "occupancy", "segmentation", "presence", "anomaly", "occupancy-forecast"}


@pytest.mark.parametrize("name", ["zoo-nano", "zoo-tiny"])
def test_a_bundle_from_nothing(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "radiofm", "reproduce", name, "--scale", "smoke"]
    where = ["--out", str(tmp_path), "--recordings", str(tmp_path), "--json"]
    done = subprocess.run([*command, *where], capture_output=True, text=True, check=True)
    report = json.loads(done.stdout.splitlines()[-1])
    bundle = load_bundle(Path(report["bundle"]))
    manifest = bundle.manifest
    assert {head.name for head in manifest.heads} == HEADS
    assert max(manifest.metrics["parity"]["max_abs_difference"].values()) <= TOLERANCE
    assert verify(bundle).without == () and verify(bundle).unlisted == ()
    assert report["test"].keys() == manifest.metrics["test"].keys()
    assert (bundle.path / "README.md").read_text("utf-8") == card(manifest)
    spec = manifest.spec
    noise = np.zeros((1, 1, spec.height, spec.width), np.float32)
    assert set(ServedBundle(manifest, bundle.read)(noise, "spectrogram")) == HEADS
    sizes = {file: record.size for file, record in manifest.files.items()}
    encoder = sizes["trunk.onnx"] + sizes["tail.onnx"]
    assert encoder < 2.5 * manifest.provenance["pretraining"]["parameters"]  # 16 bits a weight
    again = subprocess.run([*command, *where], capture_output=True, text=True, check=True)
    assert json.loads(again.stdout.splitlines()[-1])["test"] == report["test"]
