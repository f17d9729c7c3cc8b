"""Options that the trainers share, `pretrain` and `finetune`, each written once."""

from __future__ import annotations

from typing import Annotated

import typer

OPTIMISER, RUN = "Optimiser", "Run"  # panels of the help page

LearningRate = Annotated[
    float, typer.Option(rich_help_panel=OPTIMISER, help="Learning rate at its highest.")
]
CheckpointEvery = Annotated[int, typer.Option(min=1, rich_help_panel=RUN, help="Steps.")]
TensorBoard = Annotated[bool, typer.Option(rich_help_panel=RUN, help="Log for TensorBoard, too.")]
