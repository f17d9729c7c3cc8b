"""The ConvLSTM trained: runs that go on to the bit, a moving tone foretold, forecasts judged."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from radiofm_models.checkpoint import MODEL, CheckpointError
from radiofm_models.convlstm import ConvLSTMConfig
from radiofm_models.convlstm_pretrain import (
    load_convlstm,
    masked_error,
    pretrain_convlstm,
    run_convlstm,
)
from radiofm_models.convlstm_tuning import (
    Forecaster,
    Segmenter,
    encoder_for,
    next_tokens,
    tune,
)
from radiofm_models.encoders import load_pretrained
from radiofm_models.forecasting import Future, judge, trivial
from radiofm_models.material import Material
from radiofm_models.recipe import ConvLSTMRecipe, Schedule
from radiofm_models.sentences import Sentences, SentenceShape
from radiofm_models.world import World
from tests.models.test_sentences import SMALL, corpus

__all__ = ["corpus"]

CPU = World(0, 1, torch.device("cpu"))
TINY = ConvLSTMConfig(layers=1, kernels=4)
RECIPE = ConvLSTMRecipe(
    steps=4, batch=2, lr=1e-2, model=TINY, sentence=SMALL, mask_ratio=0.25, checkpoint_every=2
)


def test_a_stopped_run_goes_on_to_the_bit(corpus: Material, tmp_path: Path) -> None:
    sentences = Sentences(corpus, corpus.split.train, SMALL)
    pretrain_convlstm(sentences, RECIPE, tmp_path / "whole", CPU)
    pretrain_convlstm(sentences, RECIPE, tmp_path / "parts", CPU, stop_at=2)
    model, record = pretrain_convlstm(sentences, RECIPE, tmp_path / "parts", CPU)
    assert record["step"] == 4
    whole, parts = (
        load_file(tmp_path / run / "step-0000004" / MODEL) for run in ("whole", "parts")
    )
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    loaded = load_convlstm(tmp_path / "parts")
    assert loaded.sentence == SMALL and loaded.spec == corpus.scaling
    tokens = sentences.batch((9,), range(4))
    assert masked_error(loaded.model, tokens, 0.25, 0) == masked_error(model, tokens, 0.25, 0)
    with pytest.raises(CheckpointError, match="is a ConvLSTM: name one of a ViT"):
        load_pretrained(tmp_path / "parts")


def test_processes_share_a_batch(corpus: Material) -> None:
    """The second of two has what one process has in its second half."""
    from radiofm_models.convlstm_pretrain import Batches

    sentences = Sentences(corpus, corpus.split.train, SMALL)
    whole = Batches(sentences, RECIPE, CPU)(3)
    second = Batches(sentences, RECIPE, World(1, 2, torch.device("cpu")))(3)
    for all_of_it, part in zip(whole[:3], second[:3], strict=True):
        assert torch.equal(all_of_it[1:], part)


def test_what_a_mode_trains(corpus: Material, tmp_path: Path) -> None:
    """Frozen: the head alone, and the encoder stays; the head begins alike in all modes."""
    sentences = Sentences(corpus, corpus.split.train, SMALL)
    model, _ = pretrain_convlstm(sentences, RECIPE, tmp_path / "pretrain", CPU)
    schedule = Schedule(steps=2, batch=2, lr=1e-2)
    heads = []
    for mode in ("frozen", "full", "scratch", "random"):
        tuned = Forecaster(encoder_for(mode, model.encoder, TINY, 5))
        heads.append(tuned.head.to_tokens.convolution.weight.detach().clone())
        before = [value.clone() for value in tuned.encoder.state_dict().values()]
        from_pretraining = all(
            map(torch.equal, before, [v.clone() for v in model.encoder.state_dict().values()])
        )
        assert from_pretraining == (mode in ("frozen", "full"))
        tune(tuned, tuned.loss, next_tokens(sentences, schedule), schedule,
             tmp_path / mode, {"mode": mode}, mode)  # fmt: skip
        kept = all(map(torch.equal, before, tuned.encoder.state_dict().values()))
        assert kept == (mode in ("frozen", "random"))
        assert not torch.equal(heads[-1], tuned.head.to_tokens.convolution.weight)
    assert all(torch.equal(heads[0], head) for head in heads)


def moving_tones(count: int, tokens: int, seed: int) -> torch.Tensor:
    """A tone that goes up by a row a token: [count, tokens, 1, 16, 2]."""
    first = np.random.default_rng(seed).integers(0, 16, count)
    row = (first[:, None] + np.arange(tokens)) % 16
    image = np.eye(16, dtype=np.float32)[row]  # [count, tokens, 16]
    return torch.from_numpy(np.repeat(image[:, :, None, :, None], 2, axis=4))


def test_a_moving_tone_is_foretold(tmp_path: Path) -> None:
    """Four tokens ahead, where the last token repeated is always wrong."""
    model = Forecaster(encoder_for("scratch", None, ConvLSTMConfig(layers=1, kernels=8), 0))
    schedule = Schedule(steps=250, batch=16, lr=2e-2, seed=0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    tune(model, model.loss, lambda step: (moving_tones(16, 6, step),), schedule, tmp_path, {}, "")
    test = moving_tones(64, 9, 10_000)
    ahead = model.ahead(test[:, :5], 4)
    torch.set_num_threads(threads)
    image = torch.cat(test[:, :, 0].unbind(dim=1), dim=2).numpy()
    future = Future(image[:, :, :10], image[:, :, 10:], 2, 1e-3, np.full(64, 16e6))
    answers = trivial(future, image.mean(axis=(0, 2)))
    answers["network"] = torch.cat(ahead[:, :, 0].unbind(dim=1), dim=2).numpy()
    figures = judge(future, answers, [(1.0, 1.0)])
    assert figures["persistence"]["recall"][0, -1] == 0
    assert figures["network"]["recall"][0, 0] > 0.9
    assert figures["network"]["f1"][0, -1] > 0.5
    assert figures["network"]["mse"].mean() < 0.5 * figures["row mean"]["mse"].mean()


def test_forecasts_are_judged_by_block_and_horizon() -> None:
    """Two sentences of two rates: a block of 1 MHz has 2 rows of the one, 1 of the other."""
    future = np.zeros((2, 8, 4), np.float32)
    future[:, :2] = 1
    test = Future(np.zeros_like(future), future, 2, 1e-3, np.array([4e6, 8e6]))
    half = future.copy()
    half[:, :, 2:] = 0
    figures = judge(test, {"right": future, "half": half}, [(1.0, 1.0)])
    assert figures["right"]["recall"].tolist() == [[1, 1, 1]]
    assert figures["half"]["recall"].tolist() == [[1, 0, 0.5]]
    assert figures["half"]["precision"][0, [0, 2]].tolist() == [1, 1]
    assert np.isnan(figures["half"]["precision"][0, 1])
    assert figures["half"]["mse"].tolist() == [0, 0.25]


def test_segmenter_answers_for_each_pixel() -> None:
    model = Segmenter(encoder_for("random", None, TINY, 0), 3, SentenceShape().tokens)
    assert model(torch.randn(2, 1, 16, 32)).shape == (2, 3, 16, 32)


def test_a_run_of_the_command_line(corpus: Material, tmp_path: Path) -> None:
    report = run_convlstm(corpus.source, tmp_path, RECIPE, epochs=2)
    assert report is not None and report["step"] == 2 * report["sets"][corpus.source] // 2
    log = (tmp_path / "log.jsonl").read_text("utf-8").splitlines()
    assert set(json.loads(log[-1])["evaluation"]) == {"masked_mse", "row_mean_mse"}
