"""Bundles and graphs that must not be served: each is refused with its reason."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from radiofm.adapter import ActiveAdapter
from radiofm.bundle import load_bundle
from radiofm.errors import BundleError
from radiofm.spectrogram import SpectrogramSpec
from radiofm_services import graph as graph_module
from radiofm_services.encoder import Encoder
from radiofm_services.graph import Graph
from radiofm_services.heads import LoadedHead, head_set, load_head, winners
from radiofm_services.runtime import ONE_THREAD
from radiofm_services.safety import admit

TOKENS = (1, 5, 8)
Change = Callable[[onnx.ModelProto], None]


def good() -> onnx.ModelProto:
    """[b, 5, 8] -> [b, 3]."""
    nodes = [
        helper.make_node("Gather", ["tokens", "first"], ["g"], axis=1),
        helper.make_node("Squeeze", ["g", "axis"], ["s"]),
        helper.make_node("MatMul", ["s", "w"], ["out"]),
    ]
    constants = {
        "first": np.array([0]),
        "axis": np.array([1]),
        "w": np.ones((8, 3), np.float32),
    }
    made = helper.make_graph(
        nodes,
        "head",
        [helper.make_tensor_value_info("tokens", TensorProto.FLOAT, ["b", 5, 8])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["b", 3])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def loop(model: onnx.ModelProto) -> None:
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["on"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
        ],
        [helper.make_tensor_value_info("on", TensorProto.BOOL, [])],
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "true"))
    model.graph.node.append(helper.make_node("Loop", ["", "true"], [], body=body))


def if_(model: onnx.ModelProto) -> None:
    branch = helper.make_graph(
        [helper.make_node("Identity", ["out"], ["x"])],
        "branch",
        [],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, None)],
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "true"))
    node = helper.make_node("If", ["true"], ["y"], then_branch=branch, else_branch=branch)
    model.graph.node.append(node)


def custom_domain(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("com.evil", 1))


def unimported_domain(model: onnx.ModelProto) -> None:
    model.graph.node[2].domain = "com.microsoft"


def new_opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 24


def no_opset(model: onnx.ModelProto) -> None:
    del model.opset_import[:]


def unknown_operator(model: onnx.ModelProto) -> None:
    model.graph.node[2].op_type = "Exec"


def too_new_operator(model: onnx.ModelProto) -> None:
    model.graph.node[2].op_type = "Attention"  # since opset 23, the graph says 21


def function(model: onnx.ModelProto) -> None:
    model.functions.append(
        helper.make_function("f", "Exec", [], [], [], [helper.make_opsetid("", 21)])
    )


def external_initializer(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[2]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")


def external_attribute(model: onnx.ModelProto) -> None:
    tensor = numpy_helper.from_array(np.ones(3, np.float32), "hidden")
    tensor.external_data.add(key="location", value="x")
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))


def bomb(model: onnx.ModelProto) -> None:
    shape = numpy_helper.from_array(np.array([1 << 20, 1 << 20]), "huge")
    model.graph.initializer.append(shape)
    model.graph.node.append(helper.make_node("ConstantOfShape", ["huge"], ["boom"]))


def two_outputs(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info("g", TensorProto.FLOAT, None))


def wrong_output(model: onnx.ModelProto) -> None:
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 4


def wrong_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 16


def wrong_type(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE


def dangling(model: onnx.ModelProto) -> None:
    model.graph.node[2].input[0] = "nowhere"


def adaptable(model: onnx.ModelProto, **fields: Any) -> None:
    """As the exporter makes the encoder's graphs: matrices that may be given, and are empty."""
    shapes: dict[str, list[int | str]] = {"a": [8, "rank"], "b": ["rank", 3]}
    for side, shape in shapes.items():
        name = f"blocks.0.{fields.get('part', 'query')}_{side}"
        declared = fields.get(side, shape)
        kind = fields.get("kind", TensorProto.FLOAT)
        model.graph.input.append(helper.make_tensor_value_info(name, kind, declared))
        if side not in fields.get("without", ""):
            size = [n if isinstance(n, int) else fields.get("rank", 0) for n in shape]
            dtype = helper.tensor_dtype_to_np_dtype(kind)
            model.graph.initializer.append(numpy_helper.from_array(np.zeros(size, dtype), name))


def foreign_input(model: onnx.ModelProto) -> None:
    adaptable(model, part="key")


def default_of_the_input(model: onnx.ModelProto) -> None:
    tensor = numpy_helper.from_array(np.zeros((1, 5, 8), np.float32), "tokens")
    model.graph.initializer.append(tensor)


def no_default(model: onnx.ModelProto) -> None:
    adaptable(model, without="b")


def full_default(model: onnx.ModelProto) -> None:
    adaptable(model, rank=2)


def fixed_rank(model: onnx.ModelProto) -> None:
    adaptable(model, a=[8, 1 << 40])


def other_width(model: onnx.ModelProto) -> None:
    adaptable(model, b=["rank", 1 << 40])


def three_axes(model: onnx.ModelProto) -> None:
    adaptable(model, a=[8, "rank", 1])


def other_type(model: onnx.ModelProto) -> None:
    adaptable(model, kind=TensorProto.DOUBLE)


def half_a_pair(model: onnx.ModelProto) -> None:
    adaptable(model)
    del model.graph.input[-1]


ZOO: list[tuple[Change, str]] = [
    (loop, "operator Loop is control flow"),
    (if_, "operator If is control flow"),
    (custom_domain, "imports the operators of 'com.evil'"),
    (unimported_domain, "operator MatMul is of 'com.microsoft'"),
    (new_opset, "opset 24, allowed are 1 to 23"),
    (no_opset, "names no opset"),
    (unknown_operator, "operator Exec is not in opset 21"),
    (too_new_operator, "operator Attention is not in opset 21"),
    (function, "defines a function"),
    (external_initializer, "'w' lies outside of the file"),
    (external_attribute, "'hidden' lies outside of the file"),
    (bomb, "'boom' would take 4398046511104 bytes"),
    (two_outputs, "2 outputs where one is wanted"),
    (wrong_output, "output is n x 4 where n x 3 is wanted"),
    (wrong_input, "input is n x 5 x 16 where n x 5 x 8 is wanted"),
    (wrong_type, "input is not float32"),
    (dangling, "malformed"),
    (foreign_input, "input 'blocks.0.key_a' has a default and is no adapter's"),
    (default_of_the_input, "input 'tokens' has a default and is no adapter's"),
    (no_default, "input 'blocks.0.query_b' has no empty matrix in its place"),
    (full_default, "input 'blocks.0.query_a' has no empty matrix in its place"),
    (fixed_rank, "input 'blocks.0.query_a' is not of its default's width and any rank"),
    (other_width, "input 'blocks.0.query_b' is not of its default's width and any rank"),
    (three_axes, "input 'blocks.0.query_a' is no matrix of float32"),
    (other_type, "input 'blocks.0.query_a' is no matrix of float32"),
    (half_a_pair, "input 'blocks.0.query_a' has no partner"),
]


@pytest.mark.parametrize(("change", "reason"), ZOO, ids=[c.__name__ for c, _ in ZOO])
def test_a_hostile_graph_is_refused(change: Change, reason: str) -> None:
    model = good()
    change(model)
    with pytest.raises(BundleError, match=f"head x is refused: .*({reason})"):
        Graph(model.SerializeToString(), "head x", TOKENS, (1, 3), ONE_THREAD)


def test_a_good_graph_is_admitted() -> None:
    made = Graph(good().SerializeToString(), "head x", TOKENS, (1, 3), ONE_THREAD)
    assert made(np.ones(TOKENS, np.float32)).tolist() == [[8, 8, 8]]


def test_a_graph_that_takes_an_adapter_is_admitted() -> None:
    model = good()
    adaptable(model)
    model.graph.node[2].output[0] = "plain"
    for node in (
        helper.make_node("MatMul", ["s", "blocks.0.query_a"], ["low"]),
        helper.make_node("MatMul", ["low", "blocks.0.query_b"], ["change"]),
        helper.make_node("Add", ["plain", "change"], ["out"]),
    ):
        model.graph.node.append(node)
    made = Graph(model.SerializeToString(), "trunk", TOKENS, (1, 3), ONE_THREAD)
    assert made.adapter_inputs == {"blocks.0.query_a": 8, "blocks.0.query_b": 3}
    ones = np.ones(TOKENS, np.float32)
    assert made(ones).tolist() == [[8, 8, 8]]
    down, up = np.ones((8, 2), np.float32), np.array([[1, 0, 0], [0, 0, 2]], np.float32)
    adapter = ActiveAdapter({"blocks.0.query_a": down, "blocks.0.query_b": up})
    assert made(ones, adapter.options()).tolist() == [[16, 8, 24]]
    assert made(ones).tolist() == [[8, 8, 8]]


def test_an_adapter_for_an_encoder_that_takes_none(bundles: Any, encoder: Encoder) -> None:
    path = bundles("adapted", records={"classification": {"adapter": "adapters/a.onnx_adapter"}})
    with pytest.raises(BundleError, match="the running encoder takes no adapters"):
        load(path, encoder)


def test_presence_has_a_threshold_for_each_label(bundles: Any) -> None:
    tokens, image = np.ones(TOKENS, np.float32), np.zeros((1, 1, 32, 32), np.float32)
    path = bundles("presence", tasks=("presence",))
    head = load(path, Encoder(load_bundle(path)), "presence")
    chances = 1 / (1 + np.exp(-head.graph(tokens)[0].astype(float)))
    by_label = dict(zip(("noise", "ofdm", "fm"), chances.tolist(), strict=True))
    best = max(by_label, key=by_label.__getitem__)
    limits: tuple[float, ...]
    for thresholds in ((), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)):
        limits = thresholds or (0.5, 0.5, 0.5)
        record = head.record.model_copy(update={"thresholds": thresholds})
        result = replace(head, record=record).answer(tokens, image).result
        assert {s.label: s.score for s in result.labels} == pytest.approx(by_label)
        assert result.present == sum(np.array(chances) >= np.array(limits))
    # The best of those that reach their threshold comes first, whatever the others score.
    limits = tuple(2.0 * (label == best) for label in ("noise", "ofdm", "fm"))
    record = head.record.model_copy(update={"thresholds": limits})
    result = replace(head, record=record).answer(tokens, image).result
    assert result.present == 2 and result.labels[2].label == best


def test_heads_that_answer_more_than_a_message_holds(bundles: Any, encoder: Encoder) -> None:
    head = load(bundles("many"), encoder, "segmentation")
    assert head.payload_bytes == 32 * 32
    big = replace(head, graph=copy.copy(head.graph))
    big.graph.outputs = (1, 2, 4096, 2048)
    assert len(head_set({"a": big, "b": big})) == 2
    with pytest.raises(BundleError, match="masks and arrays have 25165824 bytes, more than"):
        head_set({"a": big, "b": big, "c": big})


def test_open_axes_are_checked_by_the_first_run() -> None:
    model = good()
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_param = "labels"
    model.graph.initializer[2].CopyFrom(numpy_helper.from_array(np.ones((8, 4), np.float32), "w"))
    with pytest.raises(BundleError, match=r"returned \[1, 4\] where \[1, 3\] is wanted"):
        Graph(model.SerializeToString(), "head x", TOKENS, (1, 3), ONE_THREAD)


def test_an_endless_first_run_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    size = 1024
    weights = np.full((1, 1, size, size), 0.5 / size, np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["tokens", "axes"], ["mean"], keepdims=1),
        helper.make_node("Unsqueeze", ["mean", "last"], ["m"]),
        helper.make_node("Add", ["w", "m"], ["x0"]),
        *(helper.make_node("MatMul", [f"x{k}", "w"], [f"x{k + 1}"]) for k in range(400)),
        helper.make_node("Identity", ["x400"], ["out"]),
    ]
    slow = helper.make_graph(
        nodes,
        "slow",
        [helper.make_tensor_value_info("tokens", TensorProto.FLOAT, ["b", 5, 8])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["b", 1, size, size])],
        [
            numpy_helper.from_array(weights, "w"),
            numpy_helper.from_array(np.array([1, 2]), "axes"),
            numpy_helper.from_array(np.array([3]), "last"),
        ],
    )
    model = helper.make_model(slow, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    monkeypatch.setattr(graph_module, "WARM_UP_S", 0.2)
    start = time.monotonic()
    with pytest.raises(BundleError, match="first run took more than 0.2 s"):
        Graph(model.SerializeToString(), "head x", TOKENS, (1, 1, size, size), ONE_THREAD)
    assert time.monotonic() - start < 5


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=8), st.integers())
@settings(max_examples=300, deadline=None)
@example([(254, 128)], 0)  # the input's name is no text
def test_any_bytes_are_admitted_or_refused(edits: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(good().SerializeToString())
    for at, value in edits:
        data[at % len(data)] = value
    try:
        admit(bytes(data[: len(data) - cut % 40]), "head x", (None, 5, 8), (None, 3))
    except BundleError as error:
        assert str(error).startswith("head x is refused: ")


@pytest.fixture
def encoder(bundles: Any) -> Encoder:
    return Encoder(load_bundle(bundles("running")))


def load(path: Path, encoder: Encoder, name: str = "classification") -> LoadedHead:
    return load_head(load_bundle(path), name, encoder)


def test_a_head_of_another_encoder(bundles: Any, encoder: Encoder) -> None:
    other = bundles("other", encoder="ab" * 8)
    with pytest.raises(BundleError, match=f"for encoder {'ab' * 8}, but {encoder.record.hash} is"):
        load(other, encoder)


def test_a_head_of_another_spec(bundles: Any, encoder: Encoder) -> None:
    spec = SpectrogramSpec(height=32, width=32)
    with pytest.raises(BundleError, match=f"spec {spec.hash}, but {encoder.spec.hash} is running"):
        load(bundles("other", spec=spec), encoder)


def test_an_altered_file(bundles: Any, encoder: Encoder) -> None:
    path = bundles("altered")
    file = path / "heads/classification/head.onnx"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(BundleError, match="is not the file that bundle.json names"):
        load(path, encoder)


def test_a_truncated_file(bundles: Any, encoder: Encoder) -> None:
    path = bundles("truncated")
    file = path / "heads/classification/head.onnx"
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(BundleError, match="is not the file that bundle.json names"):
        load(path, encoder)


def test_a_file_that_is_no_graph(bundles: Any, encoder: Encoder) -> None:
    path = bundles("text", graphs={"heads/classification/head.onnx": b"hello" * 50})
    with pytest.raises(BundleError, match="no ONNX file"):
        load(path, encoder)


def test_a_file_out_of_the_folder(bundles: Any, encoder: Encoder) -> None:
    path = bundles("climbing")
    text = json.loads((path / "bundle.json").read_text())
    text["heads"][0]["file"] = "../running/heads/classification/head.onnx"
    (path / "bundle.json").write_text(json.dumps(text))
    with pytest.raises(BundleError, match="heads.0.file"):
        load(path, encoder)


def test_a_link_in_place_of_a_file(bundles: Any, encoder: Encoder, tmp_path: Path) -> None:
    path = bundles("linked")
    file = path / "heads/classification/head.onnx"
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match="is missing"):
        load(path, encoder)


def test_labels_that_do_not_fit(bundles: Any, encoder: Encoder) -> None:
    path = bundles("labels", records={"classification": {"labels": ("a", "b")}})
    with pytest.raises(BundleError, match="output is n x 3 where n x 2 is wanted"):
        load(path, encoder)
    path = bundles("none", records={"classification": {"labels": ()}})
    with pytest.raises(BundleError, match="it has 0 labels"):
        load(path, encoder)


def test_an_encoder_of_another_size(bundles: Any) -> None:
    path = bundles("size", spec=SpectrogramSpec(height=64, width=64))
    with pytest.raises(
        BundleError, match=r"spectrogram.onnx is refused: its input is n x 1 x 32 x"
    ):
        Encoder(load_bundle(path))


def test_an_answer_that_is_no_number_is_empty(bundles: Any, encoder: Encoder) -> None:
    head = load(bundles("head"), encoder)
    answer = head.answer(np.full(TOKENS, np.nan, np.float32), np.zeros((1, 1, 32, 32), np.float32))
    assert answer.result.labels == ()
    assert answer.result.version == head.version


def test_temperature_divides_the_logits(bundles: Any, encoder: Encoder) -> None:
    image, tokens = np.zeros((1, 1, 32, 32), np.float32), np.ones(TOKENS, np.float32)
    head = load(bundles("head"), encoder)
    hot = replace(head, record=head.record.model_copy(update={"temperature": 1e6}))
    even = [label.score for label in hot.answer(tokens, image).result.labels]
    assert even == pytest.approx([1 / 3] * 3, abs=1e-4)
    logits = head.graph(tokens)[0].astype(float)
    want = np.sort(np.exp(logits) / np.exp(logits).sum())[::-1]
    got = [label.score for label in head.answer(tokens, image).result.labels]
    assert got == pytest.approx(want.tolist())


@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_winners_are_the_argmax(labels: int, seed: int) -> None:
    logits = np.random.default_rng(seed).integers(-2, 3, (labels, 4, 6)).astype(np.float32)
    assert winners(logits).tolist() == logits.argmax(axis=0).tolist()
