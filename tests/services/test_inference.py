"""The inference service over real ZeroMQ: every slice settled once, heads swapped at the seam."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from radiofm.bundle import load_bundle
from radiofm.bus import control_request
from radiofm.errors import BundleError, WireError
from radiofm.wire import (
    Loss,
    ResultHeader,
    StatusHeader,
    masks,
)
from radiofm_services.control import ListHeads, LoadHead, Reply, SwapHead, UnloadHead, ask
from radiofm_services.graph import Graph
from radiofm_services.inference import InferenceConfig, InferenceService, InferenceSummary
from radiofm_services.spectrogram import SpectrogramWorker, WorkerConfig

SIZE = 256


def check(summary: InferenceSummary) -> None:
    assert (
        summary.slices_inferred + summary.slices_untaken + summary.slices_skipped == summary.slices
    )
    assert summary.samples_received + summary.samples_lost == summary.samples_span


def test_every_head_answers_and_every_slice_is_settled(
    config: InferenceConfig, worker: Any, reader: Any, background: Any
) -> None:
    out = reader(config.results, "result")
    result = background(InferenceService(config).run)
    worker.wait()
    worker.say("running", 0)
    loss = Loss(samples=7, exact=True, stage="device")
    worker.send(0)
    worker.send(1, complete=False, lost=(loss,))  # skipped
    worker.send(1)  # again: settled already
    worker.send(3, lost=(loss,))  # 2 never came
    worker.say("ended", 5 * SIZE - 10)  # nor did 4, a partial one
    summary = result()
    check(summary)
    assert (summary.slices, summary.slices_inferred) == (5, 2)
    assert (summary.slices_untaken, summary.slices_skipped) == (2, 1)
    assert summary.coverage == 0.4
    assert summary.samples_span == 5 * SIZE - 10
    assert 0 < summary.latency_ms["p50"] <= summary.latency_ms["p99"]

    first, second = out.all(ResultHeader)
    assert (first.slice_index, second.slice_index) == (0, 3)
    assert second.lost == (Loss(samples=14, exact=True, stage="device"),)
    assert first.host_time_ns <= first.complete_ns <= first.taken_ns <= first.answered_ns
    named = {head.name: head for head in first.heads}
    assert list(named) == ["classification", "segmentation", "reconstruction", "regression"]
    scores = [label.score for label in named["classification"].labels]
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1)
    assert first.novelty == pytest.approx(named["reconstruction"].vector[0] / 0.5)
    message = next(m for m in out.messages if m.header is first)
    mask = masks(message)["segmentation"]
    assert mask.shape == (32, 32)
    share = {label.label: label.score for label in named["segmentation"].labels}
    assert share["occupied"] == mask.mean()
    last = out.all(StatusHeader)[-1]
    assert last.heads[0] == f"classification@{named['classification'].version}"
    assert last.gauges["coverage"] == 0.4


def test_answers_equal_the_graphs_own(
    config: InferenceConfig, worker: Any, reader: Any, background: Any
) -> None:
    out = reader(config.results, "result")
    result = background(InferenceService(replace(config, heads=("regression",))).run)
    worker.wait()
    worker.send(5)
    worker.say("ended", 6 * SIZE)
    assert list(result().heads) == ["regression"]
    value = worker.images[5][None, None]
    embed = "embeds/spectrogram.onnx"
    for file in (embed, "trunk.onnx", "tail.onnx", "heads/regression/head.onnx"):
        session = ort.InferenceSession((config.bundle / file).read_bytes())
        value = session.run(None, {session.get_inputs()[0].name: value})[0]
    (only,) = out.all(ResultHeader)
    assert only.heads[0].vector == pytest.approx(value[0].tolist())


def test_incomplete_slices_are_inferred_on_request(
    config: InferenceConfig, worker: Any, reader: Any, background: Any
) -> None:
    reader(config.results, "result")
    result = background(InferenceService(replace(config, incomplete="infer")).run)
    worker.wait()
    worker.send(0, complete=False)
    worker.say("ended", SIZE)
    assert result().slices_inferred == 1


def test_a_late_service_leaves_the_oldest_untaken(
    config: InferenceConfig, worker: Any, reader: Any, background: Any, monkeypatch: Any
) -> None:
    fast = Graph.__call__

    def slow(self: Graph, *args: Any) -> Any:
        time.sleep(0.01)
        return fast(self, *args)

    out = reader(config.results, "result")
    service = InferenceService(replace(config, policy="latest", depth=2, heads=("regression",)))
    monkeypatch.setattr(Graph, "__call__", slow)
    result = background(service.run)
    worker.wait()
    for k in range(100):
        worker.send(k)
    worker.say("ended", 100 * SIZE)
    summary = result()
    check(summary)
    assert summary.slices == 100
    assert summary.slices_untaken > 30
    results = out.all(ResultHeader)
    assert len(results) == summary.slices_inferred
    assert results[-1].slice_index == 99


def test_streams_one_after_another(
    config: InferenceConfig, worker: Any, reader: Any, background: Any
) -> None:
    out = reader(config.results, "result")
    result = background(InferenceService(config).run)
    worker.wait()
    worker.send(7)  # joined here
    worker.say("running", 9 * SIZE)
    worker.stream = uuid4()
    worker.say("running", 0)
    worker.send(1)
    worker.stream = uuid4()  # a seam of which no status told
    worker.send(2)
    worker.say("ended", 3 * SIZE)
    summary = result()
    check(summary)
    assert (summary.slices, summary.slices_inferred) == (2 + 2 + 3, 3)
    assert len({r.stream for r in out.all(ResultHeader)}) == 3


def versioned(k: int) -> bytes:
    """A regression head that answers with its own number."""
    shape = helper.make_tensor_value_info("t", TensorProto.FLOAT, ["b", 5, 8])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["b", 1])
    nodes = [
        helper.make_node("ReduceMean", ["t", "axes"], ["m"], keepdims=0),
        helper.make_node("Mul", ["m", "zero"], ["z"]),
        helper.make_node("Add", ["z", "k"], ["a"]),
        helper.make_node("Unsqueeze", ["a", "last"], ["out"]),
    ]
    constants = {
        "axes": np.array([1, 2]),
        "zero": np.float32(0),
        "k": np.float32(k),
        "last": np.array([1]),
    }
    made = helper.make_graph(
        nodes,
        "v",
        [shape],
        [out],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()],
    )
    data: bytes = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", 21)], ir_version=10
    ).SerializeToString()
    return data


def test_twenty_swaps_lose_no_slice_and_mix_no_versions(
    config: InferenceConfig, worker: Any, reader: Any, background: Any, bundles: Any
) -> None:
    swaps, total = 20, 2000
    paths = [
        bundles(
            f"v{k}",
            version=str(k),
            tasks=("regression",),
            graphs={"heads/regression/head.onnx": versioned(k)},
        )
        for k in range(swaps + 1)
    ]
    config = replace(config, bundle=paths[0])
    out = reader(config.results, "result")
    result = background(InferenceService(config).run)
    worker.wait()

    def play() -> None:
        for k in range(total):
            worker.send(k)
            if k % 20 == 0:
                time.sleep(0.01)

    played = background(play)
    seams = [0]
    for path in paths[1:]:
        reply = ask(config.control, SwapHead(name="regression", path=str(path)))
        assert reply.first_slice is not None
        seams.append(reply.first_slice)
    played()
    worker.say("ended", total * SIZE)
    summary = result()
    assert summary.slices_inferred == summary.slices == total
    results = out.all(ResultHeader)
    assert [r.slice_index for r in results] == list(range(total))
    said = [(int(r.heads[0].version.partition("+")[0]), r.heads[0].vector[0]) for r in results]
    assert all(version == value for version, value in said), "a version answered for another"
    versions = [version for version, _ in said]
    assert versions == sorted(versions)
    assert seams == sorted(seams)
    for version, seam in enumerate(seams):
        if seam < total:
            assert versions[seam] >= version
        if seam:
            assert versions[seam - 1] < version
    assert versions[-1] == swaps


def test_heads_are_listed_loaded_and_unloaded(
    config: InferenceConfig, worker: Any, reader: Any, background: Any
) -> None:
    out = reader(config.results, "result")
    result = background(InferenceService(replace(config, heads=("regression",))).run)
    worker.wait()
    assert [h.name for h in ask(config.control, ListHeads()).heads] == ["regression"]
    reply = ask(config.control, LoadHead(name="classification"))
    assert [h.name for h in reply.heads] == ["regression", "classification"]
    assert reply.heads[1].labels == ("noise", "ofdm", "fm")
    with pytest.raises(BundleError, match="served already"):
        ask(config.control, LoadHead(name="classification"))
    reply = ask(config.control, UnloadHead(name="regression"))
    assert [h.name for h in reply.heads] == ["classification"]
    with pytest.raises(BundleError, match="head regression is not served: served are class"):
        ask(config.control, UnloadHead(name="regression"))
    with pytest.raises(BundleError, match="head 'nonsense' is not in bundle"):
        ask(config.control, LoadHead(name="nonsense"))
    worker.send(0)
    worker.say("ended", SIZE)
    assert result().slices_inferred == 1
    assert [h.name for h in out.all(ResultHeader)[0].heads] == ["classification"]


def test_a_malformed_request_is_refused(
    config: InferenceConfig, worker: Any, background: Any, reader: Any
) -> None:
    reader(config.results, "result")
    result = background(InferenceService(config).run)
    worker.wait()
    for data in (b"", b"{", b'{"action":"run"}', b'{"action":"list","x":1}', b"\xff" * 1000):
        assert (
            "request refused"
            in Reply.model_validate_json(control_request(config.control, data, 5)).error
        )
    worker.say("ended", 0)
    result()


def test_slices_of_another_spec_end_it_with_a_sentence(
    config: InferenceConfig, worker: Any, reader: Any, background: Any
) -> None:
    out = reader(config.results, "result")
    result = background(InferenceService(config).run)
    worker.wait()
    worker.spec = "0" * 16
    worker.send(0)
    with pytest.raises(BundleError, match="made by spec 0000000000000000, but bundle good was"):
        result()
    assert "made by spec" in out.all(StatusHeader)[-1].note


def test_a_dead_worker_ends_it_with_a_sentence(
    config: InferenceConfig, worker: Any, reader: Any, background: Any
) -> None:
    out = reader(config.results, "result")
    result = background(InferenceService(replace(config, patience_s=0.3)).run)
    worker.wait()
    worker.send(0)
    with pytest.raises(WireError, match="radiofm spectrogram at ipc://.*fell silent"):
        result()
    assert out.all(StatusHeader)[-1].slices.inferred == 1


def test_the_chain_from_samples_to_labels(
    config: InferenceConfig, tmp_path: Path, radio: Any, reader: Any, background: Any
) -> None:
    spec = load_bundle(config.bundle).manifest.spec
    out = reader(config.results, "result")
    inferred = background(InferenceService(config).run)
    worker = WorkerConfig(
        spec=spec,
        iq=f"ipc://{tmp_path}/iq",
        slices=config.slices,
        policy="lossless",
        patience_s=5,
        readers=1,
    )
    made = background(SpectrogramWorker(worker).run)
    radio.wait()
    rng = np.random.default_rng(1)
    at = dropped = 0
    while at < 25 * SIZE:
        stop = min(at + int(rng.integers(1, 2 * SIZE)), 25 * SIZE)
        if rng.random() < 0.8 or at == 0:
            radio.send(at, stop)
        else:
            dropped += stop - at
        at = stop
    radio.say("running", at)
    radio.stream = uuid4()
    radio.send(0, SIZE)
    radio.say("ended", SIZE)
    cut, summary = made(), inferred()
    check(summary)
    assert cut.samples_span == summary.samples_span == 26 * SIZE
    assert cut.samples_lost == summary.samples_lost == dropped
    assert cut.slices == summary.slices == 26
    assert summary.slices_skipped == cut.slices_incomplete
    assert summary.slices_untaken == cut.slices_untaken
    assert len(out.all(ResultHeader)) == summary.slices_inferred
