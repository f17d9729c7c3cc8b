"""Heads: what is asked of the encoder's tokens, and how their answers are put."""

from __future__ import annotations

import hashlib
import math
import queue
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.special

from radiofm.bundle import Bundle, HeadRecord
from radiofm.errors import BundleError
from radiofm.modality import ModalityRecord
from radiofm.wire import MAX_EDGE, MAX_PAYLOAD_BYTES, SPECTROGRAM, HeadResult, LabelScore
from radiofm_services.encoder import Adapter, Encoder
from radiofm_services.graph import Graph, Tensor
from radiofm_services.safety import Shape

MAX_HEADS = 64
MAX_LABELS = 256
MAX_LABEL_LENGTH = 64
MAX_VECTOR = 1024
THRESHOLD = 0.5  # presence: of a label for which the record has none
LABELLED = ("classification", "presence", "segmentation")
PAYLOAD_BYTES = {"segmentation": 1, "channel": 4, "forecast": 4}  # an element

Mask = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Answer:
    """One head's answer to one slice."""

    result: HeadResult
    mask: Mask | None = None  # segmentation: [height, width], row 0 the lowest frequency
    array: Tensor | None = None  # channel: [2, rows, columns]; forecast: [channels, rows, columns]
    novelty: float | None = None  # reconstruction: error in units of error_p99

    def payload(self) -> bytes:
        """Its part of the result's payload."""
        if self.mask is not None:
            return self.mask.tobytes()
        return b"" if self.array is None else self.array.astype("<f4").tobytes()


@dataclass(frozen=True, slots=True)
class LoadedHead:
    """A head that has been checked and run once."""

    record: HeadRecord
    graph: Graph
    version: str  # the record's, and the first digits of the files' hash
    adapter: Adapter | None = None

    @property
    def payload_bytes(self) -> int:
        """The most that its answer takes in a result's payload."""
        size = math.prod(self.graph.outputs[1:])
        if self.record.task == "segmentation":
            size //= len(self.record.labels)
        return PAYLOAD_BYTES.get(self.record.task, 0) * size

    def answer(self, tokens: Tensor, image: Tensor) -> Answer:
        """What the head says of a slice: `tokens` of its tap, `image` [1, channels, height, width].

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
            case "presence":
                labels, present = self._presence(output[0])
                update = {"labels": labels, "present": present}
                return Answer(result.model_copy(update=update))
            case "segmentation":
                mask = winners(output[0])
                counts = [np.count_nonzero(mask == label) for label in range(len(output[0]))]
                labels = self._labels(np.array(counts))
                update = {"labels": labels, "mask_shape": mask.shape}
                return Answer(result.model_copy(update=update), mask=mask)
            case "reconstruction":
                difference = np.ravel(output - image)
                error = float(np.dot(difference, difference)) / difference.size
                novelty = error / record.error_p99 if record.error_p99 else None
                return Answer(result.model_copy(update={"vector": (error,)}), novelty=novelty)
            case "regression":
                vector = tuple(float(value) for value in output[0])
                return Answer(result.model_copy(update={"vector": vector}))
            case "channel" | "forecast":
                update = {"array_shape": output.shape[1:]}
                return Answer(result.model_copy(update=update), array=output[0])

    def _presence(self, logits: Tensor) -> tuple[tuple[LabelScore, ...], int]:
        """Labels that reach their threshold, best first, then the others; and how many do."""
        scores = scipy.special.expit(logits / np.float64(self.record.temperature))
        thresholds = self.record.thresholds or (THRESHOLD,) * len(scores)
        reached = scores >= np.array(thresholds)
        order = np.lexsort((-scores, ~reached))
        labels = tuple(
            LabelScore(label=self.record.labels[i], score=float(scores[i])) for i in order
        )
        return labels, int(reached.sum())

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


def load_head(bundle: Bundle, name: str, encoder: Encoder) -> LoadedHead:
    """Check, build and run head `name` of `bundle` once. Raises BundleError with the reason."""
    record, running = bundle.head(name), encoder.record.hash
    if record.encoder != running:
        raise BundleError(
            f"head {name} was made for encoder {record.encoder}, but {running} is running: "
            "fine-tune and export it on that encoder, or serve its own with `radiofm infer "
            f"--bundle {bundle.path}`"
        )
    modality = _modality(bundle, record, encoder)
    data = bundle.read(record.file)
    outputs = _outputs(record, modality)
    graph = Graph(data, f"head {name}", encoder.tokens(record.modality), outputs, encoder.runtime)
    if record.task == "regression" and graph.outputs[-1] > MAX_VECTOR:
        raise BundleError(f"head {name} is refused: it returns more than {MAX_VECTOR} numbers")
    if record.task in PAYLOAD_BYTES and max(graph.outputs[1:]) > MAX_EDGE:
        raise BundleError(f"head {name} is refused: it returns an axis longer than {MAX_EDGE}")
    adapter = encoder.adapter(bundle, record.adapter) if record.adapter else None
    digest = hashlib.sha256(data + (adapter.digest.encode() if adapter else b"")).hexdigest()[:8]
    return LoadedHead(record, graph, f"{record.version[:55]}+{digest}", adapter)


def _modality(bundle: Bundle, record: HeadRecord, encoder: Encoder) -> ModalityRecord:
    """The head's modality, which must be the running encoder's to the bit."""
    name, manifest = record.modality, bundle.manifest
    modality = manifest.modality(name)
    ours, theirs = encoder.spec, manifest.spec
    if modality.streamed and theirs != ours:
        raise BundleError(
            f"head {record.name} was made for spec {theirs.hash}, but {ours.hash} is running: "
            "export it again with that spec"
        )
    same = encoder.modalities.get(name) == modality
    if not same or manifest.files.get(modality.embed) != encoder.files.get(modality.embed):
        raise BundleError(
            f"head {record.name} was made for another modality {name or SPECTROGRAM} than the "
            f"running encoder's, which has {encoder.names}: export it again with that encoder"
        )
    return modality


def _outputs(record: HeadRecord, modality: ModalityRecord) -> Shape:
    labels, longest = len(record.labels), max(map(len, record.labels), default=0)
    if record.task in LABELLED and (not 1 <= labels <= MAX_LABELS or longest > MAX_LABEL_LENGTH):
        raise BundleError(
            f"head {record.name} is refused: it has {labels} labels of up to {longest} letters, "
            f"allowed are 1 to {MAX_LABELS} of up to {MAX_LABEL_LENGTH}"
        )
    match record.task:
        case "classification" | "presence":
            return (1, labels)
        case "segmentation":
            return (1, labels, *modality.size)
        case "reconstruction":
            return (1, modality.channels, *modality.size)
        case "regression":
            return (1, None)
        case "channel":
            return (1, 2, None, None)
        case "forecast":
            return (1, modality.channels, modality.size[0], None)


def head_set(heads: Mapping[str, LoadedHead]) -> HeadSet:
    """An unchangeable set of `heads`, or BundleError where they are too many."""
    if len(heads) > MAX_HEADS:
        raise BundleError(f"{len(heads)} heads are more than {MAX_HEADS}: unload some first")
    size = sum(head.payload_bytes for head in heads.values())
    if size > MAX_PAYLOAD_BYTES:
        raise BundleError(
            f"the heads' masks and arrays have {size} bytes, more than {MAX_PAYLOAD_BYTES}: "
            "serve fewer heads"
        )
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
