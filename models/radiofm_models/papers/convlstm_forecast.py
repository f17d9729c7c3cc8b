"""ConvLSTM paper, Fig. 6: forecasts of the next four tokens, by block size and horizon."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from radiofm.spectrogram import Image
from radiofm_models.convlstm_tuning import Forecaster, encoder_for, foretold, next_tokens, tune
from radiofm_models.datasets.slices import CorpusSlices
from radiofm_models.forecasting import Block, Future, future_of, judge, trivial
from radiofm_models.papers.convlstm import (
    NAMES,
    Study,
    Told,
    masked_table,
    open_air,
    pretrained,
    run_study,
    sizes,
)
from radiofm_models.report import (
    Cell,
    Column,
    Figure,
    Measured,
    Part,
    Scale,
    Section,
    Series,
    Table,
    curves,
    forecasts,
)
from radiofm_models.sentences import SLICE_S, Sentences

SHOWN = 4  # test sentences drawn,
DRAWN = 2  # as so many of the networks foretold them
Figures = dict[str, list[dict[str, np.ndarray]]]  # by name, a seed each: see forecasting.judge


class ForecastStudy(Study):
    ahead: int = 4  # tokens
    blocks: tuple[Block, ...]  # ms, MHz
    slices: int  # of a test sentence and what comes after it
    test: int  # test sentences, at most


def sections(recipe: str, scale: Scale, out: Path, sources: Mapping[str, str]) -> Told:
    """The report's sections, the seeds, and what the data are. `sources` may name a corpus rrd."""
    return run_study(
        ForecastStudy, ("rrd",), recipe, scale, sources,
        lambda study: _sections(study, sources, out),
    )  # fmt: skip


def _sections(study: ForecastStudy, sources: Mapping[str, str], out: Path) -> Told:
    material = open_air(study.air, sources, out)
    shape, split = study.pretrain.sentence, material.split
    training = Sentences(material, split.validation, shape)
    testing = Sentences(material, split.test, shape)
    tokens, rows = testing.spread(study.test, study.slices, study.ahead)
    dataset = material.dataset
    assert isinstance(dataset, CorpusSlices)
    rates = np.array([dataset.sample_rate_hz(int(row)) for row in rows])
    test = future_of(tokens, shape.tokens, study.slices * SLICE_S, rates)
    known, _ = training.spread(study.test, study.slices, study.ahead)
    answers = trivial(test, known.mean(axis=(0, 1, 2, 4)))
    figures: Figures = {name: [f] for name, f in judge(test, answers, study.blocks).items()}

    models = []
    for seed in study.seeds:
        folder = out / f"seed-{seed}"
        models.append(pretrained(study, material, seed, folder / "pretrain"))
        schedule = study.tune.model_copy(update={"seed": seed})
        for mode in study.modes:
            encoder = encoder_for(mode, models[-1].encoder, study.pretrain.model, seed)
            model = Forecaster(encoder)
            tune(
                model, model.loss, next_tokens(training, schedule), schedule, folder / mode,
                {"mode": mode, "data": material.dataset.fingerprint()}, f"forecast, {mode}",
            )  # fmt: skip
            ahead = foretold(model, tokens[:, : shape.tokens], study.ahead)
            answers.setdefault(NAMES[mode], ahead)  # of the first seed, to be drawn
            judged = judge(test, {NAMES[mode]: ahead}, study.blocks)
            figures.setdefault(NAMES[mode], []).extend(judged.values())
    names = [NAMES[mode] for mode in study.modes]
    made = [
        Section("Forecasts", [
            *_verdicts(figures, names), _recall(study, figures), _errors(study, figures),
            *(_blocks(study, figures, number) for number in range(len(study.blocks))),
        ]),
        Section("Pictures", [_pictures(test, answers[name], name) for name in names[:DRAWN]]),
        Section("Pretraining", [masked_table(study, material, models)]),
    ]  # fmt: skip
    what = sources.get("rrd") or f"{study.air.recordings if study.air else 0} simulated recordings"
    text = f"{what}; {len(tokens)} sentences to test on, of recordings that nothing was trained on"
    return made, study.seeds, f"{text}; {sizes(study)}"


def _over(figures: list[dict[str, np.ndarray]], key: str, *at: int) -> Measured:
    return Measured.over([one[key][at] for one in figures])


def _recall(study: ForecastStudy, figures: Figures) -> Figure:
    """The paper's figure: solid what is pretrained, dashed the same network from scratch."""
    horizon = np.arange(study.ahead)
    series = []
    for number, (ms, mhz) in enumerate(study.blocks):
        for mode in ("frozen", "scratch"):
            if NAMES[mode] in figures:
                values = np.array([f["recall"][number, horizon] for f in figures[NAMES[mode]]])
                series.append(Series(
                    f"{ms:g} ms, {mhz:g} MHz" + (" (b)" if mode == "scratch" else ""),
                    horizon + 1, values.mean(axis=0),
                    values.std(axis=0, ddof=1) if len(values) > 1 else None,
                    baseline=mode == "scratch", colour=number,
                ))  # fmt: skip
    return curves(
        "Probability of correct occupied predictions. Solid: the pretrained encoder, frozen; "
        "dashed, (b): the same network from scratch.",
        series, "tokens ahead", "occupied blocks called so", percent=True,
    )  # fmt: skip


def _errors(study: ForecastStudy, figures: Figures) -> Table:
    columns = [Column("forecast")]
    columns += [Column(f"{h + 1} ahead", best="min") for h in range(study.ahead)]
    rows: list[list[Cell]] = [
        [name, *(_over(of, "mse", h) for h in range(study.ahead))] for name, of in figures.items()
    ]
    return Table("Mean squared error by horizon, in standardised units", columns, rows)


def _blocks(study: ForecastStudy, figures: Figures, number: int) -> Table:
    ms, mhz = study.blocks[number]
    keys = ("recall", "precision", "f1")
    return Table(
        f"Occupied blocks of {ms:g} ms and {mhz:g} MHz, {study.ahead} tokens ahead taken together",
        [Column("forecast"), *(Column(key, ".1%", "max") for key in keys)],
        [[name, *(_over(of, key, number, -1) for key in keys)] for name, of in figures.items()],
        "Recall is the paper's figure. To call all occupied has a recall of 100 %.",
    )


def _verdicts(figures: Figures, names: list[str]) -> list[Part]:
    """What may be said of the networks and the trivial answers."""
    error = {name: np.mean([one["mse"].mean() for one in of]) for name, of in figures.items()}
    f1 = {name: np.mean([one["f1"][:, -1].mean() for one in of]) for name, of in figures.items()}
    others = [name for name in figures if name not in names]
    low, high = min(others, key=lambda n: error[n]), max(others, key=lambda n: f1[n])
    lines: list[Part] = []
    for name in names:
        lines.append(
            f"{name}: a mean squared error of {error[name]:.3f}, "
            f"{'below' if error[name] < error[low] else 'NOT below'} the best trivial answer's "
            f"({low}, {error[low]:.3f}); a mean F1 over block sizes of {f1[name]:.1%}, "
            f"{'above' if f1[name] > f1[high] else 'NOT above'} the best trivial answer's "
            f"({high}, {f1[high]:.1%})."
        )
    lines.append(
        "In the paper the network from scratch is a little better than the pretrained one whose "
        "encoder is frozen; it gives curves and no numbers."
    )
    return lines


def _pictures(test: Future, foretold: Image, name: str) -> Figure:
    chosen = np.linspace(0, len(test.context) - 1, min(SHOWN, len(test.context))).astype(int)
    return forecasts(
        f"Test sentences, and the next {test.ahead} tokens as they came and as foretold: {name}.",
        test.context[chosen], test.future[chosen], foretold[chosen],
        [f"sentence {number}" for number in chosen],
    )  # fmt: skip
