"""The training loop, for pretraining and fine-tuning alike. One flat loop; resumes to the bit.

    train(model, model.loss, inputs_of, optimizer_of, schedule, folder, config, identity, "title")

All randomness of step s is drawn by `inputs_of(s)` from a generator seeded with s, so a checkpoint
needs no generator state and a resumed run is the run that was never stopped.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from radiofm.errors import MissingDependencyError, RadiofmError
from radiofm_models.checkpoint import (
    CONFIG,
    TRAINER,
    Checkpoint,
    latest_checkpoint,
    read_json,
    save_weights,
)
from radiofm_models.recipe import Schedule
from radiofm_models.world import Objective, Parallel, World

Inputs = tuple[Any, ...]


class Evaluate(Protocol):
    """Figures after `step` steps; of those named `score` the highest marks the best weights."""

    def __call__(self, step: int) -> Mapping[str, float]: ...


def cosine_lr(step: int, steps: int, peak: float, warmup: float) -> float:
    """Linear warm-up over the share `warmup` of `steps`, then half a cosine to 0."""
    first = max(1, round(warmup * steps))
    if step < first:
        return peak * (step + 1) / first
    return peak * 0.5 * (1 + math.cos(math.pi * (step - first) / max(1, steps - first)))


def train(
    model: nn.Module,
    loss: Callable[..., Tensor],
    inputs_of: Callable[[int], Inputs],
    optimizer_of: Callable[[], torch.optim.Optimizer],
    schedule: Schedule,
    folder: Path,
    config: dict[str, Any],
    identity: dict[str, Any],
    title: str,
    *,
    rate: Callable[[int], float] | None = None,
    evaluate: Evaluate | None = None,
    stop_at: int | None = None,
    world: World | None = None,
    parallel: Parallel = "ddp",
    partial: bool = False,
    tensorboard: bool = False,
) -> dict[str, Any]:
    """Minimise `loss(*inputs_of(step))` over `model`, or go on from the newest checkpoint.

    Writes to `folder`: checkpoints, `log.jsonl` (a line a step), and `best/` where `evaluate` gives
    a score. A checkpoint holds `config` (what the model is) and `identity` (what the run is): a
    folder of another run is refused. `optimizer_of` is called once the weights are where they are
    trained; its groups may have an `lr_scale`. `rate` gives the learning rate of a step; without it
    `cosine_lr` does. With `stop_at` the run is left there. Returns the trainer's record. Parameters
    without gradient are neither trained nor saved.
    """
    world = world or World(0, 1, next(model.parameters()).device)
    record: dict[str, Any] = {
        "step": 0, "recipe": identity, "cpu_s": 0.0, "wall_s": 0.0, "steps_s": 0.0, "waited_s": 0.0,
        "loss_first": None, "loss_last": None, "best": None,
    }  # fmt: skip
    found = latest_checkpoint(folder)
    if found is not None:
        saved = read_json(found / TRAINER)
        if saved["recipe"] != identity or read_json(found / CONFIG) != config:
            raise RadiofmError(f"{folder} holds another recipe's run: name another folder")
        record |= saved
    model.to(world.device)
    checkpoint = Checkpoint(model, schedule.ema)
    if found is not None:
        checkpoint.load_weights(found)
    objective = world.wrap(Objective(model, loss), parallel, partial)
    optimizer = optimizer_of()
    if found is not None:
        checkpoint.load_optimizer(found, optimizer)
    log_path = folder / "log.jsonl"
    if world.first:
        folder.mkdir(parents=True, exist_ok=True)
        _forget(log_path, record["step"])
    bf16 = torch.autocast(world.device.type, torch.bfloat16, enabled=schedule.bf16)
    end = schedule.steps if stop_at is None else stop_at
    wall, cpu = time.monotonic(), time.process_time()
    with ExitStack() as stack:
        progress = stack.enter_context(_progress(title, world))
        task = progress.add_task("", total=schedule.steps, completed=record["step"], loss=math.nan)
        log = stack.enter_context(log_path.open("a", 1, encoding="utf-8")) if world.first else None
        board = _board(folder, record["step"]) if tensorboard and world.first else None
        for step in range(record["step"], end):
            lr = (
                rate(step)
                if rate
                else cosine_lr(step, schedule.steps, schedule.lr, schedule.warmup)
            )
            for group in optimizer.param_groups:
                group["lr"] = lr * group.get("lr_scale", 1.0)
            model.train()
            began = time.monotonic()
            inputs = inputs_of(step)
            record["waited_s"] += time.monotonic() - began
            with bf16:
                value = objective(*inputs)
            optimizer.zero_grad()
            value.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), schedule.clip)
            optimizer.step()
            checkpoint.follow()

            number, done = world.mean(value), step + 1
            record["steps_s"] += time.monotonic() - began
            if not math.isfinite(number):
                raise RadiofmError(f"{title}: the loss is {number} at step {step}: lower lr")
            if step == 0:
                record["loss_first"] = number
            line: dict[str, Any] = {"step": step, "loss": number, "lr": lr, "norm": norm.item()}
            if evaluate and (done == schedule.steps or done % schedule.evaluate_every == 0):
                model.eval()
                with torch.no_grad():
                    line["evaluation"] = dict(evaluate(done))
                score = line["evaluation"].get("score")
                if score is not None and (not record["best"] or score > record["best"]["score"]):
                    record["best"] = {"step": done, "score": score}
                    if world.first:
                        save_weights(folder / "best", model)
            if log:
                log.write(json.dumps(line) + "\n")
            if board:
                board.add_scalar("loss", number, done)
                board.add_scalar("lr", lr, done)
                for name, figure in line.get("evaluation", {}).items():
                    board.add_scalar(name, figure, done)
            progress.update(task, advance=1, loss=number)
            if done % schedule.checkpoint_every == 0 or done == end:
                now, used = time.monotonic(), time.process_time()
                record |= {"step": done, "loss_last": number}
                record["wall_s"] += now - wall
                record["cpu_s"] += used - cpu
                wall, cpu = now, used
                checkpoint.save(folder, optimizer, config, record, write=world.first)
        if board:
            board.close()
    model.eval()
    return record


def report(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a run's closing line says of its trainer's record; `waited` is the share of its steps'
    time in which they waited for data."""
    return {
        "step": record["step"],
        "loss_first": record["loss_first"],
        "loss_last": record["loss_last"],
        "wall_s": round(record["wall_s"], 1),
        "cpu_s": round(record["cpu_s"], 1),
        "waited": round(record["waited_s"] / max(record["steps_s"], 1e-9), 4),
    }


def _forget(log: Path, step: int) -> None:
    """Take out what came after the checkpoint."""
    if log.exists():
        lines = log.read_text("utf-8").splitlines(keepends=True)
        log.write_text("".join(lines[:step]), "utf-8")


def _progress(title: str, world: World) -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn(title), BarColumn(), MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.4f}"), TimeRemainingColumn(),
        console=console, disable=not (world.first and console.is_terminal),
    )  # fmt: skip


def _board(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise MissingDependencyError("tensorboard", "pip install 'radiofm[tensorboard]'") from None
    return SummaryWriter(str(folder / "tensorboard"), purge_step=step)
