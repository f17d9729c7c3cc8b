"""Positioning: equation 19 by hand, and what stands beside the network."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from radiofm.array_set_writer import write_array_set
from radiofm.cli.finetune import finetune
from radiofm_capture.sets.positioning import PRESETS as SITES
from radiofm_models.datasets.scaling import PRESETS as SCALINGS
from radiofm_models.encoders import Pretrained
from radiofm_models.finetune_run import Wanted, open_task_material
from radiofm_models.material import open_material
from radiofm_models.metrics import nearest_mean
from radiofm_models.msm import MaskedAutoencoder
from radiofm_models.recipe import TuneRecipe
from radiofm_models.report import Figure, Table, positioning_section
from radiofm_models.tasks.positioning import Positioning
from radiofm_models.vit import PRESETS

SITE = replace(SITES["outdoor"], order=1, snr_db=(30.0,))


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("positions") / "set"
    write_array_set(folder, SITE, 160, 0, "")
    return folder


@pytest.fixture(scope="module")
def task(walked: Path) -> Positioning:
    material = open_material(str(walked), walked.parent / "cache", size=(32, 32))
    return Positioning(material, TuneRecipe(steps=1, batch=8, lr=1e-3))


def test_the_loss_is_the_squared_distance_on_one_scale(task: Positioning) -> None:
    """3 m east and 4 m north of the one, 1 m below the other; half the longest side is 1."""
    rows = task.material.split.train[:2]
    seen = task.targets(task.material.split.train)
    half = np.ptp(seen, axis=0).max() / 2
    off = np.array([[3, 4, 0], [0, 0, -1]], np.float32)
    loss = task.loss(torch.from_numpy(task.targets(rows) + off), rows)
    assert loss.item() == pytest.approx((25 + 1) / 2 / half**2, rel=1e-3)


def test_errors_are_distances_in_metres(task: Positioning) -> None:
    rows = task.material.split.test
    off = np.zeros((len(rows), 3), np.float32)
    off[:, 0] = np.arange(len(rows))
    figures = task.metrics(task.targets(rows) + off, rows)
    most = len(rows) - 1
    for name, wanted in (("mean", most / 2), ("median", most / 2), ("p90", 0.9 * most)):
        assert figures[name] == pytest.approx(wanted, abs=1e-3)
    np.testing.assert_allclose(figures["percentiles"], np.linspace(0, most, 101), atol=1e-3)
    assert figures["score"] == -figures["mean"]


def test_nearest_mean_is_of_the_nearest() -> None:
    train = np.array([[0.0, 0.0], [0.0, 1.0], [5.0, 5.0]])
    values = np.array([[1.0], [3.0], [100.0]], np.float32)
    asked = np.array([[0.0, 0.4], [6.0, 6.0]])
    np.testing.assert_array_equal(nearest_mean(train, values, asked, 1), [[1], [100]])
    np.testing.assert_array_equal(nearest_mean(train, values, asked, 2), [[2], [51.5]])


def test_fingerprints_tell_more_than_the_mean_position(task: Positioning) -> None:
    rows = task.material.split.test
    errors = {name: task.metrics(o, rows)["mean"] for name, o in task.trivial(rows).items()}
    assert errors["nearest fingerprints"] < 0.8 * errors["mean of training"]


def test_finetune_and_its_section(walked: Path, tmp_path: Path) -> None:
    arguments = [str(walked), "--task", "positioning", "--encoder", "random"]
    arguments += ["--preset", "nano", "--size", "32", "--epochs", "2", "--batch", "32", "--json"]
    app = typer.Typer()
    app.command()(finetune)
    done = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    run = json.loads((tmp_path / "run.json").read_text("utf-8"))
    assert set(run["test"]) == {"model", "mean of training", "nearest fingerprints"}
    table, figure = positioning_section([run["test"]]).parts
    assert isinstance(table, Table) and isinstance(figure, Figure)
    assert [row[0] for row in table.rows] == list(run["test"])
    assert set(figure.data["errors"]) == set(run["test"])


def test_indoors_an_encoder_of_four_stations_gets_a_fifth(tmp_path: Path) -> None:
    """The public set's files of the other scene, without being told."""
    rng = np.random.default_rng(0)
    (tmp_path / "set").mkdir()
    for snr in (10, 20):
        with h5py.File(tmp_path / "set" / f"dataset_SNR{snr}_indoor.mat", "w") as file:
            file["features"] = rng.uniform(0, 1, (30, 5, 192, 14)).astype(np.float32)
            file["labels/position"] = np.arange(90.0).reshape(30, 3)
    model = MaskedAutoencoder(PRESETS["nano"].model_copy(update={"channels": {"5g-csi": 4}}))
    known = {"5g-csi": SCALINGS["5g-positioning-outdoor"].model_copy(update={"size": (32, 32)})}
    pretrained = Pretrained("four", model, dict(known))
    source = f"5g-positioning:{tmp_path / 'set'}"
    wanted = Wanted("positioning", source, "four", size=(32, 32))
    material = open_task_material(wanted, pretrained, tmp_path / "cache")
    assert material.images(material.split.train[:2]).shape == (2, 5, 32, 32)
    encoder, new = pretrained.encoder("5g-csi", 5)
    assert new and encoder(torch.zeros(1, 5, 32, 32)).shape == (1, 5, 128)
    encoder, new = pretrained.encoder("5g-csi", 4)
    assert not new and encoder(torch.zeros(1, 4, 32, 32)).shape == (1, 5, 128)
