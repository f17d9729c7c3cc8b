"""A carrier: steady or keyed in Morse code, with a drift (ITU-R M.1677)."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy import signal

from radiofm_capture.scenes.rhythm import Steady
from radiofm_capture.scenes.signal import Burst, Iq, carrier, rotation

MORSE = {  # (M.1677-1, annex 1, part I, 1.1)
    "A": ".-", "B": "-...", "C": "-.-.", "D": "-..", "E": ".", "F": "..-.", "G": "--.", "H": "....",
    "I": "..", "J": ".---", "K": "-.-", "L": ".-..", "M": "--", "N": "-.", "O": "---", "P": ".--.",
    "Q": "--.-", "R": ".-.", "S": "...", "T": "-", "U": "..-", "V": "...-", "W": ".--", "X": "-..-",
    "Y": "-.--", "Z": "--..", "1": ".----", "2": "..---", "3": "...--", "4": "....-", "5": ".....",
    "6": "-....", "7": "--...", "8": "---..", "9": "----.", "0": "-----",
}  # fmt: skip
RISE_S = 5e-3  # of a key, against clicks
FADING = 5  # width by keying speed in baud (ITU-R SM.1138, A1A)
PIECE_S = 0.25  # boxes that follow the drift
LEAST_HZ = 20.0


class Cw(Steady):
    """`words_min` is the speed, "PARIS " being a word of 50 dots; 0: the carrier is steady."""

    family: Literal["cw"] = "cw"
    words_min: Annotated[float, Field(ge=0, le=100)] = 20.0
    drift_hz_s: Annotated[float, Field(ge=-1e5, le=1e5)] = 0.0

    @property
    def bandwidth_hz(self) -> float:
        return max(FADING * self.words_min / 1.2, LEAST_HZ)

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        tone = carrier(count, offset_hz / rate, float(rng.random()))
        if self.drift_hz_s:
            time = np.arange(count) / rate
            tone *= rotation(0.5 * self.drift_hz_s * time**2)
            tone *= np.abs(offset_hz + self.drift_hz_s * time) < rate / 2
        elif abs(offset_hz) >= rate / 2:
            tone[:] = 0
        if self.words_min:
            tone *= self._key(count, rate, rng)
        return tone, self._boxes(rate, count, offset_hz)

    def _boxes(self, rate: float, count: int, offset_hz: float) -> list[Burst]:
        edges = [*range(0, count, round(PIECE_S * rate)), count]
        track = (offset_hz + self.drift_hz_s * np.array(edges) / rate).tolist()
        half = self.bandwidth_hz / 2
        return [
            Burst(edges[n], edges[n + 1] - edges[n], min(ends) - half, max(ends) + half)
            for n, ends in enumerate(pairwise(track))
        ]

    def _key(self, count: int, rate: float, rng: np.random.Generator) -> npt.NDArray[np.float32]:
        """The amplitude, of unit mean power over the whole text, at `rate`."""
        dot = 1.2 / self.words_min
        text = "".join(rng.choice(list(MORSE), int(count / rate / dot / 6) + 4))
        elements = elements_of(text)
        rise = np.hanning(max(3, 2 * round(RISE_S / dot * 32) + 1))
        smooth = signal.oaconvolve(elements.repeat(32), rise / rise.sum(), "same")
        smooth /= np.sqrt(np.mean(smooth**2))
        begin = rng.random() * dot * 4
        at = (np.arange(count) / rate + begin) * (32 / dot)
        return np.interp(at, np.arange(len(smooth)), smooth).astype(np.float32)


def elements_of(text: str) -> npt.NDArray[np.float64]:
    """Key down or up by dot: a dash is three, gaps are 1 in a letter and 3 after (part I, 2)."""
    keyed = ""
    for letter in text:
        keyed += "0".join("111" if mark == "-" else "1" for mark in MORSE[letter]) + "000"
    return np.array([float(c) for c in keyed])


def draw_cw(rng: np.random.Generator, rate: float) -> Cw:
    """A steady carrier with or without a drift, or somebody's key."""
    keyed = rng.random() < 0.5
    return Cw(
        words_min=rng.uniform(10, 40) if keyed else 0.0,
        drift_hz_s=0.0 if rng.random() < 0.5 else float(rng.normal(0, 1e-4 * rate)),
    )
