"""Bluetooth BR/EDR: a piconet that hops over 79 channels (Core 5.4, volume 2, parts A and B)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from radiofm_capture.scenes.bluetooth.hop import CHANNELS, hop
from radiofm_capture.scenes.bluetooth.modulation import RAMP, RATE, SPAN, SYMBOL, dqpsk, gfsk
from radiofm_capture.scenes.bluetooth.packets import KINDS, packet
from radiofm_capture.scenes.coding import Bits
from radiofm_capture.scenes.frames import Frame, lay
from radiofm_capture.scenes.signal import Burst, Iq, Waveform

SLOT_S = 625e-6
CHANNEL_HZ = 1e6  # channel k is at 2402 + k MHz (part A, 2)
GUARD = 5 * SYMBOL  # between header and EDR sync (part B, 6.2: 4.75 to 5.25 us)
EDR_WIDTH_HZ = 1.2e6  # holds 99 % of the power
LONGEST_S = 5 * SLOT_S
PacketName = Literal["POLL", "DM1", "DH1", "DM3", "DH3", "DM5", "DH5", "2-DH1", "2-DH3", "2-DH5"]
Channel = Annotated[int, Field(ge=0, lt=CHANNELS)]


class Bluetooth(Waveform):
    """The centre is 2441 MHz, channel 39. Data goes from the central to a peripheral and back."""

    family: Literal["bluetooth"] = "bluetooth"
    index: Annotated[float, Field(ge=0.28, le=0.35)] = 0.32  # of modulation (part A, 3.1)
    packets: Annotated[tuple[PacketName, ...], Field(min_length=1)] = ("DH1", "DH3", "DH5")
    occupancy: Annotated[float, Field(gt=0, le=1)] = 0.8  # of the slots in which the central may
    replies: Annotated[float, Field(ge=0, le=1)] = 0.3  # share of answers with data, else NULL
    channels: Annotated[tuple[Channel, ...], Field(min_length=1)] = tuple(range(CHANNELS))  # AFH
    error_hz: Annotated[float, Field(ge=0, le=75e3)] = 10e3  # of the two carriers (part A, 3.1.3)

    @property
    def bandwidth_hz(self) -> float:
        return CHANNEL_HZ

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        heard = (-rate / 2 - offset_hz - CHANNEL_HZ, rate / 2 - offset_hz + CHANNEL_HZ)
        return lay(self._packets(count / rate, heard, rng), rate, count, offset_hz)

    def _packets(
        self, seconds: float, heard: tuple[float, float], rng: np.random.Generator
    ) -> Iterator[Frame]:
        """Those that touch [0, seconds) and lie in the band; the central sends in even slots."""
        lap, uap = int(rng.integers(1 << 24)), int(rng.integers(256))
        address = (uap << 24 | lap) & 0xFFFFFFF
        slot = 2 * int(rng.integers(1 << 26))  # CLK is twice that, at its start
        errors = rng.uniform(-1, 1, 2) * self.error_hz
        used = tuple(sorted(set(self.channels)))
        at = -LONGEST_S * (1 + float(rng.random()))
        while at < seconds:
            if rng.random() >= self.occupancy:
                slot, at = slot + 2, at + 2 * SLOT_S
                continue
            channel = hop(address, 2 * slot, used)
            for party in (0, 1):
                name = str(rng.choice(self.packets))
                if party and rng.random() >= self.replies:
                    name = "NULL"
                kind = KINDS[name]
                body = rng.bytes(max(0, int(rng.integers(kind.most // 2, kind.most + 1))))
                flags = int(rng.integers(8))
                if party and len(used) == CHANNELS:  # else on the same channel (2.6.4)
                    channel = hop(address, 2 * slot, used)
                offset = (channel - CHANNELS // 2) * CHANNEL_HZ + float(errors[party])
                if heard[0] < offset < heard[1]:
                    bits, more = packet(kind, lap, uap, 2 * slot, flags, body)
                    iq = gfsk(bits, SYMBOL, self.index)
                    if kind.edr:
                        iq = _with_dpsk(iq, more)
                    width = EDR_WIDTH_HZ if kind.edr else CHANNEL_HZ
                    yield Frame(at - RAMP / RATE, iq, RATE, width, offset)
                slot, at = slot + kind.slots, at + kind.slots * SLOT_S


def _with_dpsk(head: Iq, bits: Bits) -> Iq:
    """The reference symbol begins GUARD after the header's last."""
    tail = dqpsk(bits)
    start = len(head) - RAMP + GUARD + SYMBOL // 2 - SPAN * SYMBOL
    iq = np.zeros(start + len(tail), np.complex64)
    iq[: len(head)] += head
    iq[start:] += tail
    return iq


def draw_bluetooth(rng: np.random.Generator, rate: float) -> Bluetooth:
    """Audio, files or keyboards; half avoid one Wi-Fi channel by adaptive hopping."""
    sets: tuple[tuple[PacketName, ...], ...] = (
        ("DH1", "DH3", "DH5"), ("DM1", "DM3", "DM5"), ("2-DH1", "2-DH3", "2-DH5"), ("2-DH5",),
        ("POLL", "DM1", "DH1"),
    )  # fmt: skip
    channels = range(CHANNELS)
    low = int(rng.integers(0, 58)) if rng.random() < 0.5 else CHANNELS
    return Bluetooth(
        index=rng.uniform(0.28, 0.35),
        packets=sets[rng.integers(len(sets))],
        occupancy=float(rng.choice([0.1, 0.4, 0.8, 1.0])),
        replies=rng.uniform(0, 1),
        channels=tuple(k for k in channels if not low <= k < low + 22),
        error_hz=rng.uniform(1e3, 50e3),
    )
