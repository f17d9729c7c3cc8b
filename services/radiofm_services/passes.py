"""One slice through the encoder, as seldom as its heads allow.

Heads without an adapter share a pass of trunk and tail, those with the same adapter another; a
pass is made when the first head asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from radiofm_services.encoder import Adapter, Encoder
from radiofm_services.graph import Tensor
from radiofm_services.heads import Answer, HeadSet
from radiofm_services.thinning import Patches, Thinning, Whole


@dataclass(frozen=True, slots=True)
class Said:
    """What the heads said of one slice, in their order."""

    answers: list[Answer]
    share: float  # of its patches that the encoder was given: 1 where there was no pass


def answers(
    encoder: Encoder,
    heads: HeadSet,
    image: Tensor,
    slices: str,
    thinning: Thinning | None = None,
) -> Said:
    """What each head that takes them says of a slice of the modality `slices`; `image` is float32
    [1, channels, height, width]. Without a `thinning`, all patches are taken.
    """
    passes: dict[tuple[str | None, str], _Pass] = {}
    taken: dict[str | None, tuple[Tensor, Patches]] = {}
    said: list[Answer] = []
    for head in heads.values():
        modality, adapter = head.record.modality, head.adapter
        if not encoder.takes(modality, slices):
            continue
        if modality not in taken:
            grid = encoder.modalities[modality].grid
            patches = thinning.patches(image, grid, modality) if thinning else Whole()
            taken[modality] = patches.take(encoder.embed(image, modality)), patches
        key = modality, adapter.digest if adapter else ""
        if key not in passes:
            passes[key] = _Pass(encoder, key, *taken[modality], adapter)
        said.append(head.answer(passes[key].tap(head.record.tap), image))
    shares = [patches.share for _, patches in taken.values()]
    return Said(said, min(shares, default=1.0))


class _Pass:
    """The taps of one pass: tokens of all patches."""

    def __init__(
        self,
        encoder: Encoder,
        key: tuple[str | None, str],
        embedded: Tensor,
        patches: Patches,
        adapter: Adapter | None,
    ) -> None:
        self._encoder, self._key, self._adapter = encoder, key, adapter
        self._patches = patches
        self._trunk = encoder.trunk(embedded, adapter)

    def tap(self, name: str) -> Tensor:
        return self._tokens if name == "tokens" else self._whole_trunk

    @cached_property
    def _whole_trunk(self) -> Tensor:
        return self._patches.spread(self._trunk, (*self._key, "trunk"))

    @cached_property
    def _tokens(self) -> Tensor:
        tokens = self._encoder.tail(self._trunk, self._adapter)
        return self._patches.spread(tokens, (*self._key, "tokens"))
