"""The model card: README.md of a bundle, every figure taken from its manifest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from radiofm.bundle import BundleManifest
from radiofm_models.evaluation.air_summary import summary
from radiofm_models.predictions import head_of
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
BOUNDS: dict[str, Literal["max", "min"]] = {  # of figures, which is better
    "mse": "min", "calibration_error": "min", "share_above_p99": "min",
}  # fmt: skip


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
    for name, answers in manifest.metrics["test"].items():
        sections.append(Section(f"{name}, on its test slices", _exam(manifest, name, answers)))
    if recordings := manifest.metrics["recordings"]:
        sections.append(Section("On real air, that it was not trained on", _air(recordings)))
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


def _exam(manifest: BundleManifest, name: str, answers: dict[str, Any]) -> list[Part]:
    own = answers["model"]
    names = [key for key, value in own.items() if isinstance(value, float)]
    columns = [
        Column("who answers"),
        *(Column(n.replace("_", " "), best=BOUNDS.get(n, "max")) for n in names),
    ]
    who = {manifest.name if key == "model" else key: f for key, f in answers.items()}
    rows: list[list[Cell]] = [[key, *(f.get(n) for n in names)] for key, f in who.items()]
    parts: list[Part] = [Table("Against what learnt less, or nothing", columns, rows)]
    labels = next(head.labels for head in manifest.heads if head.name == head_of(name))
    if "clear" in own:
        parts.append(_clear(answers))
    if "confusion" in own and "recall" in own:
        parts.append(_confusion(labels, own["confusion"]))
    if by_snr := own.get("by_snr"):
        parts.append(_by_snr(by_snr))
    return parts


def _clear(answers: dict[str, Any]) -> Table:
    rows: list[list[Cell]] = [
        [who, f["clear"]["items"], f["clear"]["mean_class_accuracy"]]
        for who, f in answers.items()
        if "clear" in f
    ]
    columns = [Column("who answers"), Column("items"), Column("mean class accuracy", best="max")]
    return Table("Signals of 5 dB SNR and more, and slices without one", columns, rows)


def _air(recordings: list[dict[str, Any]]) -> list[Part]:
    found = summary(recordings)
    heads = list(recordings[0]["heads"])
    named = [h for h in heads if any(h in t["right"] for t in found["technologies"].values())]
    rows: list[list[Cell]] = [
        [name, t["recordings"], t["slices"],
         *(value for h in named for value in _right(t["right"].get(h)))]
        for name, t in found["technologies"].items()
    ]  # fmt: skip
    columns = [Column("holds"), Column("recordings"), Column("slices")]
    for head in named:
        columns += [Column(f"{head}: right", ".1%"), Column("in the worst recording", ".1%")]
    parts: list[Part] = [
        Table("Slices whose label is right, by what recordings hold", columns, rows)
    ]
    for head, known in found["rows"].items():
        labels = list(next(iter(known.values()))["pixels"])
        lines: list[list[Cell]] = [
            [what, each["recordings"], *(each["pixels"].get(label) for label in labels)]
            for what, each in known.items()
        ]
        titles = [Column("rows of"), Column("recordings"), *(Column(n, ".1%") for n in labels)]
        parts.append(Table(f"What {head} calls rows that are known", titles, lines))
    parts.append(_each(recordings, named))
    return parts


def _right(figures: dict[str, float] | None) -> tuple[Cell, Cell]:
    return (figures["slices"], figures["lowest"]) if figures else (None, None)


def _each(recordings: list[dict[str, Any]], heads: Sequence[str]) -> Table:
    rows: list[list[Cell]] = []
    for one in recordings:
        name = one["recording"] + ("*" if one["repeated_to_fill_a_slice"] else "")
        called = []
        for head in heads:
            counts = one["heads"][head].get("called") or one["heads"][head].get("present") or {}
            most = sorted(counts.items(), key=lambda pair: -pair[1])[:CALLED]
            called.append(", ".join(f"{label} {n:.3g}" for label, n in most if n))
        rows.append([name, ", ".join(one["technology"]), one["slices"], *called])
    columns = [Column("recording"), Column("holds"), Column("slices"), *map(Column, heads)]
    note = "* shorter than a slice, and repeated to fill one"
    return Table("Recording by recording: what slices are called most", columns, rows, note)


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
