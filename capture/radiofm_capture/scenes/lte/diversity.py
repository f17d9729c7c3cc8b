"""Transmit diversity: one stream over one, two or four antenna ports."""

from __future__ import annotations

import numpy as np

from radiofm_capture.scenes.lte.cell import Grid


def diversity(symbols: Grid, ports: int) -> Grid:
    """Symbols [n], n even, -> what each port sends, [ports, n] (TS 36.211, 6.3.3.3 and 6.3.4.3).

    A space-frequency block code over each two neighbours; of four ports, 0 and 2 send the even
    pairs and 1 and 3 the odd ones.
    """
    if ports == 1:
        return symbols[None]
    pairs = symbols.reshape(-1, 2) * np.float32(0.5**0.5)
    crossed = pairs[:, ::-1].conj() * np.array([-1, 1], np.float32)
    if ports == 2:
        return np.stack([pairs, crossed]).reshape(2, -1)
    sent = np.zeros((4, *pairs.shape), np.complex64)
    for parity in (0, 1):
        sent[parity, parity::2] = pairs[parity::2]
        sent[2 + parity, parity::2] = crossed[parity::2]
    return sent.reshape(4, -1)
