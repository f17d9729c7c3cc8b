"""`radiofm finetune --task forecast` on a ConvLSTM: the next tokens of radio sentences.

"Self-Supervised Radio Pre-training" (Aboulfotouh et al., 2024), sections III-C and IV-A.

run.json    what the run is, and test figures of network and trivial answers
step-*/     the last weights; those of a frozen encoder are not in it
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from radiofm.errors import UsageError
from radiofm_models.convlstm import ConvLSTMConfig
from radiofm_models.convlstm_pretrain import PretrainedConvLSTM, is_convlstm, load_convlstm
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
from radiofm_models.forecasting import blocks_within, figures, future_of, trivial
from radiofm_models.material import open_material
from radiofm_models.recipe import Schedule, recipe_of
from radiofm_models.sentences import SLICE_S, Sentences, SentenceShape

AHEAD = 4  # tokens
SLICES = 10  # of a test sentence and what comes after it
MOST = 512  # test sentences
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
    preset: Literal["convlstm"] = "convlstm"  # what an untrained encoder is
    model: ConvLSTMConfig = ConvLSTMConfig()
    sentence: SentenceShape = SentenceShape()


def run(
    task: str, data: str, encoder: str, recipe: ForecastRecipe, out: Path, tensorboard: bool
) -> dict[str, Any]:
    """Train in `out` on the corpus `data`, or go on with what is there; then forecast test parts.

    Returns what came of it, as run.json: `test` has `forecasting.figures` by name of the answer.
    """
    pretrained = _pretrained(encoder)
    mode = KEPT[recipe.mode][pretrained is None]
    about = {
        "task": task, "data": data, "encoder": encoder, "encoder_sha256": weights_hash(encoder),
    }  # fmt: skip
    return about | _trained(about, pretrained, mode, recipe, out, out / "data", tensorboard)


def untrained(about: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The test figures beside which those of the run in `folder`, `about` in its run.json, are put:
    of the same head, trained the same way in `folder`/random-init, on an encoder of the same sizes
    that has learnt nothing and stays so."""
    recipe = recipe_of(ForecastRecipe, about["recipe"] | {"mode": "strict"})
    known = {name: about[name] for name in ("task", "data", "encoder", "encoder_sha256")}
    pretrained = _pretrained(about["encoder"])
    out = folder / "random-init"
    trained = _trained(known, pretrained, "random", recipe, out, folder / "data", False)
    figures_of: dict[str, Any] = trained["test"]["model"]
    return figures_of


def _pretrained(encoder: str) -> PretrainedConvLSTM | None:
    if encoder == RANDOM:
        return None
    if not is_convlstm(Path(encoder)):
        raise UsageError(
            f"encoder {encoder} is no ConvLSTM: name a run of `radiofm pretrain --preset "
            "convlstm`, or random"
        )
    return load_convlstm(Path(encoder))


def _trained(
    about: dict[str, Any],
    pretrained: PretrainedConvLSTM | None,
    mode: Kept,
    recipe: ForecastRecipe,
    out: Path,
    cache: Path,
    tensorboard: bool,
) -> dict[str, Any]:
    data = about["data"]
    config = pretrained.model.encoder.config if pretrained else recipe.model
    shape = pretrained.sentence if pretrained else recipe.sentence
    spec = pretrained.spec if pretrained else None
    if not (Path(data).expanduser() / "spec.json").is_file():
        raise UsageError(
            f"{data} is no corpus: name one that `radiofm corpus build --spec convlstm` made"
        )
    material = open_material(data, cache, recipe.seed, scaling=spec)
    training = Sentences(material, material.split.train, shape)
    testing = Sentences(material, material.split.test, shape)
    tokens, rows = testing.spread(MOST, SLICES, AHEAD)
    known, _ = training.spread(MOST, SLICES, AHEAD)
    dataset = material.dataset
    assert isinstance(dataset, CorpusSlices)
    rates = np.array([dataset.sample_rate_hz(int(row)) for row in rows])
    test = future_of(tokens, shape.tokens, SLICES * SLICE_S, rates)
    blocks = blocks_within(float(rates.min()), test.ahead * test.token_s)

    steps = max(1, recipe.epochs * len(training) // recipe.batch)
    recipe = recipe.model_copy(update={"steps": steps, "model": config, "sentence": shape})
    model = Forecaster(
        encoder_for(mode, pretrained.model.encoder if pretrained else None, config, recipe.seed)
    )
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
    return {
        "recipe": recipe.model_dump(mode="json"),
        "parameters": counts,
        "tuning": f"{recipe.mode}: {sum(counts.values()):,} parameters are trained: "
        + ", ".join(f"{name} {count:,}" for name, count in counts.items()),
        "step": record["step"],
        "best": None,
        "sentences": {"train": len(training), "test": len(tokens)},
        "test": figures(test, answers, blocks),
    }
