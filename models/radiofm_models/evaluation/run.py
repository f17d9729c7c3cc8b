"""`radiofm evaluate`: the report of a run, whichever it is of."""

from __future__ import annotations

from pathlib import Path

from radiofm.errors import UsageError
from radiofm_models.checkpoint import CONFIG, latest_checkpoint, read_json
from radiofm_models.evaluation import own, pretrained, tuned
from radiofm_models.finetune_run import RUN
from radiofm_models.report import Report, write_report
from radiofm_models.tasks.presets import OWN


def evaluate(folder: Path, out: Path, command: str, machine: str) -> Report:
    """Write the report of the finished run in `folder` to `out`; UsageError where there is none."""
    if (folder / RUN).is_file() and read_json(folder / RUN).get("task") in OWN:
        report = own.evaluate(folder, command, machine)
    elif (folder / RUN).is_file():
        report = tuned.evaluate(folder, command, machine)
    elif (found := latest_checkpoint(folder)) is not None:
        if "task" in read_json(found / CONFIG):
            raise UsageError(f"{folder} has no {RUN}: let `radiofm finetune` finish it")
        report = pretrained.evaluate(folder, command, machine)
    else:
        raise UsageError(
            f"{folder} is no run of `radiofm finetune` or `radiofm pretrain`: name one, or for a "
            "bundle --recordings"
        )
    write_report(report, out)
    return report
