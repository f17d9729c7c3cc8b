"""The bundle's encoder: a trunk that every slice passes, a tail for the heads that want it."""

from __future__ import annotations

from radiofm.bundle import Bundle, EncoderRecord
from radiofm.spectrogram import SpectrogramSpec
from radiofm_services.graph import Graph, Tensor


class Encoder:
    """Trunk and tail of `bundle` as sessions; `threads` each."""

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        self.record: EncoderRecord = bundle.manifest.encoder
        self.spec: SpectrogramSpec = bundle.manifest.spec
        rows, columns = self.record.grid
        self.tokens = (1, 1 + rows * columns, self.record.dim)  # shape of what heads are given
        image = (1, 1, self.spec.height, self.spec.width)
        self._trunk = Graph(
            bundle.read(self.record.trunk), self.record.trunk, image, self.tokens, threads
        )
        self._tail = Graph(
            bundle.read(self.record.tail), self.record.tail, self.tokens, self.tokens, threads
        )

    def trunk(self, image: Tensor) -> Tensor:
        """A slice, float32 [1, 1, height, width] -> tokens, float32 [1, 1 + patches, dim]."""
        return self._trunk(image)

    def tail(self, tokens: Tensor) -> Tensor:
        """The trunk's tokens -> the encoder's."""
        return self._tail(tokens)
