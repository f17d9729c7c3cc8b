"""Fewer patches, live: what the encoder is given, and what heads are given in place of the rest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from radiofm.bundle import load_bundle
from radiofm.errors import BundleError
from radiofm.patches import patchify, thin
from radiofm.wire import ResultHeader, StatusHeader
from radiofm_services.encoder import Encoder
from radiofm_services.heads import head_set, load_head
from radiofm_services.inference import InferenceConfig, InferenceService
from radiofm_services.passes import answers
from radiofm_services.thinning import Thinning

IMAGE = np.random.default_rng(0).normal(size=(1, 1, 32, 32)).astype(np.float32)
GRID, NAME, SIZE = (2, 2), "spectrogram", 256


def test_heads_are_given_a_token_for_every_patch(bundles: Any) -> None:
    bundle = load_bundle(bundles())
    encoder = Encoder(bundle)
    heads = head_set({h.name: load_head(bundle, h.name, encoder) for h in bundle.manifest.heads})
    said = answers(encoder, heads, IMAGE, NAME, Thinning(0.5, "energy"))
    assert said.share == 0.5
    kept = thin(IMAGE, GRID, 0.5)
    trunk = encoder.trunk(kept.take(encoder.embed(IMAGE, NAME)))
    taps = {"trunk": kept.spread(trunk), "tokens": kept.spread(encoder.tail(trunk))}
    for head, answer in zip(heads.values(), said.answers, strict=True):
        expected = head.answer(taps[head.record.tap], IMAGE)
        assert answer.result == expected.result
    whole = answers(encoder, heads, IMAGE, NAME)
    assert whole.share == 1 and whole.answers[2].result != said.answers[2].result
    every = answers(encoder, heads, IMAGE, NAME, Thinning(1.0, "energy"))
    assert [a.result for a in every.answers] == [a.result for a in whole.answers]


def test_by_change_the_others_keep_their_tokens() -> None:
    thinning = Thinning(0.25, "change")
    first, second = IMAGE.copy(), IMAGE.copy()
    second[..., 16:, :16] += 3  # patch 2
    second[..., :16, 16:] += 1  # patch 1, less
    tokens = np.arange(5, dtype=np.float32).reshape(1, 5, 1)

    start = thinning.patches(first, GRID, NAME)
    assert start.share == 1
    np.testing.assert_array_equal(start.spread(start.take(tokens), "tap"), tokens)
    then = thinning.patches(second, GRID, NAME)
    assert then.share == 0.25
    np.testing.assert_array_equal(then.take(tokens + 10)[0, :, 0], [10, 13])
    whole = then.spread(then.take(tokens + 10), "tap")
    np.testing.assert_array_equal(whole[0, :, 0], [10, 1, 2, 13, 4])
    again = thinning.patches(second, GRID, NAME)  # patch 1 has still changed since it was taken
    np.testing.assert_array_equal(again.take(tokens + 20)[0, :, 0], [20, 22])
    np.testing.assert_array_equal(
        again.spread(again.take(tokens + 20), "tap")[0, :, 0], [20, 1, 22, 13, 4]
    )
    # A tap that is new has no tokens yet: the kept patch stands for all.
    np.testing.assert_array_equal(again.spread(tokens[:, :2], "new")[0, :, 0], [0, 1, 1, 1, 1])
    thinning.forget()
    assert thinning.patches(second, GRID, NAME).share == 1


def test_what_was_seen_is_not_the_messages_memory() -> None:
    thinning, image = Thinning(0.25, "change"), IMAGE.copy()
    thinning.patches(image, GRID, NAME)
    image[:] = 7  # the frame is used again
    kept = thinning.patches(IMAGE + 1, GRID, NAME)
    before, after = patchify(IMAGE, GRID), patchify(IMAGE + 1, GRID)
    assert kept.share == 0.25 and np.allclose(np.square(after - before), 1, atol=1e-4)
    np.testing.assert_array_equal(thinning.patches(IMAGE, GRID, NAME).take(
        np.arange(5, dtype=np.float32).reshape(1, 5, 1))[0, :, 0], [0, 1])  # fmt: skip


def test_the_service_says_which_share_it_looked_at(
    config: InferenceConfig,
    worker: Any,
    reader: Any,
    background: Any,
) -> None:
    out = reader(config.results, "result")
    result = background(InferenceService(replace(config, patches=0.5, choose="change")).run)
    worker.wait()
    worker.send(0)
    worker.send(1)
    worker.stream = uuid4()
    worker.send(0)
    worker.send(1)
    worker.say("ended", 2 * SIZE)
    summary = result()
    assert [r.patches for r in out.all(ResultHeader)] == [1.0, 0.5, 1.0, 0.5]
    assert summary.patches == 0.75
    assert out.all(StatusHeader)[-1].gauges["patches"] == 0.5


def test_a_deadline_that_cannot_be_kept_takes_the_fewest(
    config: InferenceConfig,
    worker: Any,
    reader: Any,
    background: Any,
) -> None:
    out = reader(config.results, "result")
    result = background(InferenceService(replace(config, deadline_s=1e-9)).run)
    worker.wait()
    for k in range(10):
        worker.send(k)
    worker.say("ended", 10 * SIZE)
    result()
    shares = [r.patches for r in out.all(ResultHeader)]
    assert shares == [1.0] * 8 + [0.25] * 2  # one of four patches


def test_bundles_of_before_are_served_whole(
    config: InferenceConfig,
    worker: Any,
    reader: Any,
    background: Any,
    bundles: Any,
) -> None:
    before: Path = bundles("before", before=True)
    for less in ({"patches": 0.5}, {"deadline_s": 0.016}):
        with pytest.raises(BundleError, match="takes whole slices only: export it again, or serve"):
            InferenceService(replace(config, bundle=before, **less))  # type: ignore[arg-type]
    reader(config.results, "result")
    result = background(InferenceService(replace(config, bundle=before)).run)
    worker.wait()
    worker.send(0)
    worker.say("ended", SIZE)
    summary = result()
    assert summary.slices_inferred == 1 and summary.patches == 1


def test_a_provider_that_is_not_there_is_said(
    config: InferenceConfig,
    worker: Any,
    reader: Any,
    background: Any,
    caplog: Any,
) -> None:
    import onnxruntime as ort

    from radiofm_services.runtime import Runtime

    if "CoreMLExecutionProvider" in ort.get_available_providers():
        pytest.skip("this onnxruntime has CoreML")
    out = reader(config.results, "result")
    service = InferenceService(replace(config, runtime=Runtime(1, "coreml")))
    assert "provider coreml cannot be had from this onnxruntime" in caplog.text
    result = background(service.run)
    worker.wait()
    worker.send(0)
    worker.say("ended", SIZE)
    assert result().slices_inferred == 1
    assert "the CPU computes instead: it is there on macOS only" in out.all(StatusHeader)[-1].note
