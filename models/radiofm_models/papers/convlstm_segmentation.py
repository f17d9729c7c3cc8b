"""ConvLSTM paper, Figs. 7 and 8: noise, NR and LTE by pixel, and signal or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict

from radiofm.errors import UsageError
from radiofm_models.convlstm_pretrain import BATCH
from radiofm_models.convlstm_tuning import Segmenter, encoder_for, tune
from radiofm_models.data import Indices
from radiofm_models.datasets.scaling import resized
from radiofm_models.material import Material, open_material
from radiofm_models.papers.convlstm import (
    NAMES,
    Study,
    Told,
    masked_table,
    open_air,
    pretrained,
    radiofm,
    run_study,
    sizes,
)
from radiofm_models.recipe import Schedule, TuneRecipe
from radiofm_models.report import (
    Column,
    Figure,
    Measured,
    Part,
    Scale,
    Section,
    Table,
    confusion_matrices,
    segmentations,
)
from radiofm_models.tasks.segmentation import Segmentation
from radiofm_models.tasks.task import Figures, Outputs
from radiofm_models.trainer import Inputs
from radiofm_models.world import device

SHOWN = 4  # test frames drawn


class Frames(BaseModel):
    """Frames of 40 ms to simulate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: int
    test: int
    seed: int


class SegmentationStudy(Study):
    frames: Frames | None = None


@dataclass(frozen=True)
class Framed:
    """The frames to train on and to test on, for one number of classes."""

    train: Segmentation
    train_rows: Indices
    test: Segmentation
    test_rows: Indices

    def inputs(self, schedule: Schedule) -> Callable[[int], Inputs]:
        """The frames of each step, drawn by the schedule's seed and the step, and their rows."""

        def draw(step: int) -> Inputs:
            rng = np.random.default_rng((schedule.seed, step))
            rows = np.sort(rng.choice(self.train_rows, schedule.batch))
            return torch.from_numpy(self.train.images(rows)).to(device()), rows

        return draw


def sections(recipe: str, scale: Scale, out: Path, sources: Mapping[str, str]) -> Told:
    """The report's sections, the seeds, and what the data are.

    `sources` may name a corpus rrd and the frames nr-lte, the authors' or MATLAB's.
    """
    return run_study(
        SegmentationStudy, ("rrd", "nr-lte"), recipe, scale, sources,
        lambda study: _sections(study, sources, out),
    )  # fmt: skip


def _sections(study: SegmentationStudy, sources: Mapping[str, str], out: Path) -> Told:
    material = open_air(study.air, sources, out)
    frames = _frames(study, sources, out)
    models = [pretrained(study, material, seed, out / f"seed-{seed}" / "pretrain")
              for seed in study.seeds]  # fmt: skip
    made = []
    for name, figure, binary in (("Three classes", 7, False), ("Signal or none", 8, True)):
        framed = _open(study, frames, out / "data", binary)
        judged: dict[str, list[Figures]] = {
            answer: [framed.test.metrics(outputs, framed.test_rows)]
            for answer, outputs in framed.test.trivial(framed.test_rows).items()
        }
        shown: dict[str, Outputs] = {}
        for seed, pretrained_model in zip(study.seeds, models, strict=True):
            schedule = study.tune.model_copy(update={"seed": seed})
            for mode in study.modes:
                encoder = encoder_for(mode, pretrained_model.encoder, study.pretrain.model, seed)
                model = Segmenter(encoder, len(framed.test.labels), study.pretrain.sentence.tokens)
                tune(
                    model, _loss(model, framed.train), framed.inputs(schedule), schedule,
                    out / f"seed-{seed}" / f"figure-{figure}-{mode}",
                    {"mode": mode, "data": framed.train.material.dataset.fingerprint()},
                    f"figure {figure}, {mode}",
                )  # fmt: skip
                outputs = _outputs(model, framed)
                shown.setdefault(NAMES[mode], outputs)
                judged.setdefault(NAMES[mode], []).append(
                    framed.test.metrics(outputs, framed.test_rows)
                )
        parts: list[Part] = [
            _verdict(study, judged), _table(framed, judged), _matrices(framed, judged, figure),
            _pictures(framed, shown[NAMES[study.modes[0]]], NAMES[study.modes[0]]),
        ]  # fmt: skip
        made.append(Section(f"{name} (Fig. {figure})", parts))
    made.append(Section("Pretraining", [masked_table(study, material, models)]))
    where = sources.get("nr-lte", "simulated, with noise as in the paper's two sets")
    text = (
        f"{len(framed.train_rows)} frames to train on, {len(framed.test_rows)} to test on: "
        f"{where}; pretrained on {sources.get('rrd', 'simulated recordings')}; {sizes(study)}"
    )
    return made, study.seeds, text


def _frames(
    study: SegmentationStudy, sources: Mapping[str, str], out: Path
) -> tuple[str, str | None]:
    """The set to train on, and that to test on where it is another."""
    if "nr-lte" in sources:
        return sources["nr-lte"], None
    frames = study.frames
    if frames is None:
        raise UsageError("--scale paper: give --data nr-lte=nr-lte:FOLDER, the frames")
    folders = {split: out / f"nr-lte-{split}" for split in ("train", "test")}
    radiofm(
        *(
            ["simulate", "nr-lte", "--out", folders[split], "--count", count, "--split", split,
             "--seed", frames.seed, "--frame", "40ms", "--workers", 1]
            for split, count in (("train", frames.train), ("test", frames.test))
            if not (folders[split] / "set.json").exists()
        )
    )  # fmt: skip
    return str(folders["train"]), str(folders["test"])


def _open(
    study: SegmentationStudy, sources: tuple[str, str | None], cache: Path, binary: bool
) -> Framed:
    """At the size of a sentence; statistics are of the frames that are trained on."""
    first, second = sources
    recipe = TuneRecipe.model_validate(study.tune.model_dump())
    size = study.pretrain.sentence.image
    material = open_material(first, cache, size=size, masks=True)
    task, split = Segmentation(_sized(material, size), recipe, binary), material.split
    if second is None:
        return Framed(task, np.concatenate([split.train, split.validation]), task, split.test)
    test = open_material(second, cache, size=size, scaling=material.scaling, masks=True)
    tested = Segmentation(_sized(test, size), recipe, binary)
    return Framed(task, np.arange(len(material)), tested, np.arange(len(test)))


def _sized(material: Material, size: tuple[int, int]) -> Material:
    """Frames that come at the size of their own spec, resized in memory."""
    if material.size == size:
        return material
    values = np.stack([resized(np.asarray(value), size) for value in material.values])
    return replace(material, values=values)


def _loss(model: Segmenter, task: Segmentation) -> Callable[..., torch.Tensor]:
    """Equation 3 over its number of pixels."""

    def loss(images: torch.Tensor, rows: Indices) -> torch.Tensor:
        return task.loss(model(images), rows)

    return loss


@torch.no_grad()
def _outputs(model: Segmenter, framed: Framed) -> Outputs:
    model.eval()
    rows = framed.test_rows
    parts = []
    for start in range(0, len(rows), BATCH):
        images = torch.from_numpy(framed.test.images(rows[start : start + BATCH])).to(device())
        parts.append(model(images).float().cpu().numpy())
    return np.concatenate(parts)


def _table(framed: Framed, judged: dict[str, list[Figures]]) -> Table:
    labels = framed.test.labels
    columns = [
        Column("segmentation"),
        Column("pixel accuracy", ".1%", "max"),
        Column("mean IoU", best="max"),
        *(Column(f"IoU, {name}") for name in labels),
    ]
    rows = [
        [
            name,
            Measured.over([one["pixel_accuracy"] for one in of]),
            Measured.over([one["miou"] for one in of]),
            *(
                None if any(one["iou"][label] is None for one in of)
                else Measured.over([one["iou"][label] for one in of])
                for label in range(len(labels))
            ),
        ]
        for name, of in judged.items()
    ]  # fmt: skip
    return Table("Test frames, pixel by pixel", columns, rows)


def _matrices(framed: Framed, judged: dict[str, list[Figures]], figure: int) -> Figure:
    return confusion_matrices(
        f"Confusion matrices of all seeds together (the paper's Fig. {figure}): pixels by truth "
        "and prediction.",
        {
            NAMES[mode]: np.sum([one["confusion"] for one in judged[NAMES[mode]]], axis=0)
            for mode in NAMES if NAMES[mode] in judged
        },
        framed.test.labels,
    )  # fmt: skip


def _pictures(framed: Framed, outputs: Outputs, name: str) -> Figure:
    chosen = np.linspace(0, len(outputs) - 1, min(SHOWN, len(outputs))).astype(int)
    rows = framed.test_rows[chosen]
    return segmentations(
        f"Test frames, their labels, and what is made of them: {name}.",
        framed.test.images(rows)[:, 0], framed.test.masks(rows), outputs[chosen].argmax(axis=1),
        framed.test.labels, [f"frame {row}" for row in rows],
    )  # fmt: skip


def _verdict(study: SegmentationStudy, judged: dict[str, list[Figures]]) -> str:
    miou = {name: float(np.mean([one["miou"] for one in of])) for name, of in judged.items()}
    names = [NAMES[mode] for mode in study.modes]
    best = max((name for name in judged if name not in names), key=lambda name: miou[name])
    each = "; ".join(
        f"{name} {miou[name]:.3f}, {'above' if miou[name] > miou[best] else 'NOT above'} it"
        for name in names
    )
    return (
        f"Mean IoU of the best trivial answer, {best}: {miou[best]:.3f}. {each}. In the paper the "
        "network from scratch is ahead of the frozen one, by much for NR and by less for signals."
    )
