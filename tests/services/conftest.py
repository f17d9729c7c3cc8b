"""A bundle made of tiny ONNX graphs, so that the services are tested without torch."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import pytest
from onnx import TensorProto, helper, numpy_helper

from radiofm.bundle import (
    BundleManifest,
    EncoderRecord,
    HeadRecord,
    file_record,
    load_bundle,
    write_manifest,
)
from radiofm.bus import Publisher, Subscriber
from radiofm.modality import ModalityRecord
from radiofm.spectrogram import SpectrogramSpec
from radiofm.wire import (
    IqHeader,
    Loss,
    Message,
    SampleAccount,
    SliceHeader,
    StatusHeader,
    Task,
)
from radiofm_services.inference import InferenceConfig

SPEC = SpectrogramSpec(
    duration_s=0.001, window_size=64, hop=64, fft_size=64, height=32, width=32
)  # 256 samples a slice at RATE
RATE = 256e3
SIZE, DIM, TOKENS = 256, 8, 5
LABELS: dict[Task, tuple[str, ...]] = {
    "classification": ("noise", "ofdm", "fm"),
    "presence": ("noise", "ofdm", "fm"),
    "segmentation": ("free", "occupied"),
}


def graph(
    nodes: Sequence[Any],
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    constants: dict[str, Any],
    imports: Sequence[tuple[str, int]] = (("", 21),),
) -> bytes:
    """The bytes of an ONNX graph; `inputs` and `outputs` are (name, shape)."""
    made = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()],
    )
    opsets = [helper.make_opsetid(domain, version) for domain, version in imports]
    data: bytes = helper.make_model(made, opset_imports=opsets, ir_version=10).SerializeToString()
    return data


def embed(seed: int = 0) -> bytes:
    """[b, 1, 32, 32] -> [b, 5, 8]: patches of 16 x 16, their mean as CLS token."""
    weights = np.random.default_rng(seed).normal(0, 0.1, (DIM, 1, 16, 16)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["slice", "w"], ["c"], strides=[16, 16]),
        helper.make_node("Reshape", ["c", "flat"], ["r"]),
        helper.make_node("Transpose", ["r"], ["t"], perm=[0, 2, 1]),
        helper.make_node("ReduceMean", ["t", "axis"], ["cls"], keepdims=1),
        helper.make_node("Concat", ["cls", "t"], ["tokens"], axis=1),
    ]
    constants = {"w": weights, "flat": np.array([0, DIM, -1]), "axis": np.array([1])}
    return graph(
        nodes,
        [("slice", ["b", 1, 32, 32])],
        [("tokens", ["b", TOKENS, DIM])],
        constants,
    )


def trunk(seed: int = 0) -> bytes:
    """Any number of tokens [b, t, 8] -> as many."""
    return tail(seed + 1)


def tail(seed: int = 0) -> bytes:
    weights = np.random.default_rng(seed + 1).normal(0, 1, (DIM, DIM)).astype(np.float32)
    nodes = [helper.make_node("MatMul", ["in", "w"], ["out"])]
    shape = ["b", "t", DIM]
    return graph(nodes, [("in", shape)], [("out", shape)], {"w": weights})


def head(task: Task, seed: int = 0) -> bytes:
    """A head's graph: linear in the CLS token, or in the patches' tokens."""
    rng = np.random.default_rng(seed)
    first, patches = np.array([0]), np.arange(1, TOKENS)
    constants: dict[str, Any] = {"axis": np.array([1])}
    if task in ("classification", "presence", "regression"):
        constants |= {"which": first, "w": rng.normal(0, 1, (DIM, 3)).astype(np.float32)}
        nodes = [
            helper.make_node("Gather", ["tokens", "which"], ["g"], axis=1),
            helper.make_node("Squeeze", ["g", "axis"], ["s"]),
            helper.make_node("MatMul", ["s", "w"], ["out"]),
        ]
        shape = ["b", 3]
    else:
        classes = len(LABELS.get(task, ("slice",)))
        weights = rng.normal(0, 1, (DIM, classes)).astype(np.float32)
        constants |= {
            "which": patches,
            "w": weights,
            "grid": np.array([0, classes, 2, 2]),
            "scales": np.array([1, 1, 16, 16], np.float32),
        }
        nodes = [
            helper.make_node("Gather", ["tokens", "which"], ["g"], axis=1),
            helper.make_node("MatMul", ["g", "w"], ["m"]),
            helper.make_node("Transpose", ["m"], ["t"], perm=[0, 2, 1]),
            helper.make_node("Reshape", ["t", "grid"], ["r"]),
            helper.make_node("Resize", ["r", "", "scales"], ["out"], mode="nearest"),
        ]
        shape = ["b", classes, 32, 32]
    return graph(nodes, [("tokens", ["b", TOKENS, DIM])], [("out", shape)], constants)


class BundleMaker:
    """Writes bundles; by default a good one of an encoder and four heads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(
        self,
        name: str = "good",
        *,
        version: str = "1",
        seed: int = 0,
        encoder: str | None = None,
        spec: SpectrogramSpec = SPEC,
        graphs: dict[str, bytes] | None = None,
        records: dict[str, dict[str, Any]] | None = None,
        tasks: tuple[Task, ...] = (
            "classification",
            "segmentation",
            "reconstruction",
            "regression",
        ),
        before: bool = False,
    ) -> Path:
        """A bundle folder. `graphs` replaces files, `records` fields of head records, by task.

        One of `before` has no embeddings: its trunk takes slices.
        """
        encoder = encoder or hashlib.sha256(trunk() + tail()).hexdigest()[:16]
        path = self._folder / name
        files = {"trunk.onnx": embed() if before else trunk(), "tail.onnx": tail()}
        modalities = {}
        if not before:
            files["embeds/spectrogram.onnx"] = embed()
            modalities["spectrogram"] = ModalityRecord(
                channels=1, size=(spec.height, spec.width), grid=(2, 2),
                embed="embeds/spectrogram.onnx", scaling=None,
            )  # fmt: skip
        heads = []
        for task in tasks:
            file = f"heads/{task}/head.onnx"
            files[file] = head(task, seed)
            fields: dict[str, Any] = {
                "name": task,
                "version": version,
                "task": task,
                "tap": "trunk" if task == "reconstruction" else "tokens",
                "encoder": encoder,
                "file": file,
                "modality": None if before else "spectrogram",
                "labels": LABELS.get(task, ()),
                "error_p99": 0.5 if task == "reconstruction" else None,
            }
            heads.append(HeadRecord(**fields | (records or {}).get(task, {})))
        files |= graphs or {}
        for file, data in files.items():
            (path / file).parent.mkdir(parents=True, exist_ok=True)
            (path / file).write_bytes(data)
        manifest = BundleManifest(
            name=name,
            spec=spec,
            encoder=EncoderRecord(
                hash=encoder, preset="test", dim=DIM, depth=2, heads=1, patch=16, grid=(2, 2)
            ),
            modalities=modalities,
            heads=tuple(heads),
            files={file: file_record(data) for file, data in files.items()},
            provenance={},
            metrics={},
        )
        write_manifest(path, manifest)
        return path


@pytest.fixture
def bundles(tmp_path: Path) -> BundleMaker:
    return BundleMaker(tmp_path / "bundles")


class Background:
    """Runs calls in threads and hands on what they return or raise."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []

    def __call__(self, call: Callable[[], Any]) -> Callable[[], Any]:
        outcome: list[Any] = []

        def work() -> None:
            try:
                outcome.append(call())
            except BaseException as error:  # noqa: BLE001  raised again in the test
                outcome.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self._threads.append(thread)

        def result() -> Any:
            thread.join(20)
            assert outcome, "it did not end in 20 s"
            if isinstance(outcome[0], BaseException):
                raise outcome[0]
            return outcome[0]

        return result


@pytest.fixture
def background() -> Iterator[Background]:
    yield Background()


class Radio:
    """A capture daemon for tests: publishes parts of a seeded stream, and leaves out others."""

    def __init__(self, endpoint: str) -> None:
        self.publisher = Publisher(endpoint, message_bytes=1 << 10, lossless=True)
        self.stream = uuid4()

    def samples(self, start: int, stop: int) -> npt.NDArray[np.int16]:
        """The stream's samples [start, stop)."""
        noise = np.random.default_rng(5).integers(-2000, 2000, (1 << 16, 2), np.int16)
        return noise[start:stop]

    def wait(self) -> None:
        assert self.publisher.wait_for_subscribers("iq", 1, 5)
        assert self.publisher.wait_for_subscribers("status", 1, 5)

    def send(
        self, start: int, stop: int, *, rate: float = RATE, lost: tuple[Loss, ...] = ()
    ) -> None:
        now = time.time_ns()
        header = IqHeader(
            **self._common("iq", start, rate), sample_count=stop - start, lost=lost,
            datatype="ci16_le", full_scale=2048, bandwidth_hz=rate, host_time_ns=now,
        )  # fmt: skip
        assert self.publisher.send(header, self.samples(start, stop), timeout_s=5)

    def say(self, state: Literal["waiting", "running", "ended"], end: int) -> None:
        """A status that says where the stream stands."""
        common = self._common("status", end, RATE)
        header = StatusHeader(**common, sample_count=0, daemon="capture", state=state)
        assert self.publisher.send(header, timeout_s=5)

    def _common(self, topic: str, index: int, rate: float) -> dict[str, Any]:
        return {
            "stream": self.stream,
            "sequence": self.publisher.next_sequence(topic),
            "sample_index": index,
            "time_ns": 10**18 + round(index * 1e9 / rate),
            "time_quality": "device",
            "center_frequency_hz": 1e9,
            "sample_rate_hz": rate,
        }


@pytest.fixture
def radio(tmp_path: Path) -> Iterator[Radio]:
    made = Radio(f"ipc://{tmp_path}/iq")
    yield made
    made.publisher.close()


class Worker:
    """A spectrogram worker for tests: publishes slices of seeded noise."""

    def __init__(self, endpoint: str, spec: str) -> None:
        self.publisher = Publisher(endpoint, message_bytes=1 << 10, lossless=True)
        self.stream, self.spec = uuid4(), spec
        self.images = np.random.default_rng(3).normal(0, 1, (16, 32, 32)).astype(np.float32)

    def wait(self) -> None:
        assert self.publisher.wait_for_subscribers("slice", 1, 10)
        assert self.publisher.wait_for_subscribers("status", 1, 10)

    def send(self, index: int, *, complete: bool = True, lost: tuple[Loss, ...] = ()) -> None:
        header = SliceHeader(
            **self._common("slice", index * SIZE), sample_count=SIZE, lost=lost,
            slice_index=index, spec=self.spec, shape=(32, 32), complete=complete,
            host_time_ns=time.time_ns(), complete_ns=time.time_ns(),
        )  # fmt: skip
        assert self.publisher.send(header, self.images[index % 16].copy(), timeout_s=10)

    def say(self, state: Literal["running", "ended"], end: int) -> None:
        samples = SampleAccount(span=end, received=end)
        common = self._common("status", end)
        header = StatusHeader(
            **common, sample_count=0, daemon="spectrogram", state=state, samples=samples
        )
        assert self.publisher.send(header, timeout_s=10)

    def _common(self, topic: str, index: int) -> dict[str, Any]:
        return {
            "stream": self.stream,
            "sequence": self.publisher.next_sequence(topic),
            "sample_index": index,
            "time_ns": 10**18,
            "time_quality": "device",
            "center_frequency_hz": 1e9,
            "sample_rate_hz": RATE,
        }


@pytest.fixture
def config(tmp_path: Path, bundles: BundleMaker) -> InferenceConfig:
    return InferenceConfig(
        bundle=bundles(),
        slices=f"ipc://{tmp_path}/slice",
        results=f"ipc://{tmp_path}/result",
        control=f"ipc://{tmp_path}/control",
        policy="lossless",
        patience_s=10,
        readers=1,
    )


@pytest.fixture
def worker(config: InferenceConfig) -> Iterator[Worker]:
    made = Worker(config.slices, load_bundle(config.bundle).manifest.spec.hash)
    yield made
    made.publisher.close()


class Reader:
    """Follows a daemon's channel in a thread and keeps all that it said."""

    def __init__(self, endpoint: str, topic: str, background: Background) -> None:
        self._subscriber = Subscriber([endpoint], [topic, "status"], message_bytes=1 << 10)
        self._over = threading.Event()
        self.messages: list[Message] = []
        self._read = background(self._follow)

    def _follow(self) -> None:
        ended = False
        while not ended and not self._over.is_set():
            message = self._subscriber.receive(0.1)
            if message is None:
                continue
            # The payload is a view of the message's frame: keep it as it came.
            self.messages.append(Message(message.header, message.payload.copy()))
            ended = isinstance(message.header, StatusHeader) and message.header.state == "ended"
        self._subscriber.close()

    def close(self) -> None:
        self._over.set()
        self._read()

    def all(self, kind: type[Any]) -> list[Any]:
        """All headers of one kind, once the daemon has ended."""
        self._read()
        return [m.header for m in self.messages if isinstance(m.header, kind)]


@pytest.fixture
def reader(background: Background) -> Iterator[Callable[[str, str], Reader]]:
    made: list[Reader] = []

    def make(endpoint: str, topic: str) -> Reader:
        made.append(Reader(endpoint, topic, background))
        return made[-1]

    yield make
    for one in made:
        one.close()
