"""A bundle's graphs in bulk: batches of slices through ONNX Runtime, as they are served."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnxruntime

from radiofm.adapter import ActiveAdapter, Matrices, read_adapter
from radiofm.bundle import BundleManifest
from radiofm.patches import thin
from radiofm.wire import SPECTROGRAM

Array = npt.NDArray[np.float32]
Precision = Literal["fp32", "int8"]


class OnnxGraph:
    """One graph on one thread; it takes those of `matrices` that it has inputs for."""

    def __init__(self, data: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            data, options, providers=["CPUExecutionProvider"]
        )
        self._input: str = self._session.get_inputs()[0].name
        self._open = {port.name for port in self._session.get_overridable_initializers()}

    def __call__(self, values: Array, matrices: Mapping[str, Array] | None = None) -> Array:
        """The output for a batch."""
        options: Any = None
        if matrices:
            mine = {name: value for name, value in matrices.items() if name in self._open}
            adapter = ActiveAdapter(mine)  # kept until the run is over
            options = adapter.options()
        output = self._session.run(None, {self._input: values}, options)[0]
        return np.asarray(output, np.float32)


class ServedBundle:
    """All graphs of a bundle; `read` gives its files, as `Bundle.read` does."""

    def __init__(
        self,
        manifest: BundleManifest,
        read: Callable[[str], bytes],
        precision: Precision = "fp32",
    ) -> None:
        self.manifest = manifest
        record = manifest.encoder
        trunk, tail = record.trunk, record.tail
        if precision == "int8":
            trunk, tail = record.trunk_int8 or trunk, record.tail_int8 or tail
        self.trunk, self.tail = OnnxGraph(read(trunk)), OnnxGraph(read(tail))
        self._embeds = {n: OnnxGraph(read(m.embed)) for n, m in manifest.modalities.items()}
        self._heads = {head.name: OnnxGraph(read(head.file)) for head in manifest.heads}
        self._adapters: dict[str, Matrices] = {
            head.adapter: read_adapter(read(head.adapter), head.adapter)
            for head in manifest.heads
            if head.adapter
        }

    def embed(self, images: Array, modality: str | None) -> Array:
        """Slices float32 [n, channels, rows, columns] -> what the trunk takes."""
        return self._embeds[modality or SPECTROGRAM](images) if self._embeds else images

    def __call__(
        self, images: Array, modality: str | None = None, share: float = 1.0
    ) -> dict[str, Array]:
        """The output of each head of `modality` (None: of spectrograms), by its name, for slices
        [n, C, H, W]. The encoder is given a `share` of their patches, chosen by energy.
        """
        embedded = self.embed(images, modality)
        kept = None
        if share < 1:
            kept = thin(images, self.manifest.modality(modality).grid, share)
            embedded = kept.take(embedded)
        taps: dict[tuple[str | None, str], Array] = {}  # those asked for, of the kept patches
        outputs: dict[str, Array] = {}
        for head in self.manifest.heads:
            if (head.modality or SPECTROGRAM) != (modality or SPECTROGRAM):
                continue
            matrices = self._adapters[head.adapter] if head.adapter else None
            if (head.adapter, "trunk") not in taps:
                taps[head.adapter, "trunk"] = self.trunk(embedded, matrices)
            if (head.adapter, head.tap) not in taps:
                tokens = self.tail(taps[head.adapter, "trunk"], matrices)
                taps[head.adapter, "tokens"] = tokens
            tokens = taps[head.adapter, head.tap]
            outputs[head.name] = self._heads[head.name](kept.spread(tokens) if kept else tokens)
        return outputs
