"""The bundle's encoder: a trunk that every slice passes, a tail for the heads that want it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from radiofm.adapter import ActiveAdapter, check_adapter, read_adapter
from radiofm.bundle import Bundle, EncoderRecord
from radiofm.errors import BundleError
from radiofm.modality import ModalityRecord
from radiofm.spectrogram import SpectrogramSpec
from radiofm.wire import SPECTROGRAM
from radiofm_services.graph import Graph, Tensor
from radiofm_services.runtime import ONE_THREAD, Runtime

Precision = Literal["fp32", "int8"]


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter, ready for the runs of trunk and tail."""

    digest: str  # of its file: heads with the same adapter share its pass
    trunk: ActiveAdapter
    tail: ActiveAdapter


class Encoder:
    """Trunk and tail of `bundle` as sessions, and an embedding of each modality."""

    def __init__(
        self,
        bundle: Bundle,
        runtime: Runtime = ONE_THREAD,
        precision: Precision = "fp32",
    ) -> None:
        manifest = bundle.manifest
        self.runtime = runtime
        self.record: EncoderRecord = manifest.encoder
        self.spec: SpectrogramSpec = manifest.spec
        self.files = manifest.files
        self.modalities: dict[str | None, ModalityRecord] = {
            name: manifest.modality(name) for name in manifest.modalities or (None,)
        }
        self._embeds: dict[str | None, Graph] = {}
        for name, modality in manifest.modalities.items():
            image = (1, modality.channels, *modality.size)
            self._embeds[name] = Graph(
                bundle.read(modality.embed), modality.embed, image, self.tokens(name), runtime
            )
        shapes = [self.tokens(name) for name in self.modalities]
        image = (1, 1, self.spec.height, self.spec.width)
        trunk, tail = _files(bundle, precision)
        first = shapes[0] if self._embeds else image
        self._trunk = Graph(bundle.read(trunk), trunk, first, shapes[0], runtime)
        self._tail = Graph(bundle.read(tail), tail, shapes[0], shapes[0], runtime)
        self.fallback = self._trunk.fallback  # what to say where the provider cannot be had
        for shape in shapes[1:]:  # the same graphs take any number of patches
            self._trunk.warm_up(shape, shape)
            self._tail.warm_up(shape, shape)

    @property
    def any_patches(self) -> bool:
        """Whether it takes any subset of a slice's patches, as bundles once did not."""
        return bool(self._embeds) and self._trunk.any_tokens and self._tail.any_tokens

    @property
    def names(self) -> str:
        """Its modalities, for a sentence."""
        return ", ".join(name or SPECTROGRAM for name in self.modalities)

    def tokens(self, modality: str | None) -> tuple[int, ...]:
        """The shape of the tokens that heads of `modality` are given."""
        rows, columns = self.modalities[modality].grid
        return (1, 1 + rows * columns, self.record.dim)

    def takes(self, modality: str | None, slices: str) -> bool:
        """Whether `modality` is made of the slices that are named `slices` on the wire."""
        return slices == ((self.modalities[modality].slices or modality) or SPECTROGRAM)

    def embed(self, image: Tensor, modality: str | None) -> Tensor:
        """A slice, float32 [1, channels, rows, columns] -> what the trunk takes."""
        return self._embeds[modality](image) if self._embeds else image

    def trunk(self, embedded: Tensor, adapter: Adapter | None = None) -> Tensor:
        """An embedded slice, or some of its patches -> tokens, float32 [1, 1 + patches, dim]."""
        return self._trunk(embedded, adapter.trunk.options() if adapter else None)

    def tail(self, tokens: Tensor, adapter: Adapter | None = None) -> Tensor:
        """The trunk's tokens -> the encoder's."""
        return self._tail(tokens, adapter.tail.options() if adapter else None)

    @property
    def adapter_widths(self) -> tuple[dict[str, int], dict[str, int]]:
        """The width of each matrix that an adapter brings for the trunk, and for the tail."""
        return self._trunk.adapter_inputs, self._tail.adapter_inputs

    def adapter(self, bundle: Bundle, file: str) -> Adapter:
        """The adapter in `file` of `bundle`, tried once. BundleError where it does not fit."""
        inputs = {name: n for widths in self.adapter_widths for name, n in widths.items()}
        if not inputs:
            raise BundleError(
                f"{file} is refused: the running encoder takes no adapters; export it with "
                "adapted heads"
            )
        data = bundle.read(file)
        matrices = read_adapter(data, file)
        check_adapter(matrices, inputs, file)
        trunk, tail = (
            ActiveAdapter({name: matrices[name] for name in widths})
            for widths in self.adapter_widths
        )
        self._trunk.warm_up(self._trunk.inputs, self._trunk.outputs, trunk.options())
        self._tail.warm_up(self._tail.inputs, self._tail.outputs, tail.options())
        return Adapter(hashlib.sha256(data).hexdigest(), trunk, tail)


def _files(bundle: Bundle, precision: Precision) -> tuple[str, str]:
    record = bundle.manifest.encoder
    if precision == "fp32":
        return record.trunk, record.tail
    if record.trunk_int8 is None or record.tail_int8 is None:
        raise BundleError(
            f"bundle {bundle.manifest.name} has no int8 encoder: serve it with --precision fp32"
        )
    return record.trunk_int8, record.tail_int8
