"""LoRa's chirps and coding, as published by those who took it apart.

[1] Robyns, Quax, Lamotte, Thenaers: A Multi-Channel Software Decoder for the LoRa Modulation
    Scheme (IoTBDS 2018).
[2] Tapparel, Afisiadis, Mayoraz, Balatsoukas-Stimming, Burg: An Open-Source LoRa Physical Layer
    Prototype on GNU Radio (SPAWC 2020).
[3] Semtech: AN1200.22, LoRa Modulation Basics; SX1276 data sheet, 4.1.1.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from radiofm_capture.scenes.coding import Bits
from radiofm_capture.scenes.frames import Frame, lay
from radiofm_capture.scenes.signal import Burst, Iq, Range, Waveform, log_uniform, rotation

WIDTHS = (125e3, 250e3, 500e3)
OVERSAMPLING = 4
HEADER = 5  # nibbles
LOW_RATE_S = 16e-3  # symbols longer than this leave two bits out (SX1276, 4.1.1.6)
DOWN = 2.25  # down-chirps after the sync word


class Lora(Waveform):
    """Packets on one channel, with explicit header and CRC."""

    family: Literal["lora"] = "lora"
    spreading: Annotated[int, Field(ge=7, le=12)] = 7
    width_hz: float = 125e3
    coding: Annotated[int, Field(ge=1, le=4)] = 1  # parity bits: rate 4 / (4 + coding)
    sync_word: Annotated[int, Field(ge=0, le=255)] = 0x34  # of LoRaWAN; 0x12 of private networks
    preamble: Annotated[int, Field(ge=6, le=65_535)] = 8  # up-chirps
    payload: tuple[Annotated[int, Field(ge=2)], Annotated[int, Field(le=255)]] = (13, 60)  # bytes
    pause_s: Range = (5e-3, 0.5)  # between packets
    error_hz: Annotated[float, Field(ge=0)] = 0.0  # of the senders' carriers, at most

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.width_hz not in WIDTHS:
            have = ", ".join(f"{w:g}" for w in WIDTHS)
            raise ValueError(f"width_hz {self.width_hz:g} is not LoRa's: use {have}")
        if self.payload[0] > self.payload[1]:
            raise ValueError("payload is [fewest, most]")
        return self

    @property
    def bandwidth_hz(self) -> float:
        return self.width_hz

    @property
    def symbol_s(self) -> float:
        return float(1 << self.spreading) / self.width_hz

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        if abs(offset_hz) > (rate + self.width_hz) / 2 + self.error_hz:
            return np.zeros(count, np.complex64), []
        return lay(self._packets(count / rate, rng), rate, count, offset_hz)

    def _packets(self, seconds: float, rng: np.random.Generator) -> Iterator[Frame]:
        longest = (self.preamble + 2 + DOWN + 8 * (1 + 2 * self.payload[1] / 5)) * self.symbol_s
        at = -longest * float(rng.random())
        while at < seconds:
            data = rng.bytes(int(rng.integers(self.payload[0], self.payload[1] + 1)))
            error = float(rng.uniform(-1, 1)) * self.error_hz
            symbols = encode(data, self.spreading, self.coding, self.symbol_s > LOW_RATE_S)
            chirps = self._chirps(symbols)
            frame = Frame(at, chirps, OVERSAMPLING * self.width_hz, self.width_hz, error)
            yield frame
            at = frame.stop_s + log_uniform(rng, *self.pause_s)

    def _chirps(self, symbols: npt.NDArray[np.int64]) -> Iq:
        """Up-chirps, sync word, down-chirps, data ([1], 3.1; [2], II)."""
        size = 2**self.spreading
        sync = [(self.sync_word >> 4) * 8, (self.sync_word & 15) * 8]
        part = (np.arange(size * OVERSAMPLING) + 0.5) / (size * OVERSAMPLING)
        head = np.array([0] * self.preamble + sync)
        up = (part + head[:, None] / size) % 1 - 0.5
        down = np.tile(0.5 - part, 3)[: round(DOWN * len(part))]
        data = (part + symbols[:, None] / size) % 1 - 0.5
        cycles = np.concatenate([up.reshape(-1), down, data.reshape(-1)])  # of the bandwidth
        return rotation((np.cumsum(cycles) - cycles) / OVERSAMPLING)


def encode(data: bytes, spreading: int, coding: int, low_rate: bool) -> npt.NDArray[np.int64]:
    """Bytes -> symbols 0 to 2^spreading - 1, header and CRC included."""
    nibbles = [*header(len(data), coding), *_nibbles(_whiten(data)), *_nibbles(_crc(data))]
    symbols = _block(nibbles[: spreading - 2], spreading - 2, 4, True)
    wide = spreading - 2 if low_rate else spreading
    for at in range(spreading - 2, len(nibbles), wide):
        symbols += _block(nibbles[at : at + wide], wide, coding, low_rate)
    return np.array(symbols, np.int64) % (1 << spreading)


def header(length: int, coding: int) -> list[int]:
    """Length, rate, CRC flag, and five bits of checksum, as nibbles ([1], 3.4; [2])."""
    a, b, c = length >> 4, length & 15, coding << 1 | 1
    a0, a1, a2, a3 = (a >> n & 1 for n in range(4))
    b0, b1, b2, b3 = (b >> n & 1 for n in range(4))
    c0, c1, c2, c3 = (c >> n & 1 for n in range(4))
    checks = (
        a0 ^ b1 ^ c0 ^ c1 ^ c2 ^ c3,
        a1 ^ b0 ^ b2 ^ c0 ^ c1 ^ c2,
        a2 ^ b0 ^ b3 ^ c1 ^ c3,
        a3 ^ b1 ^ b2 ^ b3 ^ c0,
    )
    return [a, b, c, a0 ^ a1 ^ a2 ^ a3, sum(bit << n for n, bit in enumerate(checks))]


def _nibbles(data: bytes) -> list[int]:
    """The lower half of each byte first."""
    return [half for byte in data for half in (byte & 15, byte >> 4)]


def _whiten(data: bytes) -> bytes:
    """x^8 + x^6 + x^5 + x^4 + 1 from all ones, a byte a step ([2])."""
    state, out = 0xFF, bytearray()
    for byte in data:
        out.append(byte ^ state)
        state = (state << 1 | (state >> 7 ^ state >> 5 ^ state >> 4 ^ state >> 3) & 1) & 0xFF
    return bytes(out)


def _crc(data: bytes) -> bytes:
    """Of all but the last two bytes, which are added to it ([2])."""
    check = binascii.crc_hqx(data[:-2], 0) ^ int.from_bytes(data[-2:], "big")
    return check.to_bytes(2, "little")


def _block(nibbles: list[int], rows: int, coding: int, reduced: bool) -> list[int]:
    """4 + coding symbols: Hamming code, diagonal interleaver, from Gray code, plus one ([1], 3.3).

    `reduced` symbols use every fourth value: two bits less, for header and low rate.
    """
    words = np.zeros((rows, 4 + coding), np.uint8)
    for row, nibble in enumerate(nibbles):
        words[row] = _hamming(nibble, coding)
    symbols = []
    for column in range(4 + coding):
        value = 0
        for row in range(rows):  # the highest bit is of the first row
            value = value << 1 | int(words[(column - row - 1) % rows, column])
        for shift in (1, 2, 4, 8):
            value ^= value >> shift
        symbols.append((4 * value if reduced else value) + 1)
    return symbols


def _hamming(nibble: int, coding: int) -> Bits:
    """Data from the lowest bit, then the parities ([1], 3.2); one alone is that of all four."""
    d0, d1, d2, d3 = (nibble >> n & 1 for n in range(4))
    parities = (d0 ^ d1 ^ d2, d1 ^ d2 ^ d3, d0 ^ d1 ^ d3, d0 ^ d2 ^ d3)
    chosen = parities[:coding] if coding > 1 else (d0 ^ d1 ^ d2 ^ d3,)
    return np.array([d0, d1, d2, d3, *chosen], np.uint8)


def draw_lora(rng: np.random.Generator, rate: float) -> Lora:
    """LoRaWAN sensors, or private links with wider channels."""
    private = bool(rng.random() < 0.4)
    return Lora(
        spreading=int(rng.integers(7, 13)),
        width_hz=WIDTHS[rng.integers(3)] if private else 125e3,
        coding=int(rng.integers(1, 5)) if private else 1,
        sync_word=0x12 if private else 0x34,
        payload=(5, int(rng.integers(10, 120))),
        pause_s=(2e-3, log_uniform(rng, 5e-3, 0.3)),
        error_hz=rng.uniform(0, 10e3),
    )
