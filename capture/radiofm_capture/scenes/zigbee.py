"""ZigBee: IEEE 802.15.4-2020 at 2.4 GHz, O-QPSK of 250 kb/s (clause 12)."""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from radiofm_capture.scenes.frames import Frame, lay
from radiofm_capture.scenes.serial import lsb_first
from radiofm_capture.scenes.signal import Burst, Iq, Range, Waveform, log_uniform

CHIPS_S = 2e6
SAMPLES = 8  # a chip
RATE = SAMPLES * CHIPS_S
CHIPS = 32  # a symbol of four bits
SYMBOL_S = CHIPS / CHIPS_S
WIDTH_HZ = 2.4e6  # holds 99 % of the power
ZERO = "11011001110000110101001000101110"  # chips of symbol 0 (table 12-1)
SHR = bytes([0, 0, 0, 0, 0xA7])  # preamble and SFD (12.1.2, 12.1.3)
PSDU_MAX = 127
TURNAROUND, UNIT_BACKOFF, CCA = 12, 20, 8  # symbols (11.3, 8.4.2, 10.2.8)
MIN_BE = 3  # macMinBE (8.4.3.1)
SIFS, LIFS, SHORT_FRAME = 12, 40, 18  # symbols, and bytes (8.4.2, 6.2.4)


class Zigbee(Waveform):
    """A network on one channel: data by unslotted CSMA-CA, most of it acknowledged."""

    family: Literal["zigbee"] = "zigbee"
    pause_s: Range = (2e-3, 50e-3)  # between exchanges
    payload: Annotated[int, Field(ge=0, le=PSDU_MAX - 11)] = 80  # bytes at most
    acknowledged: Annotated[float, Field(ge=0, le=1)] = 0.8  # share of the frames
    nodes: Annotated[int, Field(ge=2, le=100)] = 4
    error_hz: Annotated[float, Field(ge=0)] = 20e3  # of the nodes' carriers, at most

    @property
    def bandwidth_hz(self) -> float:
        return WIDTH_HZ

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        if abs(offset_hz) > (rate + WIDTH_HZ) / 2 + self.error_hz:
            return np.zeros(count, np.complex64), []
        return lay(self._frames(count / rate, rng), rate, count, offset_hz)

    def _frames(self, seconds: float, rng: np.random.Generator) -> Iterator[Frame]:
        errors = rng.uniform(-1, 1, self.nodes) * self.error_hz
        network, sequence = rng.bytes(2), int(rng.integers(256))
        addresses = [rng.bytes(2) for _ in range(self.nodes)]
        at = -self.pause_s[1] * float(rng.random())
        while at < seconds:
            at += log_uniform(rng, *self.pause_s)
            slots = int(rng.integers(2**MIN_BE))  # 6.2.5.1
            at += (slots * UNIT_BACKOFF + CCA + TURNAROUND) * SYMBOL_S
            sender, receiver = (int(n) for n in rng.permutation(self.nodes)[:2])
            asked = bool(rng.random() < self.acknowledged)
            body = rng.bytes(int(rng.integers(self.payload + 1)))
            head = bytes([0x61 if asked else 0x41, 0x88, sequence]) + network
            mpdu = with_fcs(head + addresses[receiver] + addresses[sender] + body)
            frame = Frame(at, modulate(mpdu), RATE, WIDTH_HZ, float(errors[sender]))
            yield frame
            at = frame.stop_s
            if asked:
                ack = modulate(with_fcs(bytes([2, 0, sequence])))
                at += TURNAROUND * SYMBOL_S  # AIFS (6.2.4)
                frame = Frame(at, ack, RATE, WIDTH_HZ, float(errors[receiver]))
                yield frame
                at = frame.stop_s
            at += (SIFS if len(mpdu) <= SHORT_FRAME else LIFS) * SYMBOL_S
            sequence = (sequence + 1) % 256


def with_fcs(frame: bytes) -> bytes:
    """x^16 + x^12 + x^5 + 1, bits in the order of sending (7.2.11)."""
    reversed_bits = np.packbits(lsb_first(frame)).tobytes()
    check = f"{binascii.crc_hqx(reversed_bits, 0):016b}"[::-1]
    return frame + int(check, 2).to_bytes(2, "little")


def modulate(psdu: bytes) -> Iq:
    """The PPDU at RATE: half-sine pulses, I of the even chips, Q of the odd ones (12.2.6)."""
    data = np.frombuffer(SHR + bytes([len(psdu)]) + psdu, np.uint8)
    symbols = np.stack([data & 15, data >> 4], axis=1).reshape(-1)
    levels = 2.0 * chips()[symbols].reshape(-1, 2) - 1
    pulse = np.sin(np.pi * np.arange(2 * SAMPLES) / (2 * SAMPLES))
    iq = np.zeros((len(levels) + 1) * 2 * SAMPLES - SAMPLES, np.complex64)
    iq.real[:-SAMPLES] = np.multiply.outer(levels[:, 0], pulse).reshape(-1)
    iq.imag[SAMPLES:] = np.multiply.outer(levels[:, 1], pulse).reshape(-1)
    return iq


@lru_cache(1)
def chips() -> npt.NDArray[np.uint8]:
    """[16, 32]: each symbol is the one before, four chips later; 8 to 15 have Q inverted (12.2.4,
    table 12-1)."""
    zero = np.array(list(ZERO), np.uint8)
    table = np.array([np.roll(zero, 4 * n) for n in range(8)])
    odd = np.arange(CHIPS, dtype=np.uint8) % 2
    return np.concatenate([table, table ^ odd])


def draw_zigbee(rng: np.random.Generator, rate: float) -> Zigbee:
    """From a lamp now and then to a busy mesh."""
    return Zigbee(
        pause_s=(1e-3, log_uniform(rng, 3e-3, 0.2)),
        payload=int(rng.integers(10, PSDU_MAX - 10)),
        acknowledged=rng.uniform(0.3, 1),
        nodes=int(rng.integers(2, 12)),
        error_hz=rng.uniform(1e3, 80e3),  # 40 ppm (12.3.5)
    )
