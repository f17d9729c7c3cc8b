"""Each kind of recipe from a slice set to its report, and again with nothing left to train."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from radiofm_models.papers import run as module
from radiofm_models.papers.plan import Plan, Pretraining
from radiofm_models.papers.run import reproduce
from tests.models.papers.cut import cut
from tests.models.tiny import slice_set

RANDOM = "random-init, frozen"
Rows = dict[str, list[str]]
Reproduce = Callable[[str, Plan, list[str]], list[Rows]]


@pytest.fixture(scope="module")
def slices(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(slice_set(tmp_path_factory.mktemp("slices") / "set"))


@pytest.fixture
def made(slices: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reproduce:
    """Runs a plan on the slice set, twice; the tables as they are shown, by first column."""

    def tables(name: str, plan: Plan, data: list[str]) -> list[Rows]:
        monkeypatch.setattr(module, "load_plan", lambda asked: plan)
        sources = dict.fromkeys(data, slices)
        folder, report = reproduce(name, "smoke", tmp_path / "runs", sources)
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert {"report.md", "report.html", "report.json"} <= files.keys()
        assert json.loads(files["report.json"])["run"]["seeds"] == [0]

        def fail(*_: Any, **__: Any) -> None:
            raise AssertionError("a step was trained again")

        with monkeypatch.context() as patch:
            patch.setattr(torch.optim.AdamW, "step", fail)
            again, _ = reproduce(name, "smoke", tmp_path / "runs", sources)
        assert {path.name: path.read_bytes() for path in again.iterdir()} == files
        return [{row[0]: row[1:] for row in table.texts()} for table in report.tables()]

    return tables


def test_sizes_to_the_unit(tmp_path: Path) -> None:
    _, report = reproduce("vit-msm-table-3", "smoke", tmp_path, {})
    _, exact = report.tables()
    assert [(row[5], row[9]) for row in exact.rows] == [
        (37_961_728, 6_515_968), (85_254_144, 25_745_664), (302_575_616, 25_876_736),
    ]  # fmt: skip


def test_reconstruction_stands_beside_two_guesses(made: Reproduce) -> None:
    plan = cut("vit-msm-figure-4", {"patch": 16}, ratios=(0.5, 0.75))
    (table,) = made("vit-msm-figure-4", plan, ["rrd"])
    assert list(table) == [
        "ViT-M, pretrained at 75 %", "mean of the frequency row", "mean of the slice",
    ]  # fmt: skip
    assert all(float(row[-1]) > 0 for row in table.values())  # MSE of removed pixels
    assert all(0 <= float(cell) <= 1 for row in table.values() for cell in row[:2])


def test_tuned_heads_stand_beside_an_untrained_encoder_and_trivial_answers(
    made: Reproduce,
) -> None:
    plan = cut("vit-msm-table-5", {"patch": 16}, show=("confusion", "convergence"))
    table, counts = made("vit-msm-table-5", plan, ["rrd", "sd"])
    ours = {"ViT-S, mask 75 %", "ViT-S, scratch", RANDOM}
    assert ours < table.keys() and any("pixel" in name or "all" in name for name in table)
    head, scratch, random = (counts[n] for n in ("ViT-S, mask 75 %", "ViT-S, scratch", RANDOM))
    assert head == random and int(scratch[0].replace(",", "")) > int(head[0].replace(",", ""))


def test_few_labels_are_tried_three_ways(made: Reproduce) -> None:
    plan = cut("few-labels", {"patch": 16}, shots=(1,), per_class=6)
    (table,) = made("few-labels", plan, ["rrd"])
    assert list(table) == ["pretrained, frozen", "commonest class", RANDOM]
    assert table["commonest class"] == ["50.0 ± 0.0%", "–", "–"]  # asked once a row
    assert all(cell.endswith("%") for cell in table[RANDOM])


def test_loras_front_has_a_point_for_each_rank_and_alpha(made: Reproduce) -> None:
    name, data = "wavesfm-figure-8", ("rf-s",)
    plan = cut(name, {"patch": 16, "ranks": (1, 4), "alphas": (1.0, 8.0)})
    rows = tuple(
        row.model_copy(update={"pretrain": Pretraining(data=data)}) if row.pretrain else row
        for row in plan.rows
    )
    (table,) = made(name, plan.model_copy(update={"rows": rows}), ["rf-s", "signals"])
    assert list(table) == [
        "LoRA, rank 1, alpha 1", "LoRA, rank 4, alpha 1", "LoRA, rank 1, alpha 8",
        "LoRA, rank 4, alpha 8", "last two blocks", "ViT-SL",
    ]  # fmt: skip
    head = 2 * 128 + 2  # of two labels
    assert table["LoRA, rank 4, alpha 8"][0] == f"{4 * 128 * 4 * 6 + head:,}"
