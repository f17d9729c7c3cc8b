"""What a bundle's heads are worth when the encoder is given a share of the patches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from radiofm.bundle import Bundle, HeadRecord, load_bundle
from radiofm.errors import BundleError, RadiofmError, UsageError
from radiofm.patches import count
from radiofm_models.data import Indices
from radiofm_models.datasets.dataset import Target
from radiofm_models.material import Material, open_material
from radiofm_models.recipe import TuneRecipe
from radiofm_models.report import Cell, Column, Report, Run, Section, Table
from radiofm_models.served import Array, ServedBundle
from radiofm_models.tasks.presets import preset
from radiofm_models.tasks.task import Task

AT_MOST = 500  # slices, evenly spread: outputs of all pixels are kept
BATCH = 25
ROUNDS = 20  # of which the fastest counts
TARGETS: dict[str, Target] = {
    "classification": "class", "segmentation": "mask", "presence": "presence",
}  # fmt: skip
RECIPE = TuneRecipe(steps=1, batch=1, lr=1)  # that tasks ask for; nothing is trained
FIGURES = {
    "classification": ("accuracy", "accuracy"),
    "segmentation": ("mean IoU", "miou"),
    "presence": ("mean average precision", "mean_average_precision"),
}
NOTE = (
    "same answer: of the labels (segmentation: of the pixels), as with all patches. difference: of "
    "the outputs, root mean square over their deviation with all patches."
)


@dataclass(frozen=True)
class Exam:
    """A head, and its task on the set where the set's labels are the head's."""

    head: HeadRecord
    task: Task | None

    def figure(self, outputs: Array, images: Array, rows: Indices) -> tuple[str, Cell]:
        """What is measured, and how much it is."""
        if self.head.task == "reconstruction":
            return "mean squared error", float(np.square(outputs - images).mean())
        if self.task is None:
            return "–", None
        order = [self.head.labels.index(label) for label in self.task.labels]
        logits = outputs[:, order] / np.float32(self.head.temperature)
        title, key = FIGURES[self.head.task]
        return title, float(self.task.metrics(logits, rows)[key])

    def same(self, outputs: Array, whole: Array) -> Cell:
        """Share of answers that are those with all patches."""
        match self.head.task:
            case "classification" | "segmentation":
                return float((outputs.argmax(axis=1) == whole.argmax(axis=1)).mean())
            case "presence":
                return float(((outputs > 0) == (whole > 0)).mean())
            case _:
                return None


def evaluate_patches(
    folder: Path, source: str, shares: Sequence[float], command: str, machine: str
) -> Report:
    """The report of the bundle in `folder` on the set `source`, of which no split is made: all of
    it should be new to the bundle. Patches are chosen by energy, as for slices without a history.
    """
    bundle = load_bundle(folder)
    _check(bundle, shares)
    with TemporaryDirectory(prefix="radiofm-") as cache:
        material, exams = _exams(bundle, source, Path(cache))
        rows = np.unique(np.linspace(0, len(material) - 1, AT_MOST).round().astype(int))
        served = ServedBundle(bundle.manifest, bundle.read)
        images = material.images(rows)
        whole = _outputs(served, images, 1.0)
        table: list[list[Cell]] = []
        for share in sorted({1.0, *shares}, reverse=True):
            outputs = whole if share == 1 else _outputs(served, images, share)
            for exam in exams:
                name = exam.head.name
                title, value = exam.figure(outputs[name], images, rows)
                rms = np.sqrt(np.square(outputs[name] - whole[name]).mean())
                difference = float(rms / max(whole[name].std(), 1e-12))
                same = exam.same(outputs[name], whole[name])
                table.append([name, share, title, value, same, difference])
        table.sort(key=lambda row: str(row[0]))  # stable: the largest share of a head first
    columns = [
        Column("head"), Column("patches kept", ".1%"), Column("figure"), Column("value", ".3f"),
        Column("same answer", ".1%"), Column("difference", ".2f"),
    ]  # fmt: skip
    run = Run(
        command, (), f"{source}: {len(rows)} slices, evenly spread", machine, None,
        (
            "whether the set is new to the bundle",
            "patches chosen by change, which needs slices that follow each other",
        ),
    )  # fmt: skip
    parts = [
        Table("Heads by the share of patches", columns, table, NOTE),
        _times(served, images[:1], sorted({1.0, *shares}, reverse=True), bundle),
    ]
    return Report(
        f"{bundle.manifest.name} on fewer patches", run, [Section("Fewer patches", parts)]
    )


def _check(bundle: Bundle, shares: Sequence[float]) -> None:
    for share in shares:
        if not 0 < share <= 1:
            raise UsageError(f"patches {share:g}: shares are above 0 and at most 1, as 1,0.5,0.25")
    if not bundle.manifest.modalities:
        raise BundleError(f"bundle {bundle.manifest.name} takes whole slices only: export it again")


def _exams(bundle: Bundle, source: str, cache: Path) -> tuple[Material, list[Exam]]:
    """The heads of spectrograms, and the set; a head whose task the set does not label is asked
    all the same.
    """
    heads = [
        head for head in bundle.manifest.heads if bundle.manifest.modality(head.modality).streamed
    ]
    opened: dict[Target, Material] = {}
    reason: RadiofmError = UsageError(f"{source} has nothing that bundle heads are asked")
    for target in ("class", "mask", "presence"):
        try:
            opened[target] = open_material(
                source, cache, scaling=bundle.manifest.spec, target=target
            )
        except RadiofmError as error:
            reason = error
    if not opened or not heads:
        raise reason
    exams = [Exam(head, _task(head, opened)) for head in heads]
    return next(iter(opened.values())), exams


def _task(head: HeadRecord, opened: dict[Target, Material]) -> Task | None:
    material = opened.get(TARGETS[head.task]) if head.task in TARGETS else None
    if material is None:
        return None
    try:
        task = preset(head.task).make(material, RECIPE)
    except RadiofmError:
        return None  # of other labels
    return task if sorted(task.labels) == sorted(head.labels) else None


def _outputs(served: ServedBundle, images: Array, share: float) -> dict[str, Array]:
    """Of each head of spectrograms, whatever embedding it has of them."""
    modalities = [n for n, m in served.manifest.modalities.items() if m.streamed]
    outputs: dict[str, list[Array]] = {}
    for at in range(0, len(images), BATCH):
        for modality in modalities:
            for name, part in served(images[at : at + BATCH], modality, share).items():
                outputs.setdefault(name, []).append(part)
    return {name: np.concatenate(parts) for name, parts in outputs.items()}


def _times(served: ServedBundle, image: Array, shares: Sequence[float], bundle: Bundle) -> Table:
    """What a slice takes, heads and choice of patches included, over all patches' time."""
    best = dict.fromkeys(shares, float("inf"))
    for _ in range(ROUNDS):
        for share in shares:
            _outputs(served, image, share)  # so that the caches hold nothing of another share
            start = time.process_time()  # of one thread; other work on the machine does not count
            _outputs(served, image, share)
            best[share] = min(best[share], time.process_time() - start)
    rows, columns = bundle.manifest.encoder.grid
    return Table(
        "Time of a slice on one thread, heads included",
        [Column("patches kept", ".1%"), Column("patches"), Column("time, of all patches'", ".2f")],
        [[share, count(share, rows * columns), best[share] / best[1.0]] for share in shares],
        f"Minima of {ROUNDS} interleaved runs.",
    )
