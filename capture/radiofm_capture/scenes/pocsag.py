"""Paging (ITU-R M.584-2, annex 1, radiopaging code No. 1, "POCSAG")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from radiofm_capture.scenes.coding import Bits, crc
from radiofm_capture.scenes.frames import Frame, lay
from radiofm_capture.scenes.pulse import phase_of
from radiofm_capture.scenes.rhythm import Paced
from radiofm_capture.scenes.signal import Burst, Iq, Range, log_uniform, rotation

DEVIATION_HZ = 4.5e3  # a 0 is above the carrier, a 1 below
PREAMBLE = 576  # bits of reversals
SYNC, IDLE = 0x7CD215D8, 0x7A89C197
GENERATOR = 0x369  # x^10 + x^9 + x^8 + x^6 + x^5 + x^3 + 1, of BCH(31, 21)
BATCH = 16  # codewords in eight frames of two
LETTER_BITS, WORD_BITS = 7, 20
ALPHANUMERIC = 3  # function bits of a message in letters
PER_BIT = 32
WORDS = ("CALL", "THE", "STATION", "UNIT", "TO", "GATE", "WARD", "PUMP", "OFF", "TEST", "ALARM")


@dataclass(frozen=True, slots=True)
class Page:
    address: int  # 21 bits; the lowest three say in which frame it is sent
    text: str


class Pocsag(Paced):
    family: Literal["pocsag"] = "pocsag"
    bit_rate: Literal[512, 1200, 2400] = 1200
    pages: int = Field(3, ge=1, le=1000)  # in a transmission
    off_s: Range = (0.5, 5.0)

    @property
    def bandwidth_hz(self) -> float:
        """Carson's rule."""
        return 2 * DEVIATION_HZ + self.bit_rate

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        own = float(PER_BIT * self.bit_rate)
        index = 2 * DEVIATION_HZ / self.bit_rate
        frames = []
        for start, pages in self.transmissions(count / rate, rng):
            levels = 1 - 2.0 * transmission(pages)
            iq = rotation(phase_of(levels, PER_BIT, index, bt=1.0))
            frames.append(Frame(start, iq, own, self.bandwidth_hz))
        return lay(frames, rate, count, offset_hz)

    def transmissions(
        self, seconds: float, rng: np.random.Generator
    ) -> list[tuple[float, list[Page]]]:
        """(start in s, pages) over [0, seconds); the first began before 0."""
        sent = []
        at = -float(rng.random()) * self.off_s[1]
        while at < seconds:
            pages = [
                Page(int(rng.integers(8, 1 << 21)), " ".join(rng.choice(WORDS, rng.integers(2, 7))))
                for _ in range(self.pages)
            ]
            sent.append((at, pages))
            at += len(transmission(pages)) / self.bit_rate + log_uniform(rng, *self.off_s)
        return sent


def transmission(pages: Sequence[Page]) -> Bits:
    """Reversals, then batches of a sync codeword and 16 others, the free ones idle."""
    words: list[Bits] = []
    for page in pages:
        while len(words) % BATCH // 2 != page.address & 7 or len(words) % 2:
            words.append(_number(IDLE, 32))
        words += codewords(page)
    words += [_number(IDLE, 32)] * (-len(words) % BATCH)
    sent = [np.arange(1, PREAMBLE + 1, dtype=np.uint8) % 2]
    for at in range(0, len(words), BATCH):
        sent += [_number(SYNC, 32), *words[at : at + BATCH]]
    return np.concatenate(sent).astype(np.uint8)


def codewords(page: Page) -> list[Bits]:
    """The address, then 20 bits of text a word, letters of 7 bits with their lowest bit first."""
    address = _number(page.address >> 3, 18)
    words = [np.concatenate([[0], address, _number(ALPHANUMERIC, 2)])]
    letters = np.concatenate([_number(ord(c), LETTER_BITS)[::-1] for c in page.text + "\x04"])
    padded = np.concatenate([letters, np.zeros(-len(letters) % WORD_BITS, np.uint8)])
    words += [np.concatenate([[1], part]) for part in padded.reshape(-1, WORD_BITS)]
    return [_protected(word.astype(np.uint8)) for word in words]


def _protected(word: Bits) -> Bits:
    """BCH(31, 21) and an even parity bit."""
    code = np.concatenate([word, crc(word, GENERATOR, 10)])
    return np.append(code, np.uint8(code.sum() % 2))


def _number(value: int, length: int) -> Bits:
    return np.array([value >> n & 1 for n in range(length - 1, -1, -1)], np.uint8)


def draw_pocsag(rng: np.random.Generator, rate: float) -> Pocsag:
    """Mostly 1200 b/s, from a rare page to a busy transmitter."""
    return Pocsag.model_validate(
        {
            "bit_rate": int(rng.choice([512, 1200, 2400], p=[0.25, 0.6, 0.15])),
            "pages": int(rng.integers(1, 12)),
            "off_s": (0.02, rng.uniform(0.05, 0.5)),
        }
    )
