"""Tasks with a run of their own: what they learn from is no label of an item.

Their run.json is a report's matter (`evaluation.own`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from radiofm_models.convlstm_pretrain import is_convlstm
from radiofm_models.finetune_run import RANDOM, RUN, one_process
from radiofm_models.protobeam.embeddings import FewShotRecipe
from radiofm_models.recipe import recipe_of
from radiofm_models.tasks import convlstm_forecast, few_shot


@dataclass(frozen=True)
class OwnTask:
    """How a task is run; the fields of its recipe are the options that it takes."""

    about: str
    recipe: type[BaseModel]
    run: Callable[..., dict[str, Any]]  # task, data, encoder, recipe, out, tensorboard


RUNS: dict[str, OwnTask] = {  # of `presets.OWN`
    "convlstm-forecast": OwnTask(
        "the next four tokens of a radio sentence (ConvLSTM, Fig. 6)",
        convlstm_forecast.ForecastRecipe, convlstm_forecast.run,
    ),
    "beams": OwnTask(
        "beams by prototypes of a few shots (ProtoBeam, Table I)",
        FewShotRecipe, few_shot.run,
    ),
    "aoa": OwnTask(
        "angles of arrival by prototypes of a few shots (ProtoAoA)",
        FewShotRecipe, few_shot.run,
    ),
}  # fmt: skip


def name_of(task: str, encoder: str, preset: str) -> str:
    """What `task` is called on an encoder: what a ConvLSTM foretells is a task of its own."""
    convlstm = preset == "convlstm" if encoder == RANDOM else is_convlstm(Path(encoder))
    return "convlstm-forecast" if task == "forecast" and convlstm else task


def run_own(
    task: str, data: str, encoder: str, settings: Mapping[str, Any], out: Path, tensorboard: bool
) -> dict[str, Any]:
    """Run `task` in `out`, or go on with what is there. Returns what came of it, as run.json."""
    one_process()
    own = RUNS[task]
    report = own.run(task, data, encoder, recipe_of(own.recipe, settings), out, tensorboard)
    (out / RUN).write_text(json.dumps(report, indent=1, allow_nan=False) + "\n", "utf-8")
    return report
