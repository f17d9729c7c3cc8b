"""Pretraining: schedule, and a resumed run that is the uninterrupted one to the bit."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from radiofm.errors import RadiofmError
from radiofm.spectrogram import Image, SpectrogramSpec
from radiofm_models.checkpoint import latest_checkpoint
from radiofm_models.data import Indices
from radiofm_models.material import Loaded
from radiofm_models.msm import MaskedAutoencoder
from radiofm_models.pretrain import Batches, adamw
from radiofm_models.pretrain import pretrain as pretrain_sets
from radiofm_models.recipe import PretrainRecipe, load_recipe
from radiofm_models.trainer import cosine_lr, report
from radiofm_models.world import World

RECIPE = load_recipe("zoo-nano", "smoke").pretrain.model_copy(
    update={"steps": 6, "batch": 4, "checkpoint_every": 2}
)
SPEC = SpectrogramSpec(height=32, width=48)
IMAGES = np.random.default_rng(0).normal(size=(10, 1, 32, 48)).astype(np.float32)
ALONE = World(0, 1, torch.device("cpu"))


def pretrain(
    images: Image, spec: SpectrogramSpec, recipe: PretrainRecipe, folder: Path, **more: Any
) -> tuple[MaskedAutoencoder, dict[str, Any]]:
    return pretrain_sets({"spectrogram": Loaded(images, spec)}, recipe, folder, ALONE, **more)


def test_resume_to_the_bit(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    whole, record = pretrain(IMAGES, SPEC, RECIPE, tmp_path / "whole")
    pretrain(IMAGES, SPEC, RECIPE, tmp_path / "cut", stop_at=3)
    resumed, again = pretrain(IMAGES, SPEC, RECIPE, tmp_path / "cut")
    for name, weight in whole.state_dict().items():
        assert torch.equal(weight, resumed.state_dict()[name]), name
    assert record["step"] == again["step"] == RECIPE.steps
    assert record["loss_first"] == again["loss_first"]
    logs = [(tmp_path / run / "log.jsonl").read_text() for run in ("whole", "cut")]
    assert logs[0] == logs[1] and len(logs[0].splitlines()) == RECIPE.steps
    saved = latest_checkpoint(tmp_path / "cut")
    assert saved is not None and saved.name == "step-0000006"
    stored = load_file(saved / "model.safetensors")
    assert torch.equal(stored["encoder.cls"], whole.encoder.cls)


def test_waiting_for_data_is_told_over_all_of_a_run(tmp_path: Path) -> None:
    class Slow(Loaded):
        def images(self, rows: Indices | slice) -> Image:
            time.sleep(0.05)
            return super().images(rows)

    for stop_at in (3, None):
        slow = {"spectrogram": Slow(IMAGES, SPEC)}
        _, record = pretrain_sets(slow, RECIPE, tmp_path / "slow", ALONE, stop_at=stop_at)
    assert 0.05 * RECIPE.steps <= record["waited_s"] < record["steps_s"] < record["wall_s"]
    assert report(record)["waited"] == round(record["waited_s"] / record["steps_s"], 4)
    _, quick = pretrain(IMAGES, SPEC, RECIPE, tmp_path / "quick")
    assert report(quick)["waited"] < report(record)["waited"]


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    pretrain(IMAGES, SPEC, RECIPE, tmp_path, stop_at=2)
    (tmp_path / "step-0000002" / "model.safetensors").write_bytes(b"\x00" * 20)
    with pytest.raises(RadiofmError, match="step-0000002.*train it anew"):
        pretrain(IMAGES, SPEC, RECIPE, tmp_path)


def test_another_recipe_does_not_go_on(tmp_path: Path) -> None:
    pretrain(IMAGES, SPEC, RECIPE, tmp_path, stop_at=2)
    with pytest.raises(RadiofmError, match="another recipe"):
        pretrain(IMAGES, SPEC, RECIPE.model_copy(update={"lr": 0.1}), tmp_path)


def test_every_epoch_visits_each_slice_once_in_a_new_order() -> None:
    """Slices are told apart by their constant value (rolls and flips do not change it)."""
    images = np.broadcast_to(np.arange(12, dtype=np.float32)[:, None, None, None], (12, 1, 32, 48))
    recipe = RECIPE.model_copy(update={"batch": 4, "gain_db": 0.0})
    batches = Batches({"spectrogram": Loaded(images, SPEC)}, recipe, ALONE)
    seen = [batches(step)[0][:, 0, 0, 0].tolist() for step in range(6)]
    first, second = sum(seen[:3], []), sum(seen[3:], [])
    assert sorted(first) == sorted(second) == list(range(12))
    assert first != second


def test_schedule_and_decay_groups() -> None:
    rates = [cosine_lr(step, 100, 1.0, 0.05) for step in range(100)]
    assert rates[0] == 0.2 and rates[4] == 1.0 == max(rates)
    assert all(a >= b for a, b in zip(rates[4:], rates[5:], strict=False))
    assert rates[-1] < 0.001
    layer = torch.nn.Linear(3, 2)
    groups = adamw(layer, 1e-3, (0.9, 0.95), 0.05).param_groups
    assert [(len(g["params"]), g["weight_decay"]) for g in groups] == [(1, 0.05), (1, 0.0)]
