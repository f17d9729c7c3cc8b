"""The anomaly task: no labels, an error, and a limit that one validation slice in 100 exceeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from radiofm_models.encoders import untrained
from radiofm_models.finetuning import finetune
from radiofm_models.heads import BOTTLENECK, PixelHead
from radiofm_models.material import open_material
from radiofm_models.tasks.anomaly import Anomaly
from tests.models.tiny import VIT, material, recipe, slice_set


def test_figures_by_hand() -> None:
    task = Anomaly(material([0] * 8), recipe())
    rows = np.arange(4)
    images = task.images(rows)
    outputs = images.copy()
    outputs[0] += 2
    figures = task.metrics(outputs, rows)
    assert figures["mse"] == pytest.approx(1.0, rel=1e-5) and figures["score"] == -figures["mse"]
    assert task.served(outputs, rows)["error_p99"] == pytest.approx(np.percentile([4, 0, 0, 0], 99))
    assert task.loss(torch.from_numpy(outputs), rows).item() == pytest.approx(1.0, rel=1e-5)
    (answer,) = task.trivial(rows).values()
    assert np.allclose(answer, images.mean(axis=3, keepdims=True), atol=1e-6)


def test_it_learns_what_slices_look_like(tmp_path: Path) -> None:
    slices = open_material(str(slice_set(tmp_path / "set")), tmp_path / "cache")
    task = Anomaly(slices, recipe(steps=150, lr=1e-2))
    head = task.head(VIT, (2, 3))
    assert isinstance(head, PixelHead)
    assert head.body.squeeze.out_features == BOTTLENECK
    tuned = finetune(untrained(VIT, 0), task, tmp_path / "run")
    test = slices.split.test
    error = task.metrics(tuned.outputs(test), test)["mse"]
    assert error < 0.5 * float(task.images(test).var())
