"""The report of a bundle on real recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from radiofm.bundle import HeadRecord, load_bundle
from radiofm_models.evaluation.air_summary import summary
from radiofm_models.evaluation.manifest import read_manifests
from radiofm_models.evaluation.on_air import FAMILIES, MOST, Heard, judged_heads, on_air
from radiofm_models.report import (
    Cell,
    Column,
    Part,
    Report,
    Run,
    Section,
    Table,
    answers,
    write_report,
)

SHARE = ".1%"
REPEATED = "*: shorter than a slice, and repeated to fill one."
NOT_CHECKED = (
    "that the recordings hold what their manifest says",
    "slices of one recording are alike: they are no independent trials",
)


def evaluate_on_air(
    bundle: Path,
    manifests: Sequence[Path],
    out: Path | None,
    command: str,
    machine: str,
    most: int = MOST,
) -> tuple[Report, dict[str, Any]]:
    """The report of the bundle in folder `bundle`, written to `out` where that is given, and its
    figures: `recordings`, and `summary` over them. UsageError, BundleError or RecordingError with
    the reason where there is none."""
    opened, recordings = load_bundle(bundle), read_manifests(manifests)
    heads = judged_heads(opened.manifest, recordings)
    heard = on_air(opened, recordings, most)
    figures = [one.to_json() for one in heard]
    found: dict[str, Any] = {"recordings": figures, "summary": summary(figures)}
    data = "; ".join(map(str, manifests)) + f", at most {most} slices of a recording"
    run = Run(command, (), data, machine, None, NOT_CHECKED)
    sections = [
        Section("In all", _over_all(found["summary"], heads)),
        Section("By recording", [_table(head, heard) for head in heads]),
        Section("One slice of each", [_picture(heads, one) for one in heard]),
    ]
    report = Report(f"{opened.manifest.name} on real recordings", run, sections)
    if out is not None:
        write_report(report, out)
    return report, found


def _over_all(found: Mapping[str, Any], heads: Sequence[HeadRecord]) -> list[Part]:
    named = [head for head in heads if head.task in ("classification", "presence")]
    columns = [Column("recordings of"), Column("recordings"), Column("slices")]
    for head in named:
        columns += [Column(f"{head.name}: right", SHARE), Column("lowest recording", SHARE)]
    rows: list[list[Cell]] = []
    for name, figures in found["technologies"].items():
        row: list[Cell] = [name, figures["recordings"], figures["slices"]]
        for head in named:
            right = figures["right"].get(head.name, {})
            row += [right.get("slices"), right.get("lowest")]
        rows.append(row)
    parts: list[Part] = []
    if named and rows:
        parts.append(Table("Slices called what they hold", columns, rows, _aliases(named)))
    segmenting = [head for head in heads if found["rows"].get(head.name)]
    return parts + [_rows_of(head, found["rows"][head.name]) for head in segmenting]


def _aliases(heads: Sequence[HeadRecord]) -> str:
    labels = {label for head in heads for label in head.labels}
    used = [f"{name} is {label}" for name, label in FAMILIES.items()
            if name not in labels and label in labels]  # fmt: skip
    return f"By families of `radiofm simulate scenes`: {', '.join(used)}." if used else ""


def _rows_of(head: HeadRecord, found: Mapping[str, Any]) -> Table:
    rows: list[list[Cell]] = []
    for name, figures in found.items():
        parts = {name: figures}
        if 0 < figures["whole"]["recordings"] < figures["recordings"]:
            parts[f"{name}, all of the carrier in band"] = figures["whole"]
        for title, part in parts.items():
            rows.append([title, part["recordings"], *(part["pixels"][x] for x in head.labels)])
    columns = [Column("rows known to hold"), Column("recordings")]
    columns += [Column(label, SHARE) for label in head.labels]
    return Table(f"{head.name}: pixels of known rows, mean over recordings", columns, rows)


def _table(head: HeadRecord, heard: Sequence[Heard]) -> Table:
    """One head on each recording."""
    title = f"{head.name}, {head.task}"
    start = [Column("recording"), Column("holds"), Column("slices")]
    rows: list[list[Cell]] = []
    for one in heard:
        figures = one.heads[head.name]
        name = one.known.name + ("*" if one.repeated else "")
        row: list[Cell] = [name, one.known.holds or None, one.slices]
        if head.task == "reconstruction":
            rows.append([*row, figures["share_above_p99"]])
        elif head.task == "segmentation":
            shown = {"": figures["pixels"]} | {k: v["pixels"] for k, v in figures["rows"].items()}
            for what, shares in shown.items():
                rows.append([*row, what or "all", *(shares[label] for label in head.labels)])
        else:
            rows.append([*row, figures["right"], _most(figures)])
    match head.task:
        case "reconstruction":
            more = [Column("above the anomaly limit", SHARE)]
        case "segmentation":
            more = [Column("rows of"), *(Column(label, SHARE) for label in head.labels)]
        case _:
            more = [Column("right", SHARE), Column("called")]
    note = REPEATED if any(one.repeated for one in heard) else ""
    return Table(title, [*start, *more], rows, note)


def _most(figures: Mapping[str, Any]) -> str:
    """What slices were called, or said to hold: the most frequent first."""
    counts = figures.get("called") or figures["present"]
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    form = "{} {}" if "called" in figures else "{} {:.0%}"
    return ", ".join(form.format(*pair) for pair in ordered if pair[1] > 0)


def _picture(heads: Sequence[HeadRecord], heard: Heard) -> Part:
    said = "; ".join(
        f"{name}: {_most(figures)}"
        for name, figures in heard.heads.items()
        if "called" in figures or "present" in figures
    )
    labels = {head.name: head.labels for head in heads}
    panels = {name: (mask, labels[name]) for name, mask in heard.masks.items()}
    parts = (heard.known.name, heard.known.entry.known, said)
    return answers(". ".join(part for part in parts if part), heard.image, panels, heard.edges)
