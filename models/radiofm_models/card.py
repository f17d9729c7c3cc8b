"""The model card: README.md of a bundle, every figure taken from its manifest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from radiofm.bundle import BundleManifest
from radiofm_models.report import Cell, Column, Part, Report, Run, Section, Table
from radiofm_models.report.markdown import markdown

USE = (
    "What is in a 16 ms slice of spectrum, on an ordinary processor, and a start for your own "
    "heads. Labels were learnt from simulated air only: measure it on your own receiver before you "
    "rely on it."
)
LIMITS = (
    "other receivers and places than those of the recordings named",
    "signals of families that the simulator does not make: they get the likeliest label there is",
    "two signals of nearly equal power in one slice, but for the presence head",
    "drift over time",
)
CALLED = 3  # labels that a family is most often taken for
SKIPPED = ("score",)
BOUNDS = {"mse": "min", "calibration_error": "min"}


def write_card(folder: Path, manifest: BundleManifest) -> None:
    """Write `folder/README.md` from a manifest that `reproduce` made."""
    (folder / "README.md").write_text(card(manifest), "utf-8")


def card(manifest: BundleManifest) -> str:
    """The card's Markdown."""
    p = manifest.provenance
    recipe = p["recipe"]
    run = Run(
        p["command"],
        (recipe["pretrain"]["seed"],),
        f"simulated, {sum(_count(text) for text in recipe['data'].values()):,} slices to learn "
        f"from; commit {(p['commit'] or 'unknown')[:12]}; licence Apache-2.0",
        p["machine"],
        None,
        LIMITS,
    )
    sections = [
        Section("What it is for", [USE, _encoder(manifest), _heads(manifest)]),
        Section("What it was trained on", _training(manifest)),
    ]
    for exam in manifest.metrics["test"]:
        title = f"{exam['head']}: {exam['slices']:,} test slices, {exam['set']}"
        sections.append(Section(title, _exam(manifest, exam)))
    sections.append(Section("What it cost", [_cost(manifest)]))
    title = f"{manifest.name}: an encoder for 16 ms spectrograms and {len(manifest.heads)} heads"
    return markdown(Report(title, run, sections))


def _encoder(manifest: BundleManifest) -> str:
    encoder, spec = manifest.encoder, manifest.spec
    low, high = spec.range_db
    return (
        f"A vision transformer of {manifest.provenance['pretraining']['parameters']:,} parameters "
        f"({encoder.dim} wide, {encoder.depth} blocks). Input: slices of spec {spec.hash}, "
        f"standardised ({low} to {high} dBFS, mean {spec.mean}, deviation {spec.std})."
    )


def _heads(manifest: BundleManifest) -> Table:
    rows: list[list[Cell]] = [
        [head.name, head.task, ", ".join(head.labels) or "the slice again",
         head.trainable_parameters, manifest.files[head.file].size / 1e6]
        for head in manifest.heads
    ]  # fmt: skip
    columns = [Column("head"), Column("task"), Column("says"), Column("parameters"),
               Column("MB", ".2f")]  # fmt: skip
    return Table("Heads", columns, rows)


def _training(manifest: BundleManifest) -> list[Part]:
    recipe, report = manifest.provenance["recipe"], manifest.provenance["pretraining"]
    rows: list[list[Cell]] = [
        [name, f"radiofm simulate {text}", f"radiofm simulate {recipe['test'].get(name, '')}"]
        for name, text in recipe["data"].items()
    ]
    pretrain, joint = recipe["pretrain"], recipe["joint"]
    heads = ", ".join(head["name"] for head in recipe["heads"])
    return [
        Table("Sets", [Column("set"), Column("learnt from"), Column("tested on")], rows),
        f"Masked spectrogram modeling of all sets: {pretrain['steps']:,} steps of "
        f"{pretrain['batch']} slices, {pretrain['mask_ratio']:.0%} of the patches removed, loss "
        f"{report['loss_first']:.3f} at the first step and {report['loss_last']:.3f} at the last.",
        f"Then encoder and heads together, {joint['steps']:,} steps of {joint['batch']} slices; "
        "the sets take turns. After that the encoder is frozen"
        + (f", and these heads are trained on it: {heads}." if heads else "."),
        "No recording of real air was used to train it.",
    ]


def _exam(manifest: BundleManifest, exam: dict[str, Any]) -> list[Part]:
    figures, own = exam["figures"], exam["figures"][manifest.name]
    names = [key for key, value in own.items() if isinstance(value, float) and key not in SKIPPED]
    columns = [Column("who answers"), *(Column(n.replace("_", " "), best=_best(n)) for n in names)]
    rows: list[list[Cell]] = [[who, *(f.get(n) for n in names)] for who, f in figures.items()]
    parts: list[Part] = [Table("Against what learnt less, or nothing", columns, rows)]
    labels = next(head.labels for head in manifest.heads if head.name == exam["head"])
    if "confusion" in own:
        parts.append(_confusion(labels, own["confusion"]))
    if by_snr := own.get("by_snr"):
        parts.append(_by_snr(by_snr))
    return parts


def _best(name: str) -> Any:
    return BOUNDS.get(name, "max")


def _confusion(labels: Sequence[str], table: list[list[int]]) -> Table:
    rows: list[list[Cell]] = []
    for number, (label, counts) in enumerate(zip(labels, table, strict=True)):
        total = sum(counts)
        others = sorted(((c, labels[k]) for k, c in enumerate(counts) if k != number), reverse=True)
        called = ", ".join(f"{name} {c / total:.0%}" for c, name in others[:CALLED] if c)
        rows.append([label, total, counts[number] / total if total else None, called])
    columns = [Column("truth"), Column("items"), Column("found", ".1%"), Column("called instead")]
    return Table("By label", columns, rows)


def _by_snr(bands: list[dict[str, Any]]) -> Table:
    names = [key for key, value in bands[0].items() if isinstance(value, float)]
    rows: list[list[Cell]] = [
        [f"{band['snr_db'][0]} to {band['snr_db'][1]} dB", band["items"], *(band[n] for n in names)]
        for band in bands
    ]
    columns = [Column("SNR"), Column("items"), *(Column(n.replace("_", " ")) for n in names)]
    return Table("By SNR of the strongest signal, in its own bandwidth", columns, rows)


def _cost(manifest: BundleManifest) -> Table:
    cost = manifest.provenance["cost"]
    rows: list[list[Cell]] = [
        [stage, c["wall_s"] / 60, c["cpu_s"] / 3600] for stage, c in cost.items()
    ]
    hours = sum(c["cpu_s"] for c in cost.values()) / 3600
    columns = [Column("stage"), Column("minutes", ".1f"), Column("CPU hours", ".2f")]
    return Table("Cost", columns, rows, f"In all {hours:.2f} CPU hours.")


def _count(arguments: str) -> int:
    words = arguments.split()
    return int(words[words.index("--count") + 1])
