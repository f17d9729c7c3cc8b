"""Channel estimation: equations 20 and 21 by hand, and what stands beside the network."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from radiofm.cli.finetune import finetune
from radiofm.errors import UsageError
from radiofm_models.data import Indices
from radiofm_models.material import open_material
from radiofm_models.ofdm import linear, ls_at_pilots, nearest
from radiofm_models.recipe import TuneRecipe
from radiofm_models.report import Figure, Table, channel_curves, channel_section
from radiofm_models.tasks.channel import ChannelEstimation, back_off_db, snr_weight
from radiofm_models.tasks.task import Outputs
from radiofm_models.vit import PRESETS
from tests.models.tasks.uplink import ANTENNAS, ENTRIES, PILOTS, SYMBOLS, grids, write

RECIPE = TuneRecipe(steps=1, batch=8, lr=1e-3)
TEST = 60


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> ChannelEstimation:
    root = tmp_path_factory.mktemp("uplink")
    source = f"channel-estimation:{write(root / 'set', 100, TEST)}"
    return ChannelEstimation(open_material(source, root / "cache", size=(80, 80)), RECIPE)


def test_the_weight_is_equation_20_and_never_negative() -> None:
    weights = snr_weight(np.array([-20.0, -11.7, -10.0, 0.0, 20.0]))
    np.testing.assert_allclose(weights, [1e-3, 1e-3, 0.3434, 9.8369, 970.85], rtol=1e-3)
    assert weights[4] / weights[2] == pytest.approx(2828, rel=0.01)


def test_the_loss_is_equation_21(task: ChannelEstimation) -> None:
    """Each entry wrong by 0.5 in one item and by 2 in the other; the filling counts for nothing."""
    rows = task.material.split.train[:2]
    snr_db = task.material.dataset.snr_db
    assert snr_db is not None
    truth = torch.from_numpy(task.targets(rows))
    output = torch.full((2, 2, ANTENNAS, ENTRIES + 9), 1e6)
    output[..., :ENTRIES] = truth + torch.tensor([0.5, -2.0])[:, None, None, None]
    first, second = (10.6009 * math.exp(0.2259 * float(s)) - 0.764 for s in snr_db[rows])
    wanted = (max(first, 1e-3) * 0.25 + max(second, 1e-3) * 4) / 2
    assert task.loss(output, rows).item() == pytest.approx(wanted, rel=1e-4)


def test_the_head_gives_whole_patches_of_every_antenna(task: ChannelEstimation) -> None:
    head = task.head(PRESETS["nano"], (5, 5))
    assert head(torch.zeros(2, 26, 128)).shape == (2, 2, ANTENNAS, ENTRIES)  # 21 x 16 = 336
    with pytest.raises(UsageError, match="16 tokens cannot give 21 patches"):
        task.head(PRESETS["nano"], (4, 4))


def test_least_squares_is_that_of_the_grids_themselves(task: ChannelEstimation) -> None:
    """Of the items, not of what is resized for the encoder."""
    test = task.material.split.test
    answers = task.trivial(test)
    x, y, h, _ = grids(TEST, 1)
    assert len(test) == TEST
    at_pilots = ls_at_pilots(y, x[:, None, PILOTS], PILOTS)
    for name, wanted in (
        ("LS nearest", nearest(at_pilots, PILOTS, SYMBOLS)),
        ("LS linear", linear(at_pilots, PILOTS, SYMBOLS)),
    ):
        flat = wanted.reshape(TEST, ANTENNAS, ENTRIES)
        np.testing.assert_allclose(answers[name][:, 0], flat.real, atol=1e-4)
        np.testing.assert_allclose(answers[name][:, 1], flat.imag, atol=1e-4)
    power = float(np.mean(np.abs(h) ** 2))
    assert task.metrics(answers["zero"], test)["mse"] == pytest.approx(power / 2, rel=1e-4)


def test_lmmse_errs_less_than_least_squares_at_every_snr(task: ChannelEstimation) -> None:
    test = task.material.split.test
    curves = {
        name: {row["snr_db"]: row["mse"] for row in task.metrics(outputs, test)["by_snr"]}
        for name, outputs in task.trivial(test).items()
    }
    assert set(curves["LMMSE"]) == set(np.arange(-10, 20.1, 2.5))
    for snr_db, error in curves["LMMSE"].items():
        assert error < min(curves[name][snr_db] for name in ("LS nearest", "LS linear", "zero"))


@pytest.mark.parametrize(
    ("model", "threshold"),
    [
        ([0.1, 0.1, 0.1], 10.0),  # fallback: 1 at -5 dB, 0.08 at 10 dB, 0.02 at 20 dB
        ([0.1, 0.1, 0.01], 10.0),  # less is lost at 20 dB than is won at 10 dB
        ([0.01, 0.01, 0.01], math.inf),
        ([2.0, 2.0, 2.0], -5.0),
    ],
)
def test_the_back_off_has_the_least_error(model: list[float], threshold: float) -> None:
    order = [2, 0, 1]
    fallback, snr_db = np.array([1.0, 0.08, 0.02]), np.array([-5.0, 10.0, 20.0])
    found = back_off_db(np.array(model)[order], fallback[order], snr_db[order])
    assert found == threshold


def test_the_answer_that_backs_off(task: ChannelEstimation) -> None:
    """Beside a network that says nothing, least squares are taken where their noise is below 1."""
    test = task.material.split.test

    def nothing(rows: Indices) -> Outputs:
        return np.zeros((len(rows), 2, ANTENNAS, ENTRIES + 3), np.float32)

    figures = task.combined(nothing, test)["back-off to LS"]
    alone = task.metrics(task.trivial(test)["LS linear"], test)
    assert -4 < figures["back_off_db"] < 4
    by_snr = list(zip(figures["by_snr"], alone["by_snr"], strict=True))
    assert all(mixed == least for mixed, least in by_snr if least["snr_db"] >= 5)
    assert all(mixed["mse"] < 0.9 for mixed, least in by_snr if least["snr_db"] <= -5)

    def right(rows: Indices) -> Outputs:
        return np.asarray(task.targets(rows))

    assert task.combined(right, test)["back-off to LS"]["back_off_db"] is None


def test_finetune_and_its_section(tmp_path: Path) -> None:
    source = f"channel-estimation:{write(tmp_path / 'set', 40, 8)}"
    arguments = [source, "--task", "channel", "--encoder", "random", "--size", "80"]
    arguments += ["--preset", "nano", "--epochs", "1", "--batch", "8", "--json"]
    app = typer.Typer()
    app.command()(finetune)
    done = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    closing = json.loads(done.stdout)
    assert set(closing["test"]) == {
        "model", "back-off to LS", "zero", "LS nearest", "LS linear", "LMMSE"
    }  # fmt: skip
    run = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))
    assert run["test"]["LMMSE"]["mse"] == -closing["test"]["LMMSE"]
    table, figure = channel_section([run["test"], run["test"]]).parts
    assert isinstance(table, Table) and isinstance(figure, Figure)
    assert [row[0] for row in table.rows] == list(closing["test"])
    drawn = {series["name"]: series["mean"] for series in figure.data["series"]}
    np.testing.assert_allclose(
        drawn["LMMSE"], [row["mse"] for row in run["test"]["LMMSE"]["by_snr"]]
    )


def test_seeds_without_items_of_some_snr() -> None:
    """One of them has items at 0 and 5 dB, the other at 5 dB only."""
    seeds = [
        {"by_snr": [{"snr_db": 0.0, "mse": 0.5}, {"snr_db": 5.0, "mse": 0.1}]},
        {"by_snr": [{"snr_db": 5.0, "mse": 0.3}]},
    ]
    (series,) = channel_curves({"model": seeds}, ()).data["series"]
    assert series["x"] == [0, 5] and series["mean"] == pytest.approx([0.5, 0.2])
    assert series["std"] == pytest.approx([0, 0.1 * math.sqrt(2)])
