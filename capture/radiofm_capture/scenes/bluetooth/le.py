"""Bluetooth Low Energy: advertising and connections (Core 5.4, volume 6, parts A and B)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from radiofm_capture.scenes.bluetooth.hop import LE_DATA, le_hop, le_mhz
from radiofm_capture.scenes.bluetooth.modulation import RAMP, RATE, gfsk
from radiofm_capture.scenes.bluetooth.packets import whitening
from radiofm_capture.scenes.coding import Bits
from radiofm_capture.scenes.frames import Frame, lay
from radiofm_capture.scenes.serial import lsb_first, number, preset_crc
from radiofm_capture.scenes.signal import Burst, Iq, Range, Waveform, log_uniform

CENTRE_MHZ = 2441
IFS_S = 150e-6  # T_IFS (part B, 4.1.1)
ADVERTISING = 0x8E89BED6  # access address (part B, 2.1.2)
ADVERTISING_CRC = 0x555555
CRC24 = 0x00065B  # x^24 + x^10 + x^9 + x^6 + x^4 + x^3 + x + 1 (part B, 3.1.1)
INDEX = 0.5  # (part A, 3.1)
ADV_IND, ADV_NONCONN_IND, SCAN_REQ, SCAN_RSP, ADV_SCAN_IND = 0, 2, 3, 4, 6  # (part B, 2.3)
DELAY_S = 10e-3  # advDelay, at most (part B, 4.4.2.2.1)
WIDTH_HZ = {"1M": 1.1e6, "2M": 2.2e6}  # holds 99 % of the power
DataChannel = Annotated[int, Field(ge=0, lt=LE_DATA)]


class Ble(Waveform):
    """The centre is 2441 MHz. Adverts are on LE 1M, the connections on `phy`."""

    family: Literal["ble"] = "ble"
    advertisers: Annotated[int, Field(ge=0, le=200)] = 4
    adv_interval_s: Range = (0.1, 1.0)
    scanned: Annotated[float, Field(ge=0, le=1)] = 0.2  # share of adverts with request, response
    connections: Annotated[int, Field(ge=0, le=40)] = 1
    interval_s: Range = (7.5e-3, 50e-3)  # of the connections, in steps of 1.25 ms
    phy: Literal["1M", "2M"] = "1M"
    payload: Annotated[int, Field(ge=0, le=251)] = 100  # bytes of data at most; 27 without DLE
    more_data: Annotated[float, Field(ge=0, lt=1)] = (
        0.5  # chance that another pair of packets comes
    )
    channels: Annotated[tuple[DataChannel, ...], Field(min_length=2)] = tuple(range(LE_DATA))
    error_hz: Annotated[float, Field(ge=0, le=150e3)] = 20e3  # of the carriers (part A, 3.1)

    @property
    def bandwidth_hz(self) -> float:
        return WIDTH_HZ[self.phy if self.connections else "1M"]

    def render(
        self, rate: float, count: int, offset_hz: float, rng: np.random.Generator
    ) -> tuple[Iq, list[Burst]]:
        seconds, frames = count / rate, list[Frame]()
        for _ in range(self.advertisers):
            frames += self._advertiser(seconds, rng)
        for _ in range(self.connections):
            frames += self._connection(seconds, rng)
        frames.sort(key=lambda f: f.start_s)
        return lay(frames, rate, count, offset_hz)

    def _advertiser(self, seconds: float, rng: np.random.Generator) -> Iterator[Frame]:
        """Events on the three primary channels (part B, 4.4.2)."""
        own, scanner = _random_address(rng), _random_address(rng)
        kind = int(rng.choice([ADV_IND, ADV_NONCONN_IND, ADV_SCAN_IND]))
        advert = _pdu(kind, own + _advertising_data(rng))
        request = _pdu(SCAN_REQ, scanner + own)
        response = _pdu(SCAN_RSP, own + _advertising_data(rng))
        errors = rng.uniform(-1, 1, 2) * self.error_hz
        interval = log_uniform(rng, *self.adv_interval_s)
        at = -interval * float(rng.random())
        while at < seconds:
            start = at
            for channel in (37, 38, 39):
                frame = _advertised(advert, channel, start, float(errors[0]))
                start = frame.stop_s - RAMP / RATE
                yield frame
                if kind != ADV_NONCONN_IND and rng.random() < self.scanned:
                    for pdu, error in ((request, errors[1]), (response, errors[0])):
                        frame = _advertised(pdu, channel, start + IFS_S, float(error))
                        start = frame.stop_s - RAMP / RATE
                        yield frame
                start += float(rng.uniform(0.2e-3, 1e-3))
            at += interval + DELAY_S * float(rng.random())

    def _connection(self, seconds: float, rng: np.random.Generator) -> Iterator[Frame]:
        """Events at multiples of the interval, hopping by algorithm 1 (part B, 4.5)."""
        used = tuple(sorted(set(self.channels)))
        address, preset = _access_address(rng), int(rng.integers(1 << 24))
        increment, unmapped = int(rng.integers(5, 17)), int(rng.integers(LE_DATA))
        interval = max(1, round(log_uniform(rng, *self.interval_s) / 1.25e-3)) * 1.25e-3
        errors = rng.uniform(-1, 1, 2) * self.error_hz
        pair_s = 2 * ((self.payload + 14) * 8e-6 + IFS_S)  # at most
        at = -interval * float(rng.random())
        while at < seconds:
            unmapped = (unmapped + increment) % LE_DATA
            channel = le_hop(unmapped, used)
            start, more, sequence = at, True, int(rng.integers(2))
            while more:
                more = bool(rng.random() < self.more_data) and start + 2 * pair_s < at + interval
                for party in (0, 1):
                    size = int(rng.integers(self.payload + 1)) if rng.random() < 0.5 else 0
                    head = (2 if size else 1) | sequence << 2 | sequence << 3 | more << 4
                    pdu = bytes([head, size]) + rng.bytes(size)
                    bits = air_bits(pdu, address, preset, channel, self.phy)
                    frame = _frame(bits, channel, start, self.phy, float(errors[party]))
                    start = frame.stop_s - RAMP / RATE + IFS_S
                    yield frame
                sequence ^= 1
            at += interval


def air_bits(pdu: bytes, address: int, preset: int, channel: int, phy: str) -> Bits:
    """Preamble, access address, PDU and CRC, the latter two whitened (part B, 2.1, 3)."""
    word = number(address, 32)
    preamble = np.resize([word[0], 1 - word[0]], 16 if phy == "2M" else 8).astype(np.uint8)
    bits = lsb_first(pdu)
    body = np.concatenate([bits, preset_crc(bits, CRC24, 24, preset)])
    register = 1 | int(f"{channel:06b}"[::-1], 2) << 1
    return np.concatenate([preamble, word, body ^ whitening(register, len(body))])


def _advertised(pdu: bytes, channel: int, start: float, error: float) -> Frame:
    bits = air_bits(pdu, ADVERTISING, ADVERTISING_CRC, channel, "1M")
    return _frame(bits, channel, start, "1M", error)


def _frame(bits: Bits, channel: int, start: float, phy: str, error: float) -> Frame:
    iq = gfsk(bits, round(RATE / (2e6 if phy == "2M" else 1e6)), INDEX)
    offset = (le_mhz(channel) - CENTRE_MHZ) * 1e6 + error
    return Frame(start - RAMP / RATE, iq, RATE, WIDTH_HZ[phy], offset)


def _pdu(kind: int, payload: bytes) -> bytes:
    """An advertising PDU from a random address (part B, 2.3)."""
    return bytes([kind | 0x40, len(payload)]) + payload


def _random_address(rng: np.random.Generator) -> bytes:
    """A static one, the lowest byte first (part B, 1.3.2.1)."""
    return rng.bytes(5) + bytes([0xC0 | int(rng.integers(64))])


def _advertising_data(rng: np.random.Generator) -> bytes:
    """Flags, and a maker's own data, 31 bytes at most (volume 3, part C, 11)."""
    own = rng.bytes(int(rng.integers(4, 27)))
    return b"\x02\x01\x06" + bytes([len(own) + 1, 0xFF]) + own


def _access_address(rng: np.random.Generator) -> int:
    """As part B, 2.1.2 wants one."""
    while True:
        address = int(rng.integers(1 << 32))
        text = f"{address:032b}"
        steps = [a != b for a, b in zip(text, text[1:], strict=False)]
        if (
            "0" * 7 not in text
            and "1" * 7 not in text
            and sum(steps) <= 24
            and sum(steps[:5]) >= 2
            and len(set(address.to_bytes(4, "little"))) > 1
            and (address ^ ADVERTISING).bit_count() > 1
        ):
            return address


def draw_ble(rng: np.random.Generator, rate: float) -> Ble:
    """A room of beacons, an active link, or both."""
    linked = bool(rng.random() < 0.7)
    channels = rng.permutation(LE_DATA)[: int(rng.integers(10, LE_DATA + 1))]
    return Ble(
        advertisers=int(rng.integers(0 if linked else 1, 30)),
        adv_interval_s=(0.02, log_uniform(rng, 0.03, 1.0)),
        scanned=rng.uniform(0, 0.5),
        connections=int(rng.integers(1, 4)) if linked else 0,
        interval_s=(7.5e-3, log_uniform(rng, 7.5e-3, 0.1)),
        phy="2M" if rng.random() < 0.4 else "1M",
        payload=int(rng.choice([27, 100, 251])),
        more_data=rng.uniform(0, 0.9),
        channels=tuple(sorted(channels.tolist())),
        error_hz=rng.uniform(1e3, 60e3),
    )
