"""Every recipe of a paper runs from nothing to its report: `make soak`.

At smoke scale, cut down: the simulator makes a few items of each set, and a step or two are
trained. That it runs is the matter; what comes of it is nothing.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from radiofm_models.papers import convlstm
from radiofm_models.papers import run as papers
from radiofm_models.papers.convlstm import Air, load_study
from radiofm_models.papers.convlstm_segmentation import Frames
from radiofm_models.papers.plan import names
from radiofm_models.papers.run import reproduce
from radiofm_models.protobeam import run as protobeam
from radiofm_models.recipe import Schedule
from tests.models.papers.cut import cut
from tests.models.protobeam.test_run import tiny

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1200)]

COUNTS = {  # items that a set cannot do without
    "scenes": 240, "families": 160, "csi": 96, "positioning": 160, "nr-lte": 24,
    "channel-estimation": 40,
}  # fmt: skip


def least_data(data: dict[str, str]) -> dict[str, str]:
    """Arguments of `radiofm simulate` for as many items."""
    made = {}
    for name, arguments in data.items():
        count = COUNTS[arguments.split()[0]]
        made[name] = re.sub(r"--count \d+", f"--count {count}", arguments)
    return made


def least_study(kind: Any, name: str, scale: str) -> Any:
    """A ConvLSTM recipe of two steps, on recordings that only just have a sentence."""
    study = load_study(kind, name, "smoke")
    few = {"steps": 2, "batch": 2}
    tune = Schedule.model_validate(study.tune.model_dump() | few)
    update: dict[str, Any] = {
        "seeds": (0,),
        "air": Air(recordings=4, seconds=0.1, seed=1, fractions="0.5,0.25,0.25"),
        "pretrain": study.pretrain.model_copy(update=few), "tune": tune,
    }  # fmt: skip
    if name == "convlstm-figures-7-8":
        update["frames"] = Frames(train=12, test=4, seed=1)
    return study.model_copy(update=update)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recipes share their sets and encoders."""
    return tmp_path_factory.mktemp("runs")


@pytest.mark.parametrize("name", names())
def test_it_runs_to_its_report(name: str, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if name.startswith("convlstm"):
        monkeypatch.setattr(convlstm, "load_study", least_study)
    elif name.startswith("protobeam"):
        monkeypatch.setattr(protobeam, "load_recipe", lambda name, scale: tiny())
        monkeypatch.setattr("radiofm_models.papers.protobeam.load_recipe", lambda *_: tiny())
    else:
        plan = cut(name, {})
        smoke: dict[str, Any] = {"data": least_data(plan.smoke.data)}
        if plan.smoke.ranks:
            smoke |= {"ranks": plan.smoke.ranks[:2], "alphas": plan.smoke.alphas[:1]}
        plan = cut(name, smoke, per_class=2, shots=(1,))
        monkeypatch.setattr(papers, "load_plan", lambda asked: plan)
    folder, report = reproduce(name, "smoke", out, {})
    assert report.tables() and all(table.rows for table in report.tables())
    written = json.loads((folder / "report.json").read_text())
    assert written["run"]["command"] == f"radiofm reproduce {name} --scale smoke"
    assert {"report.md", "report.html"} <= {path.name for path in folder.iterdir()}
