"""`radiofm finetune`: a head on an encoder, from labelled items."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from radiofm.cli import complete, options
from radiofm.cli.threads import wait_quietly
from radiofm.cli.training import OPTIMISER, RUN, CheckpointEvery, LearningRate, TensorBoard

_HOW = "How"
COMMON = ("data", "task", "encoder", "out", "tensorboard", "as_json")  # options of every task


def _option(*names: str, help: str, panel: str, **more: Any) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=panel, show_default=False, **more)


def finetune(
    context: typer.Context,
    data: Annotated[
        str,
        typer.Argument(
            help="Recordings: annotated (SigMF), in a folder for each class, or listed in "
            "labels.csv; a slice set or array set; or NAME:PATH of a public data set. forecast: "
            "a corpus (radiofm corpus build), on a ConvLSTM of 2 ms slices (--spec convlstm); "
            "beams, aoa: a set of `radiofm simulate`, or deepbeam:FOLDER."
        ),
    ],
    task: Annotated[
        str,
        typer.Option(
            help="activity, signals, segmentation, occupancy, positioning, channel, "
            "classification, regression, presence or anomaly; forecast: the four columns of "
            "patches, on a ConvLSTM the four tokens, that come next; occupancy-forecast: what of "
            "the next slice holds a signal; beams, aoa: prototypes of a few shots, by episodes."
        ),
    ],
    encoder: Annotated[
        str,
        typer.Option(
            help="Folder of a pretraining run or checkpoint; a bundle that brings one; random: an "
            "untrained one. forecast: also a run of pretrain --preset convlstm; beams, aoa: also "
            "densenet, ProtoBeam's own on IQ.",
            autocompletion=complete.bundles,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the run. (default: runs/TASK)", show_default=False),
    ] = None,
    mode: Annotated[
        Literal["strict", "linear", "attentive", "last", "lora", "full", "scratch"] | None,
        _option(
            "--mode", panel=_HOW,
            help="What is trained: head only; with tokenizer and norm; an attentive probe; the "
            "last blocks; adapters; all; all, from new weights. ConvLSTM: strict, full or scratch; "
            "beams, aoa: any but attentive and scratch. (default: the task's paper's)",
        ),
    ] = None,
    pooling: Annotated[
        Literal["token", "avg"] | None,
        _option("--pooling", panel=_HOW, help="CLS token or mean of patches. (default: task's)"),
    ] = None,
    layers: Annotated[
        int | None, _option("--layers", panel=_HOW, min=1, help="Of the head. (default: 1)")
    ] = None,
    last: Annotated[
        int | None, _option("--last", panel=_HOW, min=1, help="Blocks of mode last. (default: 2)")
    ] = None,
    lora_rank: Annotated[
        int | None, _option("--lora-rank", panel=_HOW, min=1, help="(default: 32)")
    ] = None,
    lora_alpha: Annotated[
        float | None, _option("--lora-alpha", panel=_HOW, help="(default: 8)")
    ] = None,
    label_smoothing: Annotated[
        float | None,
        _option("--label-smoothing", panel=_HOW, min=0, max=0.99, help="(default: the task's)"),
    ] = None,
    weighted: Annotated[
        bool | None,
        _option(
            "--weighted/--unweighted", panel=_HOW, help="Rare classes count more. (default: task's)"
        ),
    ] = None,
    per_class: Annotated[
        int | None,
        _option("--per-class", panel=_HOW, min=1, help="Training items a class. (default: all)"),
    ] = None,
    shots: Annotated[
        str | None,
        _option(
            "--shots", panel=_HOW,
            help="beams, aoa: blocks of a class that it is known by, in tests. (default: 2,32)",
        ),
    ] = None,
    preset: Annotated[
        str,
        typer.Option(
            rich_help_panel=_HOW,
            help="Sizes of an untrained encoder. forecast: also convlstm; densenet: small, "
            "ProtoBeam's, or nano, narrow.",
        ),
    ] = "small",
    patch: Annotated[
        int, typer.Option(min=1, rich_help_panel=_HOW, help="Of an untrained encoder, pixels.")
    ] = 16,
    size: Annotated[
        int, typer.Option(min=16, rich_help_panel=_HOW, help="Of what is no spectrogram, pixels.")
    ] = 224,
    epochs: Annotated[
        int, typer.Option(min=1, rich_help_panel=OPTIMISER, help="Epochs; beams, aoa: 110.")
    ] = 200,
    batch: Annotated[
        int, typer.Option(min=2, rich_help_panel=OPTIMISER, help="Items; ConvLSTM: 32 sentences.")
    ] = 256,
    lr: LearningRate = 1e-3,
    weight_decay: Annotated[
        float,
        typer.Option(
            min=0, rich_help_panel=OPTIMISER,
            help="AdamW's, on matrices; beams, aoa: 0.01, on all.",
        ),
    ] = 0.05,
    layer_decay: Annotated[
        float,
        typer.Option(
            min=0.01, max=1, rich_help_panel=OPTIMISER, help="Deeper layers learn slower by this."
        ),
    ] = 0.75,
    seed: Annotated[
        int, typer.Option(min=0, rich_help_panel=RUN, help="Of split, head and order.")
    ] = 0,
    checkpoint_every: CheckpointEvery = 500,
    tensorboard: TensorBoard = False,
    as_json: options.Json = False,
) -> None:  # fmt: skip
    """Train a head on an encoder for a task, and test it on items that it never saw."""
    wait_quietly()
    from radiofm.cli.bundles import named_bundles
    from radiofm.errors import UsageError
    from radiofm_models.finetune_run import Wanted, run
    from radiofm_models.tasks.own import RUNS, name_of

    if not Path(encoder).exists() and (bundle := named_bundles().get(encoder)):
        encoder = context.params["encoder"] = str(bundle)
    out = out or Path("runs") / task
    if (own := name_of(task, encoder, preset)) in RUNS:
        report = _run_own(context, own, out)
        _close(report, out, as_json)
        return
    if shots is not None:
        raise UsageError(f"--shots: the task {task} has no such option: leave it out")
    settings: dict[str, Any] = {
        "mode": mode, "pooling": pooling, "layers": layers, "last": last,
        "label_smoothing": label_smoothing, "weighted": weighted, "per_class": per_class,
        "batch": batch, "lr": lr, "weight_decay": weight_decay, "layer_decay": layer_decay,
        "seed": seed, "checkpoint_every": checkpoint_every,
    }  # fmt: skip
    if lora_rank is not None or lora_alpha is not None:
        settings["lora"] = {
            "rank": lora_rank or 32,
            "alpha": 8 if lora_alpha is None else lora_alpha,
        }
    wanted = Wanted(task, data, encoder, preset, patch, (size, size), epochs, settings)
    _close(run(wanted, out, tensorboard), out, as_json)


def _run_own(context: typer.Context, task: str, out: Path) -> dict[str, Any]:
    """A task of `presets.OWN`, with the options that were given and no other's defaults."""
    from radiofm.errors import UsageError
    from radiofm_models.tasks.own import RUNS, run_own

    values = context.params
    given: dict[str, Any] = {}
    for name, value in values.items():
        source = context.get_parameter_source(name)
        if name in COMMON or source is None or source.name == "DEFAULT":
            continue
        if name not in RUNS[task].recipe.model_fields:
            option = name.replace("_", "-")
            raise UsageError(f"--{option}: the task {task} has no such option: leave it out")
        given[name] = value.split(",") if name == "shots" else value
    return run_own(task, values["data"], values["encoder"], given, out, values["tensorboard"])


def _close(report: dict[str, Any], out: Path, as_json: bool) -> None:
    if not as_json:
        typer.echo(report["tuning"], err=True)
    closing = {
        "command": "finetune", "out": str(out), "task": report["task"],
        "parameters": report["parameters"],
        "best": report["best"],
        "test": {name: figures["score"] for name, figures in report["test"].items()},
    }  # fmt: skip
    typer.echo(json.dumps(closing) if as_json else f"{out}: {json.dumps(closing)}")
