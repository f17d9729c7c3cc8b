"""Fingerprints that find the same samples again, wherever a slice of them begins."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

WORDS = 64  # 32 bits each, that a fingerprint is made of: far more than noise repeats by chance
BLOCK = 65536  # words at a time: they stay in the cache

_GRAM = 8  # words that rank a place
_MIX = [np.uint32(odd) for odd in (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F)]


def fingerprint(samples: npt.NDArray[Any]) -> int | None:
    """A 64-bit number (signed) of int16 or float32 [n, 2]; None for fewer than WORDS or constant.

    It hashes the samples at the place whose next eight words rank highest, as in winnowing
    (Schleimer et al. 2003): two slices that overlap may share that place, however they lie. Each
    slice of an excerpt is known again with a chance of 2 in 3 at least; of ten slices, some one
    with all but certainty.
    """
    words = np.ascontiguousarray(samples).reshape(-1).view(np.uint32)
    places = len(words) - WORDS + 1
    highest, at = -1, 0
    for start in range(0, places, BLOCK):
        rank = _rank(words[start : min(start + BLOCK, places) + _GRAM - 1])
        place = int(rank.argmax())
        if rank[place] > highest:
            highest, at = int(rank[place]), start + place
    chosen = words[at : at + WORDS]
    if places < 1 or (chosen[2:] == chosen[:-2]).all():  # constant I and Q, of 16 or 32 bits
        return None
    digest = hashlib.blake2b(chosen.tobytes(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def _rank(words: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """A hash of each run of eight words: pairs, then pairs of pairs, then pairs of those."""
    pairs = words[:-1] * _MIX[0] ^ words[1:]
    fours = pairs[:-2] * _MIX[1] ^ pairs[2:]
    eights = fours[:-4] * _MIX[2] ^ fours[4:]
    ranks: npt.NDArray[np.uint32] = eights * _MIX[3]
    return ranks
