"""Heads: what is asked of the encoder's tokens, and how their answers are put."""

from __future__ import annotations

import hashlib
import queue
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from radiofm.bundle import Bundle, HeadRecord
from radiofm.errors import BundleError
from radiofm.wire import HeadResult, LabelScore
from radiofm_services.encoder import Encoder
from radiofm_services.graph import Graph, Tensor
from radiofm_services.safety import Shape

MAX_HEADS = 64
MAX_LABELS = 256
MAX_LABEL_LENGTH = 64
MAX_VECTOR = 1024

Mask = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Answer:
    """One head's answer to one slice."""

    result: HeadResult
    mask: Mask | None = None  # segmentation: [height, width], row 0 the lowest frequency
    novelty: float | None = None  # reconstruction: error in units of error_p99


@dataclass(frozen=True, slots=True)
class LoadedHead:
    """A head that has been checked and run once."""

    record: HeadRecord
    graph: Graph
    version: str  # the record's, and the first digits of the file's hash

    def answer(self, tokens: Tensor, image: Tensor) -> Answer:
        """What the head says of a slice: `tokens` of its tap, `image` [1, 1, height, width].

        A graph that fails or answers with what is no number gives an empty answer.
        """
        record = self.record
        result = HeadResult(name=record.name, version=self.version, task=record.task)
        try:
            output = self.graph(tokens)
        except BundleError:
            return Answer(result)
        if not np.isfinite(output).all():
            return Answer(result)
        match record.task:
            case "classification":
                labels = self._labels(softmax(output[0], record.temperature))
                return Answer(result.model_copy(update={"labels": labels}))
            case "segmentation":
                mask = winners(output[0])
                counts = [np.count_nonzero(mask == label) for label in range(len(output[0]))]
                labels = self._labels(np.array(counts))
                update = {"labels": labels, "mask_shape": mask.shape}
                return Answer(result.model_copy(update=update), mask=mask)
            case "reconstruction":
                difference = np.subtract(output, image, dtype=np.float64)
                error = float(np.mean(np.square(difference)))
                novelty = error / record.error_p99 if record.error_p99 else None
                return Answer(result.model_copy(update={"vector": (error,)}), novelty=novelty)
            case "regression":
                vector = tuple(float(value) for value in output[0])
                return Answer(result.model_copy(update={"vector": vector}))

    def _labels(self, weights: npt.NDArray[Any]) -> tuple[LabelScore, ...]:
        shares = weights / weights.sum()
        return tuple(
            LabelScore(label=self.record.labels[i], score=float(shares[i]))
            for i in np.argsort(-shares, kind="stable")
        )


HeadSet = Mapping[str, LoadedHead]  # by name; never changed, only replaced


def softmax(logits: Tensor, temperature: float) -> npt.NDArray[np.float64]:
    """Logits [n] -> probabilities [n] of the logits over `temperature` (Guo et al. 2017)."""
    powers = np.exp(np.subtract(logits, logits.max(), dtype=np.float64) / temperature)
    return np.asarray(powers / powers.sum())


def winners(logits: Tensor) -> Mask:
    """The argmax over the first axis of [labels, height, width], much faster than numpy's."""
    mask, best = np.zeros(logits.shape[1:], np.uint8), logits[0]
    for label, plane in enumerate(logits[1:], start=1):
        np.copyto(mask, label, where=plane > best)
        best = np.maximum(best, plane)
    return mask


def load_head(bundle: Bundle, name: str, encoder: Encoder, threads: int = 1) -> LoadedHead:
    """Check, build and run head `name` of `bundle` once. Raises BundleError with the reason."""
    record, running = bundle.head(name), encoder.record.hash
    if record.encoder != running:
        raise BundleError(
            f"head {name} was made for encoder {record.encoder}, but {running} is running: "
            "fine-tune and export it on that encoder, or serve its own with `radiofm infer "
            f"--bundle {bundle.path}`"
        )
    if bundle.manifest.spec != encoder.spec:
        raise BundleError(
            f"head {name} was made for spec {bundle.manifest.spec.hash}, but "
            f"{encoder.spec.hash} is running: export it again with that spec"
        )
    outputs = _outputs(record, encoder)
    data = bundle.read(record.file)
    graph = Graph(data, f"head {name}", encoder.tokens, outputs, threads)
    if graph.outputs[-1] > MAX_VECTOR:
        raise BundleError(f"head {name} is refused: it returns more than {MAX_VECTOR} numbers")
    digest = hashlib.sha256(data).hexdigest()[:8]
    return LoadedHead(record, graph, f"{record.version[:55]}+{digest}")


def _outputs(record: HeadRecord, encoder: Encoder) -> Shape:
    labels, spec = len(record.labels), encoder.spec
    labelled = record.task in ("classification", "segmentation")
    longest = max(map(len, record.labels), default=0)
    if labelled and (not 1 <= labels <= MAX_LABELS or longest > MAX_LABEL_LENGTH):
        raise BundleError(
            f"head {record.name} is refused: it has {labels} labels of up to {longest} letters, "
            f"allowed are 1 to {MAX_LABELS} of up to {MAX_LABEL_LENGTH}"
        )
    match record.task:
        case "classification":
            return (1, labels)
        case "segmentation":
            return (1, labels, spec.height, spec.width)
        case "reconstruction":
            return (1, 1, spec.height, spec.width)
        case "regression":
            return (1, None)


def head_set(heads: Mapping[str, LoadedHead]) -> HeadSet:
    """An unchangeable set of `heads`, or BundleError where they are too many."""
    if len(heads) > MAX_HEADS:
        raise BundleError(f"{len(heads)} heads are more than {MAX_HEADS}: unload some first")
    return MappingProxyType(dict(heads))


class HeadRack:
    """The heads that serve. Another thread proposes a set; it takes over between two slices."""

    def __init__(self, heads: HeadSet) -> None:
        self.serving = heads
        self._proposed: queue.SimpleQueue[tuple[HeadSet, Future[int]]] = queue.SimpleQueue()

    def propose(self, heads: HeadSet) -> Future[int]:
        """Ask for `heads` to serve. The result: the index of the first slice that they can."""
        done: Future[int] = Future()
        self._proposed.put((heads, done))
        return done

    def settle(self, next_slice: int) -> HeadSet:
        """Let the proposed heads take over before slice `next_slice`; the set that serves it."""
        while not self._proposed.empty():
            heads, done = self._proposed.get()
            if done.set_running_or_notify_cancel():
                self.serving = heads
                done.set_result(next_slice)
        return self.serving

    def close(self) -> None:
        """Refuse what is still proposed: no slice will come."""
        while not self._proposed.empty():
            self._proposed.get()[1].cancel()
