"""Fine-tuning in every mode, resumed to the bit, and by its command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from radiofm.errors import RadiofmError, UsageError
from radiofm_models import finetuning
from radiofm_models.data import Indices
from radiofm_models.encoders import Pretrained, untrained
from radiofm_models.finetune_run import Wanted, open_task_material, read_run, run
from radiofm_models.finetuning import finetune, judge
from radiofm_models.material import Material, open_material
from radiofm_models.tasks.classification import Classification
from radiofm_models.tasks.presets import preset
from radiofm_models.tuning import Mode
from tests.models.datasets.recordings import note, recording
from tests.models.tiny import SPEC, VIT, material, recipe, slice_set

LORA = {"rank": 2, "alpha": 1.0}


@pytest.fixture(scope="module")
def slices(tmp_path_factory: pytest.TempPathFactory) -> Material:
    folder = tmp_path_factory.mktemp("slices")
    return open_material(str(slice_set(folder / "set")), folder / "cache")


def known() -> Pretrained:
    """An encoder that counts as pretrained on slices like these."""
    made = untrained(VIT, 0)
    return Pretrained("test", made.model, {"spectrogram": SPEC})


@pytest.mark.parametrize("mode", get_args(Mode))
def test_every_mode_trains_its_part_and_no_other(
    mode: Mode, slices: Material, tmp_path: Path
) -> None:
    task = Classification(slices, recipe(mode=mode, lora=LORA, last=1, lr=1e-3))
    start = known().encoder("spectrogram", 1)[0].state_dict()
    tuned = finetune(known(), task, tmp_path)
    state = tuned.tuning.encoder.state_dict()
    moved = {
        name for name, value in start.items() if not torch.equal(value, state.get(name, value))
    }
    parts = {name.split(".")[0] for name in moved}
    expected: dict[Mode, set[str]] = {
        "strict": set(), "attentive": set(), "lora": set(),
        "linear": {"patch_embed", "cls", "norm"},
        "last": {"blocks", "norm"},
        "full": {"patch_embed", "cls", "blocks", "norm"},
        "scratch": {"patch_embed", "cls", "blocks", "norm"},
    }  # fmt: skip
    assert parts == expected[mode] and not tuned.new_tokenizer
    if mode == "last":
        assert {name.split(".")[1] for name in moved if name.startswith("blocks")} == {"2"}
    counted = sum(p.numel() for group in tuned.tuning.groups for p in group["params"])
    assert sum(tuned.tuning.parameters.values()) == counted
    assert ("adapter" in tuned.tuning.parameters) == (mode == "lora")
    assert tuned.record["step"] == 6 and tuned.record["loss_last"] > 0
    figures = judge(tuned, slices.split.test)
    assert set(figures) == {"model", "commonest class"}
    assert figures["commonest class"]["score"] == 0.5


def test_it_learns_what_there_is_to_learn(slices: Material, tmp_path: Path) -> None:
    task = Classification(slices, recipe(mode="full", steps=40, batch=16, evaluate_every=10))
    tuned = finetune(known(), task, tmp_path)
    assert judge(tuned, slices.split.test)["model"]["score"] >= 0.9


class Stopped(Exception):
    """As if the process had been killed."""


class Mortal(Classification):
    """Dies at its fourth loss."""

    left = 4

    def loss(self, output: Tensor, rows: Indices) -> Tensor:
        self.left -= 1
        if not self.left:
            raise Stopped
        return super().loss(output, rows)


@pytest.mark.parametrize("mode", ["strict", "lora", "full"])
def test_a_run_killed_and_resumed_equals_one_that_was_not(
    mode: str, slices: Material, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"mode": mode, "lora": LORA, "checkpoint_every": 2}
    made = recipe(**settings, evaluate_every=3)
    whole = finetune(known(), Classification(slices, made), tmp_path / "whole")
    with pytest.raises(Stopped):
        finetune(known(), Mortal(slices, made), tmp_path / "cut")
    assert [path.name for path in (tmp_path / "cut").glob("step-*")] == ["step-0000002"]
    again = finetune(known(), Classification(slices, made), tmp_path / "cut")
    for where in ("step-0000006", "best"):
        expected, found = (
            load_file(tmp_path / name / where / "model.safetensors") for name in ("whole", "cut")
        )
        assert expected and all(torch.equal(value, found[name]) for name, value in expected.items())
    logs = [(tmp_path / name / "log.jsonl").read_text() for name in ("whole", "cut")]
    assert logs[0] == logs[1] and len(logs[0].splitlines()) == 6
    assert again.record["best"] == whole.record["best"]
    with pytest.raises(RadiofmError, match="holds another recipe's run"):
        other = recipe(**settings, evaluate_every=3, seed=1)
        finetune(known(), Classification(slices, other), tmp_path / "cut")


def test_what_a_frozen_encoder_said_once_is_what_it_says(
    slices: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = Classification(slices, recipe(mode="strict"))
    kept = finetune(known(), task, tmp_path / "kept")
    monkeypatch.setattr(finetuning, "IN_MEMORY", 0)  # nothing fits: it is asked at every step
    asked = finetune(known(), task, tmp_path / "asked")
    rows = slices.split.test
    assert kept.outputs(rows) == pytest.approx(asked.outputs(rows), abs=1e-4)


def test_another_modality_trains_a_new_tokenizer_in_any_mode(tmp_path: Path) -> None:
    data = material([0, 1] * 8, ("a", "b"), classified=True, channels=3)
    tuned = finetune(known(), Classification(data, recipe(mode="strict")), tmp_path)
    assert tuned.new_tokenizer
    assert tuned.tuning.parameters["tokenizer"] == 16 * 16 * 3 * 16 + 16 + 16
    data = material([0, 1] * 8, ("a", "b"), classified=True)
    tuned = finetune(
        untrained(VIT, 0), Classification(data, recipe(mode="strict")), tmp_path / "random"
    )
    assert not tuned.new_tokenizer and set(tuned.tuning.parameters) == {"head"}


@pytest.fixture(scope="module")
def air(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten annotated recordings of four slices: two have a tone, in the lower or upper half."""
    folder = tmp_path_factory.mktemp("air")
    for at in range(10):
        label, low = ("low", 0.0) if at % 2 else ("high", 0.5)
        path = folder / f"r{at}"
        notes = [note(label, 0, 2 * 1600, low, low + 0.5)]
        recording(path, 4, notes, tone=low + 0.25, seed=at)
        quiet = np.random.default_rng(at).normal(0, 200, (2 * 1600, 2)).astype("<i2")
        samples = np.fromfile(path.with_suffix(".sigmf-data"), "<i2").reshape(-1, 2)
        samples[2 * 1600 :] = quiet
        samples.tofile(path.with_suffix(".sigmf-data"))
    return folder


@pytest.mark.parametrize(
    ("task", "labels"),
    [
        ("classification", ["noise", "high", "low"]),
        ("presence", ["high", "low"]),
        ("segmentation", ["noise", "high", "low"]),
    ],
)
def test_annotated_recordings_from_folder_to_report(
    task: str, labels: list[str], air: Path, tmp_path: Path
) -> None:
    small = SPEC.model_copy(update={"window_size": 64, "hop": 64, "fft_size": 64})
    wider = VIT.model_copy(update={"dim": 64, "decoder_dim": 32})
    pretrained = Pretrained("test", untrained(wider, 0).model, {"spectrogram": small})
    wanted = Wanted(task, str(air), "test", settings={"mode": "full", "batch": 8, "lr": 1e-2})
    data = open_task_material(wanted, pretrained, tmp_path / "data")
    assert data.scaling == small and data.size == (32, 48)  # the encoder's own, statistics too
    assert len(data) == 40 and data.dataset.groups is not None
    settings = recipe(mode="full", steps=150, batch=8, lr=3e-3, evaluate_every=50, layer_decay=1)
    one = preset(task).make(data, settings)
    assert list(one.labels) == labels
    tuned = finetune(pretrained, one, tmp_path / "run")
    figures = judge(tuned, data.split.test)
    trivial = max(value["score"] for name, value in figures.items() if name != "model")
    assert figures["model"]["score"] > trivial + 0.1


def test_numbers_of_a_list_by_the_whole_command(tmp_path: Path) -> None:
    lines = ["file,tone"]
    for at in range(8):
        recording(tmp_path / f"air/r{at}", 1, tone=0.1 * at + 0.1, seed=at)
        lines.append(f"r{at},{0.1 * at + 0.1:g}")
    (tmp_path / "air/labels.csv").write_text("\n".join(lines))
    wanted = Wanted(
        "regression", str(tmp_path / "air"), "random", "nano", epochs=1,
        settings={"batch": 4, "mode": "strict", "pooling": "token"},
    )  # fmt: skip
    report = run(wanted, tmp_path / "run")
    assert report["modality"] == "spectrogram" and report["input"]["height"] == 224
    assert set(report["test"]) == {"model", "mean of training"}
    assert report["split"] == {"train": 6, "validation": 1, "test": 1}
    again, about = read_run(tmp_path / "run")
    assert about == json.loads(json.dumps(report)) and again.recipe().mode == "strict"
    assert run(again, tmp_path / "run")["test"] == report["test"]  # finished: nothing is trained


def test_under_torchrun_it_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="run it without torchrun"):
        run(Wanted("classification", "x", "random"), tmp_path)
