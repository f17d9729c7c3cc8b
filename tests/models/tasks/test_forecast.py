"""Forecasts on the shared encoder, from recordings to what a service answers.

A tone steps through four places of the band, one step a slice: who holds what was last is wrong.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from radiofm.bundle import load_bundle
from radiofm.bus import Publisher, Subscriber
from radiofm.cli import commands
from radiofm.corpus.build import build
from radiofm.corpus.split import split
from radiofm.errors import UsageError
from radiofm.spectrogram import SpectrogramSpec
from radiofm.wire import ResultHeader, arrays, masks
from radiofm_models.datasets.annotated import Annotated
from radiofm_models.evaluation.run import evaluate
from radiofm_models.export import TOLERANCE
from radiofm_models.finetune_run import read_run, tune_in
from radiofm_models.finetuning import Tuned
from radiofm_models.heads import forecast_head
from radiofm_models.material import Material, open_material
from radiofm_models.pretrain_run import run as pretrain
from radiofm_models.recipe import PretrainRecipe
from radiofm_models.tasks.forecast import Forecast
from radiofm_models.tasks.own import name_of
from radiofm_models.tasks.segmentation import Segmentation
from radiofm_models.vit import PRESETS
from tests.models.tiny import VIT, recipe
from tests.test_one_bundle import ended, published

RATE, CENTER = 384e3, 1e9
SPEC = SpectrogramSpec(window_size=64, hop=64, fft_size=64, height=32, width=96)
SLICE = SPEC.slice_samples(RATE)
GRID = (2, 6)
SMALL = VIT.model_copy(update={"dim": 64, "heads": 4, "decoder_dim": 32})
RECORDINGS, SLICES = 10, 6
TASKS = ("forecast", "occupancy-forecast")
Command = Callable[..., dict[str, Any]]


def stepping(path: Path, slices: list[int], seed: int) -> None:
    """A recording in captures of so many slices, a second apart; the tone is annotated."""
    rng = np.random.default_rng(seed)
    first, n = int(rng.integers(4)), np.arange(SLICE)
    captures, notes = [], []
    parts: list[Any] = []
    for number, count in enumerate(slices):
        captures.append(
            {"core:sample_start": SLICE * len(parts), "core:frequency": CENTER,
             "core:datetime": f"2026-01-01T00:00:{number:02d}.000000Z"}
        )  # fmt: skip
        for _ in range(count):
            place = 0.125 + 0.25 * ((first + len(parts)) % 4)
            phase = 2 * np.pi * (place - 0.5) * n
            iq = rng.normal(0, 0.003, (SLICE, 2))
            iq += 0.3 * np.stack([np.cos(phase), np.sin(phase)], axis=1)
            low, high = (CENTER + (place + side - 0.5) * RATE for side in (-0.05, 0.05))
            notes.append(
                {"core:sample_start": SLICE * len(parts), "core:sample_count": SLICE,
                 "core:freq_lower_edge": low, "core:freq_upper_edge": high, "core:label": "tone"}
            )  # fmt: skip
            parts.append((iq * 32768).astype("<i2"))
    np.concatenate(parts).tofile(path.with_suffix(".sigmf-data"))
    known = {"core:datatype": "ci16_le", "core:sample_rate": RATE, "core:version": "1.2.0"}
    meta = {"global": known, "captures": captures, "annotations": notes}
    path.with_suffix(".sigmf-meta").write_text(json.dumps(meta))


def corpus(folder: Path, slices: list[int], count: int = RECORDINGS) -> Path:
    folder.mkdir()
    for number in range(count):
        stepping(folder / f"r{number}", slices, number)
    build(folder, SPEC, workers=1)
    split(folder, fractions=(0.6, 0.2, 0.2))
    return folder


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """The preset nano, smaller: its graphs are exported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "nano", SMALL)
        yield


@pytest.fixture(scope="module")
def command() -> Command:
    """A command's closing line."""
    app = typer.Typer()
    commands.register(app)

    def invoke(*arguments: str) -> dict[str, Any]:
        done = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    return invoke


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, command: Command) -> Path:
    """A corpus, an encoder that has seen a little of it, and a head of each task on it."""
    folder = tmp_path_factory.mktemp("made")
    air = str(corpus(folder / "air", [SLICES]))
    pretrain([air], folder / "encoder", PretrainRecipe(steps=2, batch=8, lr=1e-3, preset="nano"))
    for task in TASKS:
        closing = command(
            "finetune", air, "--task", task, "--encoder", str(folder / "encoder"), "--epochs", "40",
            "--batch", "8", "--lr", "3e-3", "--out", str(folder / task),
        )  # fmt: skip
        assert closing["task"] == task
    return folder


def tuned(folder: Path) -> Tuned:
    return tune_in(read_run(folder)[0], folder)[0]


def air(made: Path) -> Material:
    return open_material(str(made / "air"), made / "forecast" / "data").followed()


def test_items_are_those_that_go_on(made: Path, tmp_path: Path) -> None:
    whole = open_material(str(made / "air"), made / "forecast" / "data")
    material = whole.followed()
    kept = np.concatenate([material.split.train, material.split.validation, material.split.test])
    assert len(kept) == RECORDINGS * (SLICES - 1)
    assert (kept % SLICES != SLICES - 1).all()
    for part in ("train", "validation", "test"):
        assert set(getattr(material.split, part)) < set(getattr(whole.split, part))
    parted = open_material(str(corpus(tmp_path / "parted", [2, 3])), tmp_path).followed()
    assert set(np.unique(parted.split.train % 5)) == {0, 2, 3}  # none goes over the gap


def test_what_is_to_be_foretold_is_the_beginning_of_the_next(made: Path) -> None:
    task = Forecast(air(made), recipe())
    head = task.head(VIT, GRID)
    rows = task.material.split.test
    targets = task.targets(rows)
    assert targets.shape == (len(rows), 1, 32, 64)
    assert np.array_equal(targets, task.images(rows + 1)[..., :64])
    output = head(torch.randn(len(rows), 13, 16))
    assert output.shape == targets.shape
    expected = float(((output.detach().numpy() - targets) ** 2).mean())
    assert task.loss(output, rows).item() == pytest.approx(expected, rel=1e-5)
    figures = task.metrics(targets, rows)
    assert figures["mse"] == figures["score"] == 0 and figures["f1"] == 1
    assert len(figures["ahead"]) == 4
    assert figures["blocks"][0]["mhz"] == RATE / 2e6
    assert {name: answer.shape for name, answer in task.trivial(rows).items()} == dict.fromkeys(
        ("persistence", "row mean", "training mean"), targets.shape
    )


def test_a_narrow_slice_foretells_as_many_columns_as_it_has() -> None:
    head = forecast_head(VIT, (2, 3), 2, 3)
    assert head(torch.randn(5, 7, 16)).shape == (5, 2, 32, 48)


def test_a_patch_to_come_is_told_by_a_token_of_its_frequency() -> None:
    head = forecast_head(VIT, GRID, 1, 4)
    head.body.blocks = torch.nn.ModuleList()  # each token for itself
    tokens = torch.randn(1, 13, 16, requires_grad=True)
    head(tokens)[0, 0, 16:, 16:32].sum().backward()  # second row of patches, second column
    assert tokens.grad is not None
    (told,) = tokens.grad[0].abs().sum(dim=1).nonzero().flatten().tolist()
    assert told == 1 + 6 + 3


def test_the_tone_is_foretold(made: Path) -> None:
    about = read_run(made / "forecast")[1]
    test = about["test"]
    best = min(test[name]["mse"] for name in ("persistence", "row mean", "training mean"))
    assert test["model"]["mse"] < best / 2
    assert test["model"]["f1"] > max(test[name]["f1"] for name in test if name != "model")
    assert about["split"]["test"] % (SLICES - 1) == 0
    occupied = read_run(made / "occupancy-forecast")[1]["test"]
    assert (
        occupied["model"]["miou"]
        > 0.7
        > max(occupied[name]["miou"] for name in occupied if name != "model")
    )


def test_the_report(made: Path) -> None:
    folder = made / "forecast"
    report = evaluate(folder, folder / "report", "radiofm evaluate", "a machine")
    whole, errors, *blocks = report.tables()
    names = ["model", "random-init, frozen", "persistence", "row mean", "training mean"]
    assert [row[0] for row in whole.rows] == [row[0] for row in errors.rows] == names
    test = read_run(folder)[1]["test"]
    assert list(errors.rows[0][1:]) == test["model"]["ahead"]
    assert len(blocks) == len(test["model"]["blocks"])
    assert [figure.caption[:11] for figure in report.figures()][:2] == [
        "Probability",
        "Test slices",
    ]


def test_both_are_served_from_one_bundle(made: Path, command: Command, tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    closing = command("export", *(str(made / task) for task in TASKS), "--out", str(out))
    assert max(closing["parity"].values()) <= TOLERANCE
    bundle = load_bundle(out)
    assert [head.task for head in bundle.manifest.heads] == ["forecast", "segmentation"]
    slices, results = (f"ipc://{tmp_path}/{name}" for name in ("slice", "result"))
    service = subprocess.Popen(
        [sys.executable, "-m", "radiofm", "infer", "--json", "--bundle", str(out), "--slices",
         slices, "--results", results, "--control", f"ipc://{tmp_path}/control", "--policy",
         "lossless", "--readers", "1"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    reader = Subscriber([results], ["result"], message_bytes=1 << 16)
    publisher = Publisher(slices, message_bytes=1 << 16, lossless=True)
    assert publisher.wait_for_subscribers("slice", 1, 30)
    heads = {task: tuned(made / task) for task in TASKS}
    row = heads["forecast"].task.material.split.test[:1]
    image = heads["forecast"].task.images(row)
    published(publisher, "spectrogram", image[0, 0], bundle.manifest.spec.hash)
    message = reader.receive(30)
    assert message is not None and isinstance(message.header, ResultHeader)
    foretold = arrays(message)["forecast"]
    assert np.abs(foretold - heads["forecast"].outputs(row)[0]).max() <= TOLERANCE
    occupied = heads["occupancy-forecast"].outputs(row)[0].argmax(axis=0)
    assert (masks(message)["occupancy-forecast"] == occupied).mean() > 0.99
    ended(publisher)
    report = json.loads(service.communicate(timeout=30)[0])
    assert (service.returncode, report["slices_inferred"]) == (0, 1)
    reader.close()
    publisher.close()


def test_occupancy_is_of_the_next_slice(made: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"target": "mask", "spec": SPEC}
    material = open_material(str(made / "air"), tmp_path, **options).followed()
    seen, to_come = (Segmentation(material, recipe(), binary=True, ahead=n) for n in (0, 1))
    rows = material.split.train
    assert np.array_equal(to_come.masks(rows), seen.masks(rows + 1))
    assert not np.array_equal(to_come.masks(rows), seen.masks(rows))


def test_annotated_slices_follow_within_a_capture(tmp_path: Path) -> None:
    for number in range(2):
        stepping(tmp_path / f"r{number}", [2, 3], number)
    follows = Annotated(tmp_path, "mask", SPEC).follows
    assert follows is not None and follows.tolist() == [False, True, False, True, True] * 2


def test_a_forecast_is_a_convlstms_where_the_encoder_is_one(made: Path) -> None:
    assert name_of("forecast", "random", "small") == "forecast"
    assert name_of("forecast", "random", "convlstm") == "convlstm-forecast"
    assert name_of("forecast", str(made / "encoder"), "small") == "forecast"
    assert name_of("signals", "random", "convlstm") == "signals"


def test_single_slices(command: Command, tmp_path: Path) -> None:
    random = ("--task", "forecast", "--encoder", "random", "--preset", "nano", "--out")
    single = str(corpus(tmp_path / "single", [1, 1]))
    with pytest.raises(UsageError, match="have 0, 0, 0 items that another goes on from: record"):
        command("finetune", single, *random, str(tmp_path / "run"))
