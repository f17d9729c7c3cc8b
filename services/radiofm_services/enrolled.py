"""A head that was shown its labels on the air: each is the mean of the slices that it was shown in.

Prototypes (Snell et al. 2017) of the encoder's tokens, averaged over the slice; nothing is trained.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import numpy as np

from radiofm.bundle import HeadRecord
from radiofm.wire import SPECTROGRAM
from radiofm_services.encoder import Encoder
from radiofm_services.graph import Tensor
from radiofm_services.heads import LoadedHead

VERSION = "enrolled"


@dataclass(frozen=True)
class Prototypes:
    """Answers as a head's graph does: tokens [1, 1 + M, D] -> logits [1, labels].

    `examples` are pooled tokens [n, D] of each label.
    """

    examples: Mapping[str, Tensor] = field(default_factory=dict)

    def __call__(self, tokens: Tensor) -> Tensor:
        means = np.array([shown.mean(axis=0) for shown in self.examples.values()])
        apart = means - pooled(tokens)
        return np.asarray(-np.square(apart).sum(axis=1)[None], np.float32)

    @property
    def outputs(self) -> tuple[int, ...]:
        return (1, len(self.examples))

    @property
    def temperature(self) -> float:
        """One unit of the logits: how far examples lie from their mean, squared; where each label
        has but one, a quarter of how far two labels lie apart.
        """
        within = [
            np.square(shown - shown.mean(axis=0)).sum() / (len(shown) - 1)
            for shown in self.examples.values()
            if len(shown) > 1
        ]
        means = [shown.mean(axis=0) for shown in self.examples.values()]
        between = [
            np.square(one - other).sum() / 4 for at, one in enumerate(means) for other in means[:at]
        ]
        found = float(np.mean(within)) if within else float(min(between, default=1.0))
        return max(found, 1e-6)


@dataclass(frozen=True)
class Showing:
    """Answers as `known` does while it is shown `wanted` slices; `seen` comes true of the last."""

    known: Prototypes
    wanted: int
    seen: Future[Tensor] = field(default_factory=Future)
    _shown: list[Tensor] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, tokens: Tensor) -> Tensor:
        with self._lock:
            if len(self._shown) < self.wanted:
                self._shown.append(pooled(tokens))
                if len(self._shown) == self.wanted:
                    self.seen.set_result(np.stack(self._shown))
        if not self.known.examples:
            return np.full((1, 1), np.nan, np.float32)  # an empty answer
        return self.known(tokens)

    @property
    def outputs(self) -> tuple[int, ...]:
        return self.known.outputs


def pooled(tokens: Tensor) -> Tensor:
    """Tokens [1, 1 + M, D] -> [D], the mean over patches."""
    return np.asarray(tokens[0, 1:].mean(axis=0), np.float32)


def enrolled_head(name: str, known: Prototypes, encoder: Encoder) -> LoadedHead:
    """A head that answers by `known`, on the encoder that runs."""
    digest = hashlib.sha256(b"".join(shown.tobytes() for shown in known.examples.values()))
    record = HeadRecord(
        name=name,
        version=VERSION,
        task="classification",
        tap="tokens",
        encoder=encoder.record.hash,
        file=VERSION,
        modality=SPECTROGRAM if SPECTROGRAM in encoder.modalities else None,
        labels=tuple(known.examples),
        temperature=known.temperature,
    )
    return LoadedHead(record, known, f"{VERSION}+{digest.hexdigest()[:8]}")


def shown_to(head: LoadedHead, wanted: int) -> tuple[LoadedHead, Showing]:
    """The head while it is shown `wanted` slices."""
    assert isinstance(head.graph, Prototypes)
    showing = Showing(head.graph, wanted)
    return replace(head, graph=showing), showing
