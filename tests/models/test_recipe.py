"""Recipes of shipped bundles."""

from __future__ import annotations

import shlex

import pytest

from radiofm.errors import UsageError
from radiofm_models.recipe import bundles, load_recipe
from radiofm_models.tasks.presets import preset


@pytest.mark.parametrize("scale", ["full", "smoke"])
@pytest.mark.parametrize("name", bundles())
def test_every_recipe_can_be_read_and_fits_itself(name: str, scale: str) -> None:
    recipe = load_recipe(name, "full" if scale == "full" else "smoke")
    assert f"zoo-{recipe.name}" == name and recipe.pretrain.preset == recipe.name
    used = {*recipe.pretrain_on, *(one.set for one in recipe.joint.lessons)}
    used |= {one.set for one in recipe.heads}
    assert used == set(recipe.data) == set(recipe.test)
    for lesson in recipe.joint.lessons:
        assert all(preset(task) for task in lesson.heads.values())
    seeds = [_seed(text) for text in (*recipe.data.values(), *recipe.test.values())]
    assert len(set(seeds)) == len(seeds)  # no slice that is tested on was learnt from


def _seed(arguments: str) -> int:
    words = shlex.split(arguments)
    return int(words[words.index("--seed") + 1])


def test_tiny_is_nano_but_for_its_size() -> None:
    nano, tiny = load_recipe("zoo-nano", "full"), load_recipe("zoo-tiny", "full")
    assert tiny.data == nano.data and tiny.joint.lessons == nano.joint.lessons
    assert tiny.pretrain.steps != nano.pretrain.steps
    assert tiny.pretrain.lr == nano.pretrain.lr


def test_a_recipe_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="'zoo-huge' is unknown: take one of zoo-nano, zoo-tiny"):
        load_recipe("zoo-huge", "full")
