"""`radiofm reproduce` of a paper's table or figure: run its recipe, write its report."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping
from pathlib import Path

from radiofm_models.papers import (
    convlstm_forecast,
    convlstm_segmentation,
    few_labels,
    lora_front,
    parameters,
    protobeam,
    reconstruction,
    tuning,
)
from radiofm_models.papers.laboratory import Laboratory
from radiofm_models.papers.plan import Plan, check_name, load_plan
from radiofm_models.report import Report, Scale, Section, write_report
from radiofm_models.report import Run as Facts

KINDS: dict[str, Callable[[Plan, Laboratory], list[Section]]] = {
    "parameters": parameters.sections,
    "reconstruction": reconstruction.sections,
    "tuning": tuning.sections,
    "lora-front": lora_front.sections,
    "few-labels": few_labels.sections,
}

CONVLSTM = {
    "convlstm-figure-6": (
        "ConvLSTM, Fig. 6: spectrum forecasting", convlstm_forecast.sections
    ),
    "convlstm-figures-7-8": (
        "ConvLSTM, Figs. 7 and 8: NR-LTE segmentation", convlstm_segmentation.sections
    ),
}  # fmt: skip


def reproduce(
    name: str, scale: Scale, out: Path, sources: Mapping[str, str]
) -> tuple[Path, Report]:
    """Run recipe `name` in `out` and write its report, to the folder that is returned with it.

    `sources` names data sets, as `material.open_material` takes them, by the recipe's names.
    """
    check_name(name)
    if name.startswith("protobeam"):
        title = "ProtoBeam, Table I: few-shot beam prediction"
        not_checked: tuple[str, ...] = ("the paper's recordings and network sizes",)
        sections, seeds, data = protobeam.sections(name, scale, out, sources)
    elif name in CONVLSTM:
        title, of = CONVLSTM[name]
        not_checked = (
            "the paper's recordings, which are not public",
            "its training schedules, which it does not give",
        )
        sections, seeds, data = of(name, scale, out / "convlstm", sources)
    else:
        plan = load_plan(name)
        run = plan.at(scale)
        sections = KINDS[plan.kind](plan, Laboratory(out, scale, run, sources))
        title, seeds, not_checked = f"{plan.source}: {plan.title}", run.seeds, run.not_checked
        used = {
            key: sources.get(key) or f"radiofm simulate {text}" for key, text in run.data.items()
        }
        data = "; ".join(f"{key}: {text}" for key, text in used.items()) or "none"
        if run.preset:  # not the row's, whatever its name
            data += f"; every model is {run.preset}, patches of {run.patch}"
    command = f"radiofm reproduce {name} --scale {scale}"
    command += "".join(f" --data {key}={value}" for key, value in sources.items())
    facts = Facts(
        command=command,
        seeds=seeds,
        data=data,
        machine=f"{platform.machine()}, {os.cpu_count()} CPUs",
        scale=scale,
        not_checked=not_checked,
    )
    report = Report(title, facts, sections)
    folder = out / "reports" / name
    write_report(report, folder)
    return folder, report
