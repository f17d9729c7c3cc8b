"""One slice through the encoder, as seldom as its heads allow.

Heads without an adapter share a pass of trunk and tail, those with the same adapter another; a
pass is made when the first head asks for it.
"""

from __future__ import annotations

from radiofm_services.encoder import Adapter, Encoder
from radiofm_services.graph import Tensor
from radiofm_services.heads import Answer, HeadSet


def answers(encoder: Encoder, heads: HeadSet, image: Tensor, slices: str) -> list[Answer]:
    """What each head that takes them says of a slice of the modality `slices`, in their order;
    `image` is float32 [1, channels, height, width].
    """
    passes: dict[tuple[str | None, str], _Pass] = {}
    embedded: dict[str | None, Tensor] = {}
    said: list[Answer] = []
    for head in heads.values():
        modality, adapter = head.record.modality, head.adapter
        if not encoder.takes(modality, slices):
            continue
        if modality not in embedded:
            embedded[modality] = encoder.embed(image, modality)
        key = modality, adapter.digest if adapter else ""
        if key not in passes:
            passes[key] = _Pass(encoder, embedded[modality], adapter)
        tokens = passes[key].tokens if head.record.tap == "tokens" else passes[key].trunk
        said.append(head.answer(tokens, image))
    return said


class _Pass:
    def __init__(self, encoder: Encoder, embedded: Tensor, adapter: Adapter | None) -> None:
        self._encoder, self._adapter = encoder, adapter
        self.trunk = encoder.trunk(embedded, adapter)
        self._tokens: Tensor | None = None

    @property
    def tokens(self) -> Tensor:
        if self._tokens is None:
            self._tokens = self._encoder.tail(self.trunk, self._adapter)
        return self._tokens
