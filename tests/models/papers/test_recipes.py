"""The papers' recipes: all that they name exists, and what is missing is said before any work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from radiofm.cli.reproduce import reproduce as command
from radiofm.errors import UsageError
from radiofm_models.datasets.opening import DATASETS
from radiofm_models.material import open_material
from radiofm_models.papers.convlstm import Study, load_study
from radiofm_models.papers.convlstm_forecast import ForecastStudy
from radiofm_models.papers.convlstm_segmentation import SegmentationStudy
from radiofm_models.papers.laboratory import Laboratory
from radiofm_models.papers.plan import Plan, Run, load_plan, names
from radiofm_models.papers.run import KINDS, reproduce
from radiofm_models.protobeam.recipe import load_recipe
from radiofm_models.recipe import PretrainRecipe, TuneRecipe
from radiofm_models.tasks.presets import TASKS, preset
from radiofm_models.vit import PRESETS
from tests.models.tasks.uplink import write
from tests.models.tiny import material, recipe

PLANS = [name for name in names() if not name.startswith(("convlstm", "protobeam"))]
SCALES = ("smoke", "paper")


def used(plan: Plan, run: Run) -> set[str]:
    """The data sets that the rows and columns of a scale name."""
    rows = [row for row in plan.rows if run.rows is None or row.name in run.rows]
    pretrained = {name for row in rows if row.pretrain for name in row.pretrain.data}
    return pretrained | {column.data for column in plan.columns}


@pytest.mark.parametrize("name", PLANS)
def test_what_a_recipe_names_exists(name: str) -> None:
    plan = load_plan(name)
    assert plan.kind in KINDS and plan.rows and all(c.task in TASKS for c in plan.columns)
    named = {row.name for row in plan.rows}
    assert len(named) == len(plan.rows)
    columns = len(plan.columns) or 2  # of table 3, which trains nothing
    assert all(len(row.published) <= columns for row in plan.rows)
    assert len({len(row.published) for row in plan.rows}) == 1
    for run in (plan.smoke, plan.paper):
        assert run.seeds and set(run.rows or ()) <= named
        assert set(run.columns or ()) <= {column.title for column in plan.columns}
        assert used(plan, run) == set(run.data)
        assert set(run.tasks) <= {column.task for column in plan.columns}
        presets = {row.preset for row in plan.rows} | {run.preset or "small"}
        presets |= {row.pretrain.preset for row in plan.rows if row.pretrain}
        assert presets <= set(PRESETS)
        least = {"steps": 1, "batch": 8, "lr": 1e-3}
        kept = {key: value for key, value in run.pretrain.items() if key != "epochs"}
        PretrainRecipe.model_validate(least | {"preset": "small"} | kept)
        for column in plan.columns:
            of_task = run.tune | run.tasks.get(column.task, {}) | column.settings
            for row in plan.rows:
                settings = of_task | row.settings
                kept = {k: v for k, v in settings.items() if k not in ("epochs", "size")}
                TuneRecipe.model_validate(least | dict(preset(column.task).recipe) | kept)
    for wanted in plan.paper.data.values():  # such as ntu-fi-har:FOLDER of NTU-Fi HAR
        public, colon, _ = wanted.partition(":")
        assert not colon or public in DATASETS
    assert plan.smoke.data == {} or all(
        "--count" in arguments for arguments in plan.smoke.data.values()
    )


@pytest.mark.parametrize("scale", SCALES)
def test_the_other_recipes_are_whole(scale: str) -> None:
    both: dict[str, type[Study]] = {
        "convlstm-figure-6": ForecastStudy,
        "convlstm-figures-7-8": SegmentationStudy,
    }
    for name, kind in both.items():
        study = load_study(kind, name, "smoke" if scale == "smoke" else "paper")
        assert study.seeds and study.pretrain.mask_ratio == 0.2
    assert load_recipe("protobeam-table-1", "smoke" if scale == "smoke" else "paper").seeds
    assert set(names()) == {*PLANS, *both, "protobeam-table-1"}


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What each task's metrics hold, of answers that are all nought."""
    root = tmp_path_factory.mktemp("uplink")
    uplink = open_material(
        f"channel-estimation:{write(root / 'set', 30, 10)}", root / "cache", size=(80, 80)
    )
    numbers = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)
    masks = np.zeros((12, 32, 48), np.uint8)
    made = {
        "classification": material([0, 1] * 6, ("a", "b"), classified=True),
        "segmentation": material(masks, ("noise", "lte", "nr")),
        "positioning": material(numbers, channels=5),
        "channel": uplink,
    }
    found = {}
    for name, data in made.items():
        task = preset(name).make(data, recipe())
        rows = data.split.test
        (first, *_) = task.trivial(rows).values()
        found[name] = set(task.metrics(np.zeros_like(first), rows)) | {"epochs"}
    return found | dict.fromkeys(("activity", "signals"), found["classification"])


@pytest.mark.parametrize("name", PLANS)
def test_metrics_are_those_of_their_tasks(name: str, figures: dict[str, set[str]]) -> None:
    assert all(column.metric in figures[column.task] for column in load_plan(name).columns)


NEEDS = {
    "convlstm-figure-6": "--scale paper: give --data rrd=FOLDER, a corpus of 2 ms slices",
    "convlstm-figures-7-8": "--scale paper: give --data rrd=FOLDER, a corpus of 2 ms slices",
    "protobeam-table-1": "--scale paper needs --data beams=FOLDER of DeepBeam's files",
}


@pytest.mark.parametrize("name", sorted({*names()} - {"vit-msm-table-3"}))
def test_the_papers_data_are_asked_for_at_once(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        reproduce(name, "paper", tmp_path / "out", {})
    said = str(raised.value)
    assert "\n" not in said
    if name in NEEDS:
        assert said.startswith(NEEDS[name])
    else:
        assert all(f"--data {key}=... ({what})" in said
                   for key, what in load_plan(name).paper.data.items())  # fmt: skip
    assert not list(tmp_path.rglob("step-*"))


def test_what_is_given_is_not_asked_for() -> None:
    run = load_plan("vit-msm-table-5").paper
    with pytest.raises(UsageError, match=r"needs --data sd=\.\.\. \(nr-lte:FOLDER") as raised:
        Laboratory(Path("x"), "paper", run, {"rrd": "there"})
    assert "rrd" not in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["table-5"], "recipe 'table-5' is unknown: take one of convlstm-figure-6, "),
        (["protobeam-table-9"], "recipe 'protobeam-table-9' is unknown: "),
        (["convlstm"], "recipe 'convlstm' is unknown: "),
        (["vit-msm-table-5", "--data", "air=x"], r"--data air=\.\.\.: this recipe has rrd, sd"),
        (["convlstm-figure-6", "--data", "air=x"], r"--data air=\.\.\.: this recipe has rrd"),
        (["protobeam-table-1", "--data", "air=x"], "this recipe has beams, encoder"),
        (["vit-msm-table-3", "--data", "air=x"], "this recipe has no data"),
        (["few-labels", "--data", "rrd"], "--data rrd: say NAME=SOURCE"),
        (["few-labels", "--data", "rrd="], "--data rrd=: say NAME=SOURCE"),
        (["few-labels", "--data", "rrd=gone"], "gone is no corpus"),
        (["few-labels", "--scale", "full"], "--scale full: few-labels is no bundle"),
        (["zoo-nano", "--scale", "paper"], "--scale paper: zoo-nano is of no paper"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], says: str, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(command)
    with pytest.raises(UsageError, match=says) as raised:
        CliRunner().invoke(app, [*arguments, "--out", str(tmp_path)], catch_exceptions=False)
    assert "\n" not in str(raised.value)
