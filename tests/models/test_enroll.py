"""Signals enrolled by a few recordings, with the shipped encoder, by the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from radiofm.bundle import load_bundle
from radiofm.errors import UsageError
from radiofm_models.enroll import _left_out, enroll
from radiofm_models.prototypes import prototypes, squared_distances
from radiofm_models.served import ServedBundle
from tests.models.datasets.recordings import recording
from tests.models.test_zoo import ZOO


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tones below and above the centre, two recordings of three slices each."""
    folder = tmp_path_factory.mktemp("labelled")
    for at in range(2):
        recording(folder / "low" / f"{at}", 3, tone=0.2, seed=at)
        recording(folder / "high" / f"{at}", 3, tone=0.8, seed=10 + at)
    return folder


def test_enrolled_by_the_command_line(labelled: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "radiofm", "enroll", labelled, "--out", tmp_path / "b",
               "--shots", "2", "--name", "tones", "--json"]  # fmt: skip
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=True)
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["examples"] == {"high": 2, "low": 2} and report["left_out_accuracy"] == 1.0
    made, shipped = load_bundle(tmp_path / "b"), load_bundle(ZOO)
    assert made.head("tones").labels == ("high", "low")
    assert {h.name for h in made.manifest.heads} == {
        "tones",
        *(h.name for h in shipped.manifest.heads),
    }
    assert made.manifest.encoder == shipped.manifest.encoder
    spec = made.manifest.spec
    noise = np.random.default_rng(0).normal(size=(1, 1, spec.height, spec.width))
    again = enroll(str(labelled), tmp_path / "b", tmp_path / "c", "tones")
    assert again.examples == {"high": 6, "low": 6}
    served = ServedBundle(again.manifest, load_bundle(tmp_path / "c").read)
    assert served(noise.astype(np.float32))["tones"].shape == (1, 2)


def test_an_example_is_not_its_own_prototype() -> None:
    vectors = torch.tensor([[0.0, 0], [2, 0], [0, 4], [9, 9]])
    classes = torch.tensor([0, 0, 1, 2])
    logits, others = _left_out(vectors, classes, 3)
    assert others.tolist() == [True, True, False, False]
    for at, rest in ((0, 1), (1, 0)):
        own = float((vectors[at] - vectors[rest]).square().sum())
        assert logits[at, 0] == pytest.approx(-own)
    means = prototypes(vectors, classes, 3, False)
    expected = -squared_distances(vectors, means).numpy()
    assert np.allclose(logits[:, 1:][:2], expected[:2, 1:])


def test_what_cannot_be_enrolled(labelled: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--shots 7: high has 6 slices: lower it"):
        enroll(str(labelled), ZOO, tmp_path / "b", shots=7)
    with pytest.raises(UsageError, match="is there already: name another folder"):
        enroll(str(labelled), ZOO, labelled)
