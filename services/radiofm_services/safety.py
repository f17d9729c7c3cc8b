"""What may be loaded: an ONNX graph of standard operators without control flow, and nothing else.

ONNX Runtime runs any graph it is given: a 239-byte Loop never ends, external data reads files, a
custom domain names native code. So a graph is looked through before a session is made of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from radiofm import adapter
from radiofm.errors import BundleError, MissingDependencyError

MAX_GRAPH_BYTES = 1 << 30  # an encoder of 86 M parameters has 345 MB
MAX_OPSET = 23
MAX_TENSOR_BYTES = 1 << 30  # of any tensor whose shape the graph fixes
STANDARD = ("", "ai.onnx")
CONTROL_FLOW = ("If", "Loop", "Scan", "SequenceMap")  # all operators that hold a subgraph

Shape = Sequence[int | None]  # None: any size


def admit(data: bytes, name: str, inputs: Shape, outputs: Shape) -> None:
    """Raise BundleError, naming the reason, unless `data` is a graph that may be run.

    It must have one float32 input and one float32 output that can have the given shapes; the
    graph may leave axes open. Beside that input it may take the matrices of an adapter, each with
    an empty one in its place: float32, A [width, 0] and B [0, width].
    """
    reason = _refusal(data, inputs, outputs)
    if reason:
        raise BundleError(f"{name} is refused: {reason}; export it again with `radiofm export`")


def _refusal(data: bytes, inputs: Shape, outputs: Shape) -> str:
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError:
        raise MissingDependencyError("onnx", "pip install 'radiofm[serve]'") from None
    if len(data) > MAX_GRAPH_BYTES:
        return f"it has {len(data)} bytes, more than {MAX_GRAPH_BYTES}"
    try:
        model = onnx.load_model_from_string(data)
    except DecodeError:
        return "it is no ONNX file"
    graph = model.graph
    return (
        _imports(model)
        or next(_operators(onnx, model), "")
        or next(_external(onnx, graph), "")
        or next(_adapter_inputs(onnx, graph), "")
        or _port(onnx, "input", [i for i in graph.input if not _is_optional(i)], inputs)
        or _port(onnx, "output", graph.output, outputs)
        or _consistency(onnx, model)
    )


def _imports(model: Any) -> str:
    for item in model.opset_import:
        if item.domain not in STANDARD:
            return f"it imports the operators of {item.domain!r}, only standard ones may run"
        if not 1 <= item.version <= MAX_OPSET:
            return f"it needs opset {item.version}, allowed are 1 to {MAX_OPSET}"
    if not model.opset_import:
        return "it names no opset"
    if model.functions:
        return f"it defines a function ({model.functions[0].name})"
    if model.training_info:
        return "it carries training graphs"
    return ""


def _operators(onnx: Any, model: Any) -> Iterator[str]:
    version = max(item.version for item in model.opset_import)
    for node in model.graph.node:
        if node.domain not in STANDARD:
            yield f"operator {node.op_type} is of {node.domain!r}, only standard ones may run"
        elif node.op_type in CONTROL_FLOW or any(
            a.HasField("g") or a.graphs for a in node.attribute
        ):
            yield f"operator {node.op_type} is control flow"
        elif not onnx.defs.has(str(node.op_type), domain="", max_inclusive_version=version):
            yield f"operator {node.op_type} is not in opset {version}"


def _external(onnx: Any, graph: Any) -> Iterator[str]:
    tensors = [*graph.initializer]
    for sparse in graph.sparse_initializer:
        tensors += [sparse.values, sparse.indices]
    for node in graph.node:
        for attribute in node.attribute:
            tensors += [attribute.t, *attribute.tensors]
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                tensors += [sparse.values, sparse.indices]
    for tensor in tensors:
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            yield f"tensor {tensor.name!r} lies outside of the file"


def _consistency(onnx: Any, model: Any) -> str:
    try:
        onnx.checker.check_model(model)
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except (
        onnx.checker.ValidationError,
        onnx.shape_inference.InferenceError,
        ValueError,  # a tensor that shape inference cannot read
        RuntimeError,
    ) as error:
        return f"it is malformed ({str(error).strip().splitlines()[0][:200]})"
    for value in (*inferred.graph.value_info, *inferred.graph.output):
        size = 4
        for dim in value.type.tensor_type.shape.dim:
            size *= dim.dim_value if dim.HasField("dim_value") else 1
        if size > MAX_TENSOR_BYTES:
            return f"tensor {value.name!r} would take {size} bytes"
    return ""


def _is_optional(port: Any) -> bool:
    name = port.name  # bytes where it is no text
    return isinstance(name, str) and adapter.INPUT.fullmatch(name) is not None


def _adapter_inputs(onnx: Any, graph: Any) -> Iterator[str]:
    defaults = {tensor.name: tensor for tensor in graph.initializer}
    names = {port.name for port in graph.input if _is_optional(port)}
    for port in graph.input:
        if port.name not in names:
            if port.name in defaults:
                yield f"input {port.name!r} has a default and is no adapter's"
            continue
        default, axis = defaults.get(port.name), 1 if port.name.endswith("a") else 0
        dims = port.type.tensor_type.shape.dim
        if port.type.tensor_type.elem_type != onnx.TensorProto.FLOAT or len(dims) != 2:
            yield f"input {port.name!r} is no matrix of float32"
        elif default is None or len(default.dims) != 2 or default.dims[axis] != 0:
            yield f"input {port.name!r} has no empty matrix in its place"
        elif dims[1 - axis].dim_value != default.dims[1 - axis] or dims[axis].HasField("dim_value"):
            yield f"input {port.name!r} is not of its default's width and any rank"
        elif port.name[:-1] + "ab"[axis] not in names:
            yield f"input {port.name!r} has no partner"


def _port(onnx: Any, kind: str, ports: Any, shape: Shape) -> str:
    want = " x ".join("n" if size is None else str(size) for size in shape)
    if len(ports) != 1:
        return f"it has {len(ports)} {kind}s where one is wanted"
    tensor = ports[0].type.tensor_type
    if tensor.elem_type != onnx.TensorProto.FLOAT:
        return f"its {kind} is not float32"
    dims = [d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim]
    if tensor.HasField("shape") and (
        len(dims) != len(shape)
        or any(a is not None and b is not None and a != b for a, b in zip(dims, shape, strict=True))
    ):
        have = " x ".join("n" if size is None else str(size) for size in dims)
        return f"its {kind} is {have} where {want} is wanted"
    return ""
