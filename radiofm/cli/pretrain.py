"""`radiofm pretrain`: an encoder from slices that nobody labelled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from radiofm.cli import options
from radiofm.cli.threads import wait_quietly
from radiofm.cli.training import OPTIMISER, RUN, CheckpointEvery, LearningRate, TensorBoard

CONVLSTM = "convlstm"
_MASK = "Masking"


def pretrain(
    data: Annotated[
        list[str],
        typer.Argument(
            help="A corpus, slice set or array set, or NAME:PATH of a public data set. Several "
            "take turns; those of different channels are modalities on one trunk."
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder of the run; one that was stopped goes on.")
    ] = Path("runs/pretrain"),
    preset: Annotated[
        str,
        typer.Option(
            help="nano, tiny, small, medium or large: a ViT; convlstm: that paper's ConvLSTM, on a "
            "corpus of 2 ms slices (corpus build --spec convlstm)."
        ),
    ] = "small",
    patch: Annotated[int, typer.Option(min=1, help="Edge of a ViT's patch, pixels.")] = 16,
    epochs: Annotated[
        int, typer.Option(min=1, help="How often the largest set is gone through.")
    ] = 800,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Steps, instead of epochs.", show_default=False)
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Slices a step, of all processes.")] = 256,
    size: Annotated[
        int, typer.Option(min=16, help="Height and width of what is no spectrogram, pixels.")
    ] = 224,
    centred: Annotated[
        bool,
        typer.Option(
            "--centred", help="Take each slice's median off: a receiver's gain is no matter."
        ),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of weights, order, masks and split.")] = 0,
    mask_ratio: Annotated[
        float | None,
        typer.Option(
            min=0.01, max=0.99, rich_help_panel=_MASK, show_default=False,
            help="Share removed. (default: 0.75; convlstm: 0.2 of the tokens)",
        ),
    ] = None,
    geometry: Annotated[
        Literal["random", "time", "frequency", "region"],
        typer.Option(
            rich_help_panel=_MASK, help="Which patches are removed together; convlstm: random."
        ),
    ] = "random",
    augment: Annotated[
        bool,
        typer.Option(
            rich_help_panel=_MASK,
            help="Spectrograms rolled in frequency, reversed in time, louder or softer; convlstm: "
            "never.",
        ),
    ] = True,
    gain_db: Annotated[
        float, typer.Option(min=0, rich_help_panel=_MASK, help="By how much: +- dB.")
    ] = 3.0,
    lr: LearningRate = 1e-3,
    warmup: Annotated[
        float,
        typer.Option(min=0, max=0.99, rich_help_panel=OPTIMISER, help="Share of the steps."),
    ] = 0.05,
    weight_decay: Annotated[
        float, typer.Option(min=0, rich_help_panel=OPTIMISER, help="AdamW's, on matrices.")
    ] = 0.05,
    clip: Annotated[
        float, typer.Option(rich_help_panel=OPTIMISER, help="Largest norm of the gradient.")
    ] = 1.0,
    ema: Annotated[
        float | None,
        typer.Option(
            rich_help_panel=OPTIMISER, help="Keep a moving average of the weights: 0.999.",
            show_default=False,
        ),
    ] = None,
    bf16: Annotated[
        bool,
        typer.Option(rich_help_panel=OPTIMISER, help="Compute in bfloat16; for GPUs that can."),
    ] = False,
    parallel: Annotated[
        Literal["ddp", "fsdp"],
        typer.Option(rich_help_panel=RUN, help="Under torchrun: copies, or shards of weights."),
    ] = "ddp",
    checkpoint_every: CheckpointEvery = 500,
    evaluate_every: Annotated[
        int, typer.Option(min=1, rich_help_panel=RUN, help="Steps; with pictures.")
    ] = 1000,
    tensorboard: TensorBoard = False,
    as_json: options.Json = False,
) -> None:  # fmt: skip
    """Pretrain an encoder by masked spectrogram modeling. Defaults are the papers'.

    On several GPUs: torchrun --nproc-per-node 4 -m radiofm pretrain ...
    """
    wait_quietly()
    from radiofm.errors import UsageError
    from radiofm_models.convlstm_pretrain import run_convlstm
    from radiofm_models.pretrain_run import run
    from radiofm_models.recipe import ConvLSTMRecipe, PretrainRecipe, recipe_of
    from radiofm_models.vit import PRESETS

    schedule: dict[str, Any] = {
        "steps": steps or 1, "batch": batch, "seed": seed, "lr": lr, "warmup": warmup,
        "weight_decay": weight_decay, "clip": clip, "ema": ema, "bf16": bf16,
        "checkpoint_every": checkpoint_every, "evaluate_every": evaluate_every,
    }  # fmt: skip
    rounds = epochs if steps is None else None
    if preset == CONVLSTM:
        if len(data) > 1:
            raise UsageError(f"{data[1]}: a ConvLSTM is trained on one corpus: name one")
        if geometry != "random" or parallel != "ddp" or centred:
            raise UsageError("--preset convlstm: leave --geometry, --parallel and --centred out")
        sentences = recipe_of(ConvLSTMRecipe, schedule | {"mask_ratio": mask_ratio or 0.2})
        report = run_convlstm(data[0], out, sentences, epochs=rounds, tensorboard=tensorboard)
    elif preset in PRESETS:
        recipe = recipe_of(PretrainRecipe, schedule | {
            "preset": preset, "patch": patch, "mask_ratio": mask_ratio or 0.75,
            "geometry": geometry, "augment": augment, "gain_db": gain_db,
        })  # fmt: skip
        report = run(
            data, out, recipe, epochs=rounds, size=(size, size), centred=centred, parallel=parallel,
            tensorboard=tensorboard,
        )  # fmt: skip
    else:
        known = ", ".join([*PRESETS, CONVLSTM])
        raise UsageError(f"--preset {preset} is unknown: take one of {known}")
    if report is not None:
        closing = json.dumps({"command": "pretrain"} | report)
        typer.echo(closing if as_json else f"{out}: {closing}")
