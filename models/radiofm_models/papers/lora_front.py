"""WavesFM, Fig. 8: accuracy against trained parameters, by rank and alpha of LoRA."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radiofm_models.papers.laboratory import Laboratory
from radiofm_models.papers.plan import Plan
from radiofm_models.report import (
    Cell,
    Column,
    LoraPoint,
    Measured,
    Part,
    Reference,
    Section,
    Table,
    lora_front,
)

WITHIN = 0.01  # of the last two blocks' score
SHARE = 0.25  # of their parameters


def sections(plan: Plan, lab: Laboratory) -> list[Section]:
    """All ranks and alphas on the first row's encoder; the other rows stand beside them."""
    adapted, *others = [r for r in plan.rows if lab.run.rows is None or r.name in lab.run.rows]
    (column,) = plan.columns
    points = []
    for alpha in lab.run.alphas:
        for rank in lab.run.ranks:
            lora = {"rank": rank, "alpha": alpha}
            runs = [lab.tuned(adapted, column, s, mode="lora", lora=lora) for s in lab.run.seeds]
            points.append(
                LoraPoint(
                    rank, alpha, _parameters(runs[0].tuned.tuning.parameters),
                    Measured.over([run.figures[column.metric] for run in runs]),
                )
            )  # fmt: skip
    references = []
    for row in others:
        runs = [lab.tuned(row, column, seed) for seed in lab.run.seeds]
        references.append(
            Reference(
                row.name, Measured.over([run.figures[column.metric] for run in runs]),
                _parameters(runs[0].tuned.tuning.parameters),
            )
        )  # fmt: skip
    rows: list[list[Cell]] = [
        [f"LoRA, rank {p.rank}, alpha {p.alpha:g}", p.parameters, p.accuracy] for p in points
    ]
    rows += [[r.name, r.parameters, r.accuracy] for r in references]
    columns = [Column("model"), Column("trained parameters"), Column(column.title, ".3f", "max")]
    parts: list[Part] = [plan.about] if plan.about else []
    parts += [
        Table(plan.title, columns, rows, f"Paper: {plan.source}, a figure without numbers."),
        lora_front(f"{column.title} by LoRA's rank and alpha", points, references),
        _verdict(points, references),
    ]
    return [Section(plan.title, parts)]


def _parameters(by_part: Mapping[Any, int]) -> int:
    return sum(by_part.values())


def _verdict(points: list[LoraPoint], references: list[Reference]) -> str:
    """Whether LoRA keeps up with the last two blocks, the first reference, at a quarter."""
    last = references[0]
    assert last.parameters is not None
    small = [p for p in points if p.parameters < SHARE * last.parameters]
    if not small:
        return f"No rank has less than {SHARE:.0%} of the {last.parameters:,} parameters."
    best = max(small, key=lambda p: p.accuracy.mean)
    gap = last.accuracy.mean - best.accuracy.mean
    return (
        f"Of those with less than {SHARE:.0%} of the parameters of {last.name}, rank {best.rank} "
        f"and alpha {best.alpha:g} is best: {best.accuracy.mean:.1%} with {best.parameters:,} "
        f"parameters against {last.accuracy.mean:.1%} with {last.parameters:,}, " + _behind(gap)
    )


def _behind(gap: float) -> str:
    if gap <= 0:
        return "not behind."
    if gap <= WITHIN:
        return f"{gap:.1%} behind: within one point."
    return f"{gap:.1%} behind: more than one point."
