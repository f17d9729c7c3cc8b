"""Which patches of each slice the encoder is given, live.

By energy each slice is judged alone. By change it is compared with what was seen of the stream:
the patches that have changed most since they were last taken are taken, and the others keep the
tokens that they had.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from radiofm.patches import Choice, Kept, by_change, by_energy, count, patchify, stand_in
from radiofm_services.graph import Tensor


class Patches(Protocol):
    """The patches of one slice that the encoder is given."""

    @property
    def share(self) -> float:
        """Of the slice's patches."""

    def take(self, tokens: Tensor) -> Tensor:
        """All tokens [1, 1 + M, D] -> those of CLS and the patches."""

    def spread(self, tokens: Tensor, of: Hashable) -> Tensor:
        """What the encoder made of them -> tokens [1, 1 + M, D]; `of` names the tap they are of."""


class Whole:
    """All of them."""

    share = 1.0

    def take(self, tokens: Tensor) -> Tensor:
        return tokens

    def spread(self, tokens: Tensor, of: Hashable) -> Tensor:
        return tokens


@dataclass(frozen=True, slots=True)
class _ByEnergy:
    kept: Kept

    @property
    def share(self) -> float:
        return self.kept.share

    def take(self, tokens: Tensor) -> Tensor:
        return self.kept.take(tokens)

    def spread(self, tokens: Tensor, of: Hashable) -> Tensor:
        return self.kept.spread(tokens)


@dataclass(frozen=True, slots=True)
class _ByChange(_ByEnergy):
    last: dict[Hashable, Tensor]  # all tokens of each tap, as they stand

    def spread(self, tokens: Tensor, of: Hashable) -> Tensor:
        whole = self.kept.spread(tokens)
        if of in self.last:  # else a tap that is new: the nearest stand in
            fresh = np.zeros(whole.shape[1], bool)
            fresh[0] = fresh[1 + self.kept.patches[0]] = True
            whole = np.where(fresh[:, None], whole, self.last[of])
        self.last[of] = whole
        return whole


class Thinning:
    """Keeps `share` of the patches, which may be set between two slices."""

    def __init__(self, share: float, choose: Choice) -> None:
        self.share, self._choose = share, choose
        self._seen: dict[str | None, Tensor] = {}  # [1, M, P]: each patch as it was last taken
        self._last: dict[Hashable, Tensor] = {}

    def forget(self) -> None:
        """Another stream begins: nothing of it was seen."""
        self._seen.clear()
        self._last.clear()

    def patches(self, image: Tensor, grid: tuple[int, int], modality: str | None) -> Patches:
        """Those to take of a slice of `modality`, float32 [1, channels, rows, columns].

        By change, all of the first of a stream.
        """
        if self.share == 1:
            self.forget()
            return Whole()
        patches = patchify(image, grid)
        keep = count(self.share, patches.shape[1])
        if self._choose == "energy":
            return _ByEnergy(stand_in(patches, by_energy(patches, keep)))
        seen = self._seen.get(modality)
        if seen is None:
            seen, keep = self._seen.setdefault(modality, patches), patches.shape[1]
        kept = by_change(patches, seen, keep)
        np.put_along_axis(seen, kept[..., None], patches[:, kept[0]], axis=1)
        return _ByChange(stand_in(patches, kept), self._last)
