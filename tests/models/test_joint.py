"""One encoder that learns two tasks in turns: resumed to the bit, frozen where it is to be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from radiofm.errors import RadiofmError, UsageError
from radiofm_models.encoders import Pretrained, load_pretrained, untrained
from radiofm_models.joint import Joint, Lesson, some, train_together, turns
from radiofm_models.material import Material, open_material
from radiofm_models.recipe import JointRecipe
from radiofm_models.reconstruction import reconstruct, reconstruction_metrics
from radiofm_models.tasks.presets import preset
from tests.models.tiny import SPEC, VIT, slice_set

STEPS = 40


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Material]:
    """The same slices twice: as classes, and as masks with the split of the first."""
    folder = tmp_path_factory.mktemp("joint")
    source = str(slice_set(folder / "set"))
    first = open_material(source, folder / "cache", scaling=SPEC)
    masks = open_material(source, folder / "cache", scaling=SPEC, target="mask")
    return {"class": first, "mask": replace(masks, split=first.split)}


def recipe(**settings: Any) -> JointRecipe:
    known = {
        "steps": STEPS, "batch": 8, "lr": 1e-2, "lessons": (), "evaluate_every": 10,
        "checkpoint_every": 10, "gain_db": 3.0,
    }  # fmt: skip
    return JointRecipe.model_validate(known | settings)


def lessons(sets: dict[str, Material], how: JointRecipe) -> list[Lesson]:
    signals = preset("classification").make(sets["class"], how)
    occupancy = preset("occupancy").make(sets["mask"], how)
    both = {"signals": signals, "occupancy": occupancy}
    return [Lesson(sets["class"], both), Lesson(sets["class"])]


def known() -> Pretrained:
    return Pretrained("test", untrained(VIT, 0).model, {"spectrogram": SPEC})


def learnt(sets: dict[str, Material], folder: Path, **settings: Any) -> Joint:
    torch.set_num_threads(1)
    how = recipe(**settings)
    return train_together(known(), lessons(sets, how), how, folder, {"sets": "test"})


def test_both_tasks_are_learnt_by_one_encoder(sets: dict[str, Material], tmp_path: Path) -> None:
    joint = learnt(sets, tmp_path, steps=600)
    (lesson, _) = lessons(sets, recipe())
    assert set(joint.heads) == {"signals", "occupancy"}
    for name, task in lesson.tasks.items():
        rows = task.material.split.test
        score = task.metrics(joint.outputs(name, task, rows), rows)["score"]
        trivial = [task.metrics(out, rows)["score"] for out in task.trivial(rows).values()]
        assert score > min(trivial) + 0.1
    kept = load_pretrained(tmp_path / "encoder")
    assert kept.inputs == {"spectrogram": SPEC}
    for name, value in joint.autoencoder.state_dict().items():
        assert torch.equal(kept.model.state_dict()[name], value)


def test_turns_are_spread_over_a_round() -> None:
    assert turns([1, 1, 1]) == [0, 1, 2]
    assert turns([4, 2, 1]) == [0, 1, 0, 2, 0, 1, 0]
    assert turns([2]) == [0, 0]


def test_some_patches_are_enough_to_learn_from(sets: dict[str, Material], tmp_path: Path) -> None:
    """A head that pools them; one of every pixel is refused."""
    how = recipe(steps=600)
    signals = preset("classification").make(sets["class"], how)
    lesson = Lesson(sets["class"], {"signals": signals}, keep=0.5)
    joint = train_together(known(), [lesson], how, tmp_path, {"sets": "test"})
    rows = sets["class"].split.test
    score = signals.metrics(joint.outputs("signals", signals, rows), rows)["score"]
    trivial = signals.metrics(signals.trivial(rows)["commonest class"], rows)["score"]
    assert score > trivial + 0.1
    with pytest.raises(UsageError, match="head occupancy says something of every pixel"):
        Lesson(sets["mask"], {"occupancy": preset("occupancy").make(sets["mask"], how)}, keep=0.5)


def test_masked_modeling_takes_its_turn(sets: dict[str, Material], tmp_path: Path) -> None:
    """What only a decoder learns by has moved, and what it is worth: slices are filled in."""
    material, start = sets["class"], known()
    joint = learnt(sets, tmp_path, steps=300)
    assert not torch.equal(joint.autoencoder.mask_token, start.model.mask_token)
    test = material.images(material.split.test)
    masked = [
        reconstruction_metrics(test, *reconstruct(m, test, 0.75, 0))["model"]["masked_mse"]
        for m in (start.model, joint.autoencoder)
    ]
    assert masked[1] < 0.5 * masked[0]


def test_a_run_that_was_stopped_is_the_one_that_was_not(
    sets: dict[str, Material], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = learnt(sets, tmp_path / "whole")

    def stopped(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("radiofm_models.joint.load_weights", stopped)
        how = recipe()
        patch.setattr("radiofm_models.trainer.cosine_lr", _until(20))
        train_together(known(), lessons(sets, how), how, tmp_path / "cut", {"sets": "test"})
    resumed = learnt(sets, tmp_path / "cut")
    logs = [(tmp_path / run / "log.jsonl").read_text() for run in ("whole", "cut")]
    assert logs[0] == logs[1] and len(logs[0].splitlines()) == STEPS
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value)


def _until(step: int) -> Any:
    from radiofm_models.trainer import cosine_lr

    def rate(now: int, *more: Any) -> float:
        if now == step:
            raise KeyboardInterrupt
        return cosine_lr(now, *more)

    return rate


def test_a_frozen_encoder_stays_as_it_was(sets: dict[str, Material], tmp_path: Path) -> None:
    before = known().encoder("spectrogram", 1)[0].state_dict()
    joint = learnt(sets, tmp_path, mode="strict")
    for name, value in joint.encoder.state_dict().items():
        assert torch.equal(before[name], value)


def test_another_run_does_not_go_on(sets: dict[str, Material], tmp_path: Path) -> None:
    learnt(sets, tmp_path, steps=2)
    with pytest.raises(RadiofmError, match="another recipe's run"):
        learnt(sets, tmp_path, steps=4)


def test_batches_are_epochs_of_training_items(sets: dict[str, Material]) -> None:
    (lesson, _) = lessons(sets, recipe())
    train = lesson.material.split.train
    turns = [lesson.rows(step, 8, 0) for step in range(-(-len(train) // 8))]
    assert {len(rows) for rows in turns} == {8}
    assert set(np.concatenate(turns).tolist()) == set(train.tolist())
    assert set(some(lesson.material)) <= set(lesson.material.split.validation)
