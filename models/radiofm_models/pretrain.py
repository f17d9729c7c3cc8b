"""Pretraining by masked spectrogram modeling. One flat loop; resumes to the bit.

All randomness of step s is drawn from a generator seeded by (seed, s), so a checkpoint needs no
generator state and a resumed run is the run that was never stopped.
"""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from radiofm.errors import RadiofmError
from radiofm.spectrogram import Image, SpectrogramSpec
from radiofm_models.checkpoint import (
    CONFIG,
    TRAINER,
    latest_checkpoint,
    load_optimizer,
    load_weights,
    read_json,
    save_checkpoint,
)
from radiofm_models.data import augment
from radiofm_models.msm import MaskedAutoencoder
from radiofm_models.recipe import PretrainRecipe
from radiofm_models.vit import PRESETS


def adamw(
    model: nn.Module, lr: float, betas: tuple[float, float], weight_decay: float
) -> torch.optim.AdamW:
    """AdamW with `weight_decay` on matrices and none on biases, norms and single tokens."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=lr, betas=betas, fused=True)


def cosine_lr(step: int, steps: int, peak: float, warmup: float) -> float:
    """Linear warm-up over the share `warmup` of `steps`, then half a cosine to 0."""
    first = max(1, round(warmup * steps))
    if step < first:
        return peak * (step + 1) / first
    return peak * 0.5 * (1 + math.cos(math.pi * (step - first) / max(1, steps - first)))


def draw(images: Image, step: int, recipe: PretrainRecipe, gain: float) -> tuple[Tensor, Tensor]:
    """Batch and mask noise of step `step`: float32 [B, 1, H, W] and [B, M].

    Each epoch visits a fresh permutation; its last incomplete batch is left out.
    """
    per_epoch = len(images) // recipe.batch
    epoch, place = divmod(step, per_epoch)
    order = np.random.default_rng((recipe.seed, 0, epoch)).permutation(len(images))
    rng = np.random.default_rng((recipe.seed, 1, step))
    batch = augment(images[order[place * recipe.batch :][: recipe.batch]], rng, gain)
    patch = PRESETS[recipe.preset].patch
    patches = (batch.shape[2] // patch) * (batch.shape[3] // patch)
    noise = rng.random((len(batch), patches), np.float32)
    return torch.from_numpy(batch), torch.from_numpy(noise)


def pretrain(
    images: Image,
    spec: SpectrogramSpec,
    recipe: PretrainRecipe,
    folder: Path,
    stop_at: int | None = None,
) -> tuple[MaskedAutoencoder, dict[str, Any]]:
    """Train on `images` float32 [n, 1, H, W], or go on from the newest checkpoint in `folder`.

    Writes a line a step to `folder/log.jsonl`. Returns the model and the trainer's record. With
    `stop_at` the run is left there, with a checkpoint.
    """
    torch.manual_seed(recipe.seed)
    model = MaskedAutoencoder(PRESETS[recipe.preset])
    optimizer = adamw(model, recipe.lr, recipe.betas, recipe.weight_decay)
    config = {"vit": model.config.model_dump(), "spec": spec.model_dump(mode="json")}
    trainer: dict[str, Any] = {
        "step": 0, "recipe": recipe.model_dump(mode="json"), "cpu_s": 0.0, "wall_s": 0.0,
        "loss_first": None, "loss_last": None,
    }  # fmt: skip
    found = latest_checkpoint(folder)
    if found is not None:
        saved = read_json(found / TRAINER)
        if saved["recipe"] != trainer["recipe"] or read_json(found / CONFIG) != config:
            raise RadiofmError(f"{folder} holds another recipe's run: name another folder")
        load_weights(found, model)
        load_optimizer(found, model, optimizer)
        trainer = saved
    folder.mkdir(parents=True, exist_ok=True)
    log_path = folder / "log.jsonl"
    if log_path.exists():  # forget what came after the checkpoint
        lines = log_path.read_text("utf-8").splitlines(keepends=True)
        log_path.write_text("".join(lines[: trainer["step"]]), "utf-8")
    gain = recipe.gain_db / ((spec.range_db[1] - spec.range_db[0]) * spec.std)
    end = recipe.steps if stop_at is None else stop_at

    progress = Progress(
        TextColumn("pretrain"), BarColumn(), MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.4f}"), TimeRemainingColumn(),
    )  # fmt: skip
    task = progress.add_task("", total=recipe.steps, completed=trainer["step"], loss=math.nan)
    wall, cpu = time.monotonic(), time.process_time()
    with progress, log_path.open("a", 1, encoding="utf-8") as log:
        for step in range(trainer["step"], end):
            lr = cosine_lr(step, recipe.steps, recipe.lr, recipe.warmup)
            for group in optimizer.param_groups:
                group["lr"] = lr
            batch, noise = draw(images, step, recipe, gain)
            loss = model.loss(batch, noise, recipe.mask_ratio)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            norm = nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
            optimizer.step()

            value = loss.item()
            if not math.isfinite(value):
                raise RadiofmError(f"pretraining: the loss is {value} at step {step}: lower lr")
            if step == 0:
                trainer["loss_first"] = value
            line = {"step": step, "loss": value, "lr": lr, "norm": norm.item()}
            log.write(json.dumps(line) + "\n")
            progress.update(task, advance=1, loss=value)
            done = step + 1
            if done % recipe.checkpoint_every == 0 or done == end:
                now, used = time.monotonic(), time.process_time()
                trainer |= {"step": done, "loss_last": value}
                trainer["wall_s"] += now - wall
                trainer["cpu_s"] += used - cpu
                wall, cpu = now, used
                log.flush()
                save_checkpoint(folder, model, optimizer, config, trainer)
    return model, trainer
