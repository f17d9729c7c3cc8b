"""Episodes: what is drawn, how fast is learnt, and that a run resumes to the bit."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from radiofm.errors import UsageError
from radiofm_models.protobeam.blocks import Blocks
from radiofm_models.protobeam.densenet import DenseNet, DenseNetConfig
from radiofm_models.protobeam.episodes import (
    EpisodeRecipe,
    Episodes,
    train_by_episodes,
    train_supervised,
)
from radiofm_models.protobeam.evaluation import accuracies, computed, without_shots
from radiofm_models.protobeam.inputs import IqInputs
from radiofm_models.protobeam.supervised import Classifier
from tests.models.protobeam.toy import tones

SMALL = DenseNetConfig(
    growth=4, blocks=(1, 1), first=8, dim=8, kernel=(8, 2), stride=(4, 2), padding=(0, 3)
)
RECIPE = EpisodeRecipe(
    ways=3, support=2, query=2, epochs=4, steps=5, milestones=(3,), lr=0.01, checkpoint_every=7
)


def test_an_episode_is_of_its_classes_and_repeats_no_block() -> None:
    classes = np.repeat(np.arange(5), 6)
    episodes = Episodes(classes, RECIPE, seed=1)
    seen = set()
    for step in range(50):
        rows = episodes.rows(step)
        assert rows.shape == (3, 4) and len(np.unique(rows)) == 12
        assert (classes[rows] == classes[rows[:, :1]]).all()
        assert len(np.unique(classes[rows[:, 0]])) == 3
        seen |= set(classes[rows[:, 0]])
    assert seen == set(range(5))


def test_an_episode_depends_on_seed_and_step_alone() -> None:
    classes = np.repeat(np.arange(5), 6)
    one, same = (Episodes(classes, RECIPE, seed=1) for _ in range(2))
    forward = [one.rows(step) for step in range(4)]
    np.testing.assert_array_equal(forward[::-1], [same.rows(step) for step in (3, 2, 1, 0)])
    assert not np.array_equal(one.rows(0), one.rows(1))
    assert not np.array_equal(one.rows(0), Episodes(classes, RECIPE, seed=2).rows(0))


@pytest.mark.parametrize(
    ("classes", "message"),
    [([0] * 9 + [1] * 9, "ways 3: there are 2"), ([0, 1, 2] * 3, "takes 4 blocks .* but 3")],
)
def test_too_few_to_draw(classes: list[int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Episodes(np.array(classes), RECIPE, seed=0)


def test_the_papers_schedule() -> None:
    """110 epochs of 86,400 / 64 episodes; a tenth after 50, and again after 80."""
    paper, blocks = EpisodeRecipe(), 86_400
    schedule, rate = paper.schedule(blocks, seed=0), paper.rate(blocks)
    assert (paper.ways, paper.batch, schedule.steps) == (8, 64, 110 * 1350)
    found = [rate(epoch * 1350 + step) for epoch in (0, 49, 50, 79, 80, 109) for step in (0, 1349)]
    expected = [1e-3] * 4 + [1e-4] * 4 + [1e-5] * 4
    assert found == pytest.approx(expected)


def test_a_run_killed_and_resumed_is_the_run_that_was_not(tmp_path: Path) -> None:
    material = tones()
    inputs = IqInputs(material.train.iq, True, True)

    def trained(folder: str, stops: tuple[int | None, ...]) -> DenseNet:
        for stop in stops:
            torch.manual_seed(0)
            network = DenseNet(SMALL)
            train_by_episodes(
                network, inputs, material.train.classes, RECIPE, True, 1, tmp_path / folder, {},
                "toy", stop,
            )  # fmt: skip
        return network

    whole, parts = trained("whole", (None,)), trained("parts", (9, None))
    for name, value in whole.state_dict().items():
        assert torch.equal(value, parts.state_dict()[name]), name


def test_episodes_learn_what_does_not_carry_over_by_classes(tmp_path: Path) -> None:
    """Tones of six frequencies; in the other domain they are six others."""
    material = tones()
    train, inputs = material.train, IqInputs(material.train.iq, True, True)
    recipe = RECIPE.model_copy(update={"ways": 6, "epochs": 16, "milestones": (12,)})

    def network() -> DenseNet:
        torch.manual_seed(0)
        return DenseNet(SMALL)

    def values(of: nn.Module, blocks: Blocks) -> Any:
        return computed(of, IqInputs(blocks.iq, True, False), len(blocks), of)

    episodic = network()
    train_by_episodes(
        episodic, inputs, train.classes, recipe, True, 1, tmp_path / "episodes", {}, "toy"
    )
    figures = accuracies(partial(values, episodic), material, (2,), True)
    assert figures["TTSA 2-shot"] > 0.9 and figures["TOTA 2-shot"] > 0.7

    supervised = Classifier(network(), SMALL.dim, 6)
    train_supervised(supervised, inputs, train.classes, recipe, 1, tmp_path / "classes", {}, "toy")
    known = without_shots(lambda blocks: values(supervised, blocks).argmax(axis=1), material)
    assert known["TTSA 0-shot"] > 0.9
    assert known["TOTA 0-shot"] < figures["TOTA 2-shot"] - 0.05
