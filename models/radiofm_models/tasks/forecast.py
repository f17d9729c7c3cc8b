"""`radiofm finetune --task forecast`: the next tokens of radio sentences, by the ConvLSTM.

"Self-Supervised Radio Pre-training" (Aboulfotouh et al., 2024), sections III-C and IV-A.

run.json    what the run is, and test figures of network and trivial answers
step-*/     the last weights; those of a frozen encoder are not in it
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from radiofm.errors import UsageError
from radiofm_models.checkpoint import CONFIG, latest_checkpoint, read_json
from radiofm_models.convlstm import ConvLSTMConfig
from radiofm_models.convlstm_pretrain import PretrainedConvLSTM, load_convlstm
from radiofm_models.convlstm_tuning import (
    Forecaster,
    encoder_for,
    foretold,
    next_tokens,
    tune,
)
from radiofm_models.convlstm_tuning import Mode as Kept
from radiofm_models.datasets.slices import CorpusSlices
from radiofm_models.finetune_run import RANDOM, weights_hash
from radiofm_models.forecasting import Block, Future, future_of, judge, trivial
from radiofm_models.material import open_material
from radiofm_models.recipe import Schedule
from radiofm_models.sentences import SLICE_S, Sentences, SentenceShape

AHEAD = 4  # tokens
SLICES = 10  # of a test sentence and what comes after it
MOST = 512  # test sentences
BLOCKS: tuple[Block, ...] = ((0.5, 1.0), (1.0, 1.0), (1.0, 5.0), (2.0, 5.0))  # the paper's
Mode = Literal["strict", "full", "scratch"]
KEPT: dict[Mode, tuple[Kept, Kept]] = {  # with a pretrained encoder, and without
    "strict": ("frozen", "random"),
    "full": ("full", "scratch"),
    "scratch": ("scratch", "scratch"),
}


class ForecastRecipe(Schedule):
    """Of the schedule the paper says nothing: it is chosen. Sizes are of an untrained encoder."""

    steps: Annotated[int, Field(gt=0)] = 1  # counted by epochs
    batch: Annotated[int, Field(gt=0)] = 32  # sentences
    lr: Annotated[float, Field(gt=0)] = 1e-3
    mode: Mode = "strict"
    epochs: Annotated[int, Field(gt=0)] = 200  # of sentences that lie beside each other
    model: ConvLSTMConfig = ConvLSTMConfig()
    sentence: SentenceShape = SentenceShape()


def run(
    task: str, data: str, encoder: str, recipe: ForecastRecipe, out: Path, tensorboard: bool
) -> dict[str, Any]:
    """Train in `out` on the corpus `data`, or go on with what is there; then forecast test parts.

    Returns what came of it, as run.json: `test` has, by name of the answer, `mse` by horizon and
    for each block `recall`, `precision` and `f1` by horizon and over all of them.
    """
    pretrained = None if encoder == RANDOM else _pretrained(Path(encoder))
    config = pretrained.model.encoder.config if pretrained else recipe.model
    shape = pretrained.sentence if pretrained else recipe.sentence
    spec = pretrained.spec if pretrained else None
    if not (Path(data).expanduser() / "spec.json").is_file():
        raise UsageError(
            f"{data} is no corpus: name one that `radiofm corpus build --spec convlstm` made"
        )
    material = open_material(data, out / "data", recipe.seed, scaling=spec)
    training = Sentences(material, material.split.train, shape)
    testing = Sentences(material, material.split.test, shape)
    tokens, rows = testing.spread(MOST, SLICES, AHEAD)
    known, _ = training.spread(MOST, SLICES, AHEAD)
    dataset = material.dataset
    assert isinstance(dataset, CorpusSlices)
    rates = np.array([dataset.sample_rate_hz(int(row)) for row in rows])
    test = future_of(tokens, shape.tokens, SLICES * SLICE_S, rates)

    steps = max(1, recipe.epochs * len(training) // recipe.batch)
    recipe = recipe.model_copy(update={"steps": steps, "model": config, "sentence": shape})
    mode = KEPT[recipe.mode][pretrained is None]
    model = Forecaster(
        encoder_for(mode, pretrained.model.encoder if pretrained else None, config, recipe.seed)
    )
    about: dict[str, Any] = {
        "task": task, "data": data, "encoder": encoder, "encoder_sha256": weights_hash(encoder),
    }  # fmt: skip
    identity = {"about": about, "fingerprint": dataset.fingerprint()}
    record = tune(
        model, model.loss, next_tokens(training, recipe), recipe, out, identity, "forecast",
        tensorboard,
    )  # fmt: skip
    answers = {"model": foretold(model, tokens[:, : shape.tokens], AHEAD)}
    answers |= trivial(test, known.mean(axis=(0, 1, 2, 4)))
    parts = {"encoder": model.encoder, "head": model.head}
    counts = {
        name: sum(p.numel() for p in part.parameters() if p.requires_grad)
        for name, part in parts.items()
    }
    return about | {
        "recipe": recipe.model_dump(mode="json"),
        "parameters": counts,
        "tuning": f"{recipe.mode}: {sum(counts.values()):,} parameters are trained: "
        + ", ".join(f"{name} {count:,}" for name, count in counts.items()),
        "step": record["step"],
        "best": None,
        "sentences": {"train": len(training), "test": len(tokens)},
        "test": figures(test, answers, blocks_within(float(rates.min()))),
    }


def blocks_within(bandwidth_hz: float) -> list[Block]:
    """The paper's blocks; one that is wider than the band is as wide as the band."""
    return list(dict.fromkeys((ms, min(mhz, bandwidth_hz / 1e6)) for ms, mhz in BLOCKS))


def figures(test: Future, answers: dict[str, Any], blocks: list[Block]) -> dict[str, Any]:
    """`forecasting.judge` as plain values; `score` is the mean F1 over blocks."""
    found: dict[str, Any] = {}
    for name, judged in judge(test, answers, blocks).items():
        f1 = judged["f1"][:, -1]
        found[name] = {
            "mse": judged["mse"].tolist(),
            "blocks": [
                {"ms": ms, "mhz": mhz}
                | {key: _plain(judged[key][row]) for key in ("recall", "precision", "f1")}
                for row, (ms, mhz) in enumerate(blocks)
            ],
            "score": float(np.nan_to_num(f1).mean()),
        }
    return found


def _plain(values: np.ndarray[Any, np.dtype[np.float64]]) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def _pretrained(folder: Path) -> PretrainedConvLSTM:
    found = latest_checkpoint(folder) or folder
    if not (found / CONFIG).is_file() or "convlstm" not in read_json(found / CONFIG):
        raise UsageError(
            f"encoder {folder} is no ConvLSTM: name a run of `radiofm pretrain --preset convlstm`, "
            "or random"
        )
    return load_convlstm(folder)
