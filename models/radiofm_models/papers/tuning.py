"""A table of fine-tuned heads: encoders by row, tasks by column; and the figures of some cells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from radiofm_models.papers.laboratory import Laboratory, Result
from radiofm_models.papers.plan import Figures, Plan, Row, measured
from radiofm_models.report import (
    Cell,
    Column,
    Measured,
    Part,
    Section,
    Series,
    beside_paper,
    channel_curves,
    channel_table,
    confusion_matrices,
    curves,
    error_distribution,
)

RANDOM = "random-init, frozen"

Results = dict[str, dict[str, list[Result]]]  # by row, by column, a seed each


def sections(plan: Plan, lab: Laboratory) -> list[Section]:
    """Run every cell at every seed, then the table and what `plan.show` asks for."""
    rows = [row for row in plan.rows if lab.run.rows is None or row.name in lab.run.rows]
    columns = [c for c in plan.columns if lab.run.columns is None or c.title in lab.run.columns]
    sizes = rows[0].pretrain.preset if rows[0].pretrain else rows[0].preset
    baseline = Row(name=RANDOM, preset=sizes, settings={"mode": "strict"})
    results: Results = defaultdict(dict)
    for row in [*rows, baseline]:
        for column in columns:
            results[row.name][column.title] = [
                lab.tuned(row, column, seed) for seed in lab.run.seeds
            ]
    parts: list[Part] = [plan.about] if plan.about else []
    parts += [_table(plan, lab, results, columns), _trained(results, columns)]
    for show in plan.show:
        parts += {
            "confusion": _confusions, "convergence": _convergence, "errors": _errors, "snr": _snr,
        }[show](results, columns)  # fmt: skip
    return [Section(plan.title, parts)]


def _table(plan: Plan, lab: Laboratory, results: Results, columns: list[Figures]) -> Part:
    places = [plan.columns.index(column) for column in columns]
    paper: dict[str, list[Cell]] = {
        row.name: [measured(row.published[p]) if p < len(row.published) else None for p in places]
        for row in plan.rows
    }
    ours: dict[str, list[Cell]] = {
        name: [_over(cells[c.title], c.metric) for c in columns] for name, cells in results.items()
    }
    some = next(iter(results.values()))
    for at, column in enumerate(columns):  # what no network answered, the same for all rows
        for name in some[column.title][0].trivial:
            values = [r.trivial[name].get(column.metric) for r in some[column.title]]
            known = [v for v in values if v is not None]
            row = ours.setdefault(name, [None] * len(columns))
            row[at] = Measured.over(known) if known else None
    heads = [Column(c.title, c.format, c.best) for c in columns]
    return beside_paper(plan.title, plan.source, "model", heads, paper, ours, lab.scale)


def _over(results: list[Result], metric: str) -> Measured | None:
    values = [result.figures.get(metric) for result in results]
    known = [float(value) for value in values if value is not None]
    return Measured.over(known) if known else None


def _trained(results: Results, columns: list[Figures]) -> Part:
    from radiofm_models.report import Table

    seen: dict[str, list[Cell]] = {}
    for name, cells in results.items():
        seen[name] = [sum(cells[c.title][0].tuned.tuning.parameters.values()) for c in columns]
    return Table(
        "Parameters that were trained", [Column("model"), *(Column(c.title) for c in columns)],
        [[name, *counts] for name, counts in seen.items()],
    )  # fmt: skip


def _firsts(columns: list[Figures]) -> Iterator[Figures]:
    """One column of each task and data set: others show other figures of the same heads."""
    seen = set()
    for column in columns:
        if (column.task, column.data) not in seen:
            seen.add((column.task, column.data))
            yield column


def _confusions(results: Results, columns: list[Figures]) -> list[Part]:
    parts: list[Part] = []
    for column in _firsts(columns):
        tables = {
            name: np.sum([r.figures["confusion"] for r in cells[column.title]], axis=0)
            for name, cells in results.items()
            if "confusion" in cells[column.title][0].figures
        }
        if tables:
            labels = next(iter(results.values()))[column.title][0].tuned.task.labels
            parts.append(
                confusion_matrices(f"{column.title}, test items of all seeds", tables, labels)
            )
    return parts


def _convergence(results: Results, columns: list[Figures]) -> list[Part]:
    parts: list[Part] = []
    for column in _firsts(columns):
        series = []
        for name, cells in results.items():
            runs = [np.array(r.history) for r in cells[column.title]]
            scores = np.stack([run[:, 1] for run in runs])
            std = scores.std(axis=0, ddof=1) if len(runs) > 1 else None
            series.append(Series(name, runs[0][:, 0], scores.mean(axis=0), std, name == RANDOM))
        parts.append(
            curves(f"{column.title}: validation score in training", series, "epoch", "score")
        )
    return parts


def _errors(results: Results, columns: list[Figures]) -> list[Part]:
    parts: list[Part] = []
    for column in _firsts(columns):
        if column.task not in ("positioning", "regression"):
            continue
        errors = {}
        for name, cells in results.items():
            of = []
            for result in cells[column.title]:
                truth = result.tuned.task.targets(result.test)
                guess = result.tuned.outputs(result.test)
                of.append(np.linalg.norm(guess - truth.reshape(guess.shape), axis=1))
            errors[name] = np.concatenate(of)
        parts.append(error_distribution(f"{column.title}, test items of all seeds", errors))
    return parts


def _snr(results: Results, columns: list[Figures]) -> list[Part]:
    """The error of channel estimates against SNR (WavesFM, Fig. 6d), and the estimators'."""
    parts: list[Part] = []
    for column in _firsts(columns):
        if column.task == "channel":
            parts += _channel(results, column)
    return parts


def _channel(results: Results, column: Figures) -> list[Part]:
    answers = {name: [r.figures for r in cells[column.title]] for name, cells in results.items()}
    for name, cells in results.items():
        for way in cells[column.title][0].combined:
            answers[f"{name}, {way}"] = [r.combined[way] for r in cells[column.title]]
    some = next(iter(results.values()))[column.title]
    trivial = {name: [r.trivial[name] for r in some] for name in some[0].trivial}
    everyone = answers | trivial
    return [channel_table(everyone), channel_curves(everyone, baselines=trivial)]
