"""A fine-tuned head on test items, beside a head on an untrained encoder and trivial answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.special

from radiofm_models.calibration import temperature
from radiofm_models.data import Indices
from radiofm_models.encoders import untrained
from radiofm_models.evaluation.forecasts import forecast_parts
from radiofm_models.finetune_run import open_encoder, read_run, tune_in
from radiofm_models.finetuning import Tuned, features, finetune, judge
from radiofm_models.metrics import calibration_error, knn_accuracy, n_shot_accuracy
from radiofm_models.probes import pooled
from radiofm_models.report import (
    Cell,
    Column,
    Part,
    Report,
    Run,
    Section,
    Series,
    Table,
    channel_section,
    confusion_matrices,
    curves,
    embedding_pca,
    error_distribution,
    forecasts,
    positioning_section,
    reliability_diagram,
    segmentations,
)
from radiofm_models.tasks.forecast import Forecast
from radiofm_models.tasks.presets import preset

HEAD = "model"
RANDOM = "random-init, frozen"
SHOTS = (1, 2, 4, 8, 16, 32)
NEIGHBOURS = 10
DRAWN = 4
AT_MOST = 2000  # items that neighbours and prototypes are tried on
LEFT_OUT = ("parity", "score")


@dataclass(frozen=True)
class Judged:
    """What the sections are made of."""

    about: dict[str, Any]
    tuned: Tuned
    random: Tuned
    figures: dict[str, dict[str, Any]]  # by model: the task's metrics on test items

    @property
    def test(self) -> Indices:
        return self.tuned.task.material.split.test


def evaluate(folder: Path, command: str, machine: str) -> Report:
    """The report of the finished `radiofm finetune` run in `folder`.

    The baseline is trained in `folder`/random-init, by the same recipe: the same head on an encoder
    of the same sizes that has learnt nothing and stays so.
    """
    judged = _judged(folder)
    about, task = judged.about, judged.tuned.task
    run = Run(
        command, (about["recipe"]["seed"],), f"{about['data']}: test items, {len(judged.test)}",
        machine, None,
        ("other seeds and splits", "real air, where the data are simulated"),
    )  # fmt: skip
    sections = [Section("Test items", [_table(judged), *_of_task(judged)])]
    if task.wire == "classification":
        sections += [_calibration(judged), _embeddings(judged)]
    sections.append(Section("Training", [about["tuning"], _history(folder)]))
    title = f"{about['task']} on {Path(about['data']).name}, mode {about['recipe']['mode']}"
    return Report(title, run, sections)


def _judged(folder: Path) -> Judged:
    wanted, about = read_run(folder)
    tuned, _ = tune_in(wanted, folder)
    task = tuned.task
    sizes = open_encoder(wanted).model.config
    if isinstance(sizes.channels, dict):
        sizes = sizes.model_copy(update={"channels": task.material.channels})
    recipe = task.recipe.model_copy(update={"mode": "strict"})
    again = preset(wanted.task).make(task.material, recipe)
    random = finetune(
        untrained(sizes, recipe.seed), again, folder / "random-init", title="random-init"
    )
    test = task.material.split.test
    judged = judge(tuned, test)
    figures = {HEAD: judged.pop("model"), RANDOM: judge(random, test)["model"], **judged}
    return Judged(about, tuned, random, figures)


def _table(judged: Judged) -> Table:
    """All single numbers of the task's metrics."""
    names = list(
        dict.fromkeys(
            key
            for figures in judged.figures.values()
            for key, value in figures.items()
            if isinstance(value, float) and key not in LEFT_OUT
        )
    )
    rows: list[list[Cell]] = [
        [who, *(figures.get(name) for name in names)] for who, figures in judged.figures.items()
    ]
    columns = [Column("model"), *(Column(name.replace("_", " "), ".3f") for name in names)]
    return Table("Test items", columns, rows)


def _of_task(judged: Judged) -> list[Part]:
    parts: list[Part] = []
    task = judged.tuned.task
    known = {who: f for who, f in judged.figures.items() if who in (HEAD, RANDOM)}
    tables = {who: np.array(f["confusion"]) for who, f in known.items() if "confusion" in f}
    if tables:
        parts.append(confusion_matrices("Truth by row, answer by column", tables, task.labels))
    parts += _by_snr(judged)
    if task.wire == "segmentation":
        rows = judged.test[:DRAWN]
        images, answer = task.images(rows)[:, 0], judged.tuned.outputs(rows).argmax(axis=1)
        truth = task.masks(rows)  # type: ignore[attr-defined]
        parts.append(
            segmentations("Test slices", images, truth, answer, task.labels,
                          [f"item {row}" for row in rows])
        )  # fmt: skip
    if isinstance(task, Forecast):
        rows = judged.test[:DRAWN]
        future, foretold = task.future(rows), judged.tuned.outputs(rows)[:, 0]
        parts += forecast_parts(judged.figures)
        parts.append(
            forecasts("Test slices, and what came next", future.context, future.future, foretold,
                      [f"item {row}" for row in rows])
        )  # fmt: skip
    if task.wire == "channel":
        parts += channel_section([judged.figures]).parts
    if all("percentiles" in figures for figures in judged.figures.values()):
        parts += positioning_section([judged.figures]).parts
    elif task.wire == "regression":
        truth = task.targets(judged.test).reshape(len(judged.test), -1)
        errors = {
            who: np.linalg.norm(tuned.outputs(judged.test) - truth, axis=1)
            for who, tuned in ((HEAD, judged.tuned), (RANDOM, judged.random))
        }
        parts.append(error_distribution("Distance between label and answer", errors))
    return parts


def _by_snr(judged: Judged) -> list[Part]:
    """The figure by SNR that the task gives, for all who have it."""
    metrics = ("accuracy", "miou")
    series, metric = [], ""
    for who, figures in judged.figures.items():
        points = figures.get("by_snr") or []
        metric = next((m for m in metrics if points and m in points[0]), metric)
        if not points or metric not in points[0]:
            continue
        x = [float(np.mean(point["snr_db"])) for point in points]
        values = [point[metric] for point in points]
        series.append(Series(who, x, values, baseline=who != HEAD))
    if not series or max(len(np.atleast_1d(one.x)) for one in series) < 2:
        return []
    return [curves("Test items by SNR", series, "SNR, dB", metric)]


def _calibration(judged: Judged) -> Section:
    """Before and after the temperature that validation items ask for (Guo et al. 2017)."""
    task, tuned = judged.tuned.task, judged.tuned
    validation, test = task.material.split.validation, judged.test
    chosen = temperature(tuned.outputs(validation), task.targets(validation))
    logits, truth = tuned.outputs(test), task.targets(test)
    scores = {
        "as trained": scipy.special.softmax(logits, axis=1),
        f"temperature {chosen:.2f}": scipy.special.softmax(logits / chosen, axis=1),
    }
    rows: list[list[Cell]] = [
        [name, calibration_error(s.astype(np.float32), truth)] for name, s in scores.items()
    ]
    columns = [Column("scores"), Column("expected calibration error", ".3f", "min")]
    return Section(
        "Calibration",
        [Table("Calibration on test items", columns, rows),
         reliability_diagram("What scores are worth", scores, truth)],
    )  # fmt: skip


def _embeddings(judged: Judged) -> Section:
    """What the features are worth without a trained head."""
    task, rng = judged.tuned.task, np.random.default_rng(0)
    shuffled = rng.permutation(judged.test)[:AT_MOST]  # files of a class often lie together
    train = rng.permutation(task.material.split.train)[:AT_MOST]
    classes = task.material.dataset.classes
    assert classes is not None
    fewest = np.bincount(classes[shuffled]).min()
    shots = [k for k in SHOTS if k <= fewest // 2]
    neighbours = min(NEIGHBOURS, len(train))
    rows: list[list[Cell]] = []
    pictures: list[Part] = []
    for who, tuned in (("this encoder", judged.tuned), (RANDOM, judged.random)):
        known, asked = (_pooled(tuned, rows) for rows in (train, shuffled))
        mean, std = known.mean(axis=0), known.std(axis=0) + 1e-6
        known, asked = (known - mean) / std, (asked - mean) / std
        near = knn_accuracy(known, classes[train], asked, classes[shuffled], neighbours)
        few = [n_shot_accuracy(asked, classes[shuffled], k)["accuracy"] for k in shots]
        rows.append([who, near, *few])
        pictures.append(embedding_pca(f"{who}: test items", asked, classes[shuffled], task.labels))
    columns = [Column("features"), Column(f"{neighbours} neighbours", ".1%", "max")]
    columns += [Column(f"{k}-shot prototypes", ".1%", "max") for k in shots]
    return Section("Features", [Table("Accuracy without a trained head", columns, rows), *pictures])


def _pooled(tuned: Tuned, rows: Indices) -> npt.NDArray[Any]:
    encoder = tuned.tuning.encoder
    return features(encoder, tuned.task, rows, lambda tokens: pooled(tokens, "avg")).numpy()


def _history(folder: Path) -> Part:
    import json

    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text("utf-8").splitlines()]
    seen = [line for line in lines if "evaluation" in line]
    series = [
        Series("validation score", [line["step"] + 1 for line in seen],
               [line["evaluation"]["score"] for line in seen])
    ]  # fmt: skip
    return curves("Validation score in training", series, "step", "score")
