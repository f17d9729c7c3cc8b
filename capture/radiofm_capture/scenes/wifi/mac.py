"""Frames of the MAC with their FCS (IEEE 802.11-2020, clause 9)."""

from __future__ import annotations

import zlib

import numpy as np

from radiofm_capture.scenes.wifi.ofdm import delimiter

BROADCAST = b"\xff" * 6
HEADER, FCS = 26, 4  # bytes of a QoS data frame's (9.3.2.1)
SNAP = bytes.fromhex("aaaa030000000800")  # an IPv4 packet follows
UNIT_S = 1024e-6  # TU
RATES = bytes([0x82, 0x84, 0x8B, 0x96, 0x0C, 0x12, 0x18, 0x24])  # of 1 to 18 Mb/s, four basic


def with_fcs(frame: bytes) -> bytes:
    """9.2.4.8."""
    return frame + zlib.crc32(frame).to_bytes(4, "little")


def address(rng: np.random.Generator) -> bytes:
    """A locally administered one."""
    return b"\x02" + rng.bytes(5)


def data(
    receiver: bytes, sender: bytes, duration_us: int, sequence: int, body: bytes, downlink: bool
) -> bytes:
    """QoS data with the body of an LLC packet (9.3.2.1)."""
    bssid = sender if downlink else receiver
    flags = b"\x88\x02" if downlink else b"\x88\x01"
    head = flags + duration_us.to_bytes(2, "little") + receiver + sender + bssid
    return with_fcs(head + _sequence(sequence) + b"\x00\x00" + SNAP + body)


def ack(receiver: bytes) -> bytes:
    """9.3.1.4."""
    return with_fcs(b"\xd4\x00\x00\x00" + receiver)


def block_ack(receiver: bytes, sender: bytes, sequence: int) -> bytes:
    """Compressed, of all that came (9.3.1.8)."""
    head = b"\x94\x00\x00\x00" + receiver + sender + b"\x04\x00"
    return with_fcs(head + _sequence(sequence) + b"\xff" * 8)


def beacon(bssid: bytes, time_us: int, units: int, sequence: int, elements: bytes) -> bytes:
    """9.3.3.3; `units` is the interval in TU, `elements` what follows the fixed fields."""
    head = b"\x80\x00\x00\x00" + BROADCAST + bssid + bssid + _sequence(sequence)
    fixed = time_us.to_bytes(8, "little") + units.to_bytes(2, "little") + b"\x11\x04"
    return with_fcs(head + fixed + elements)


def beacon_elements(rng: np.random.Generator) -> bytes:
    """SSID, rates, channel, traffic map, and vendors' own (9.4.2)."""
    name = rng.integers(ord("a"), ord("z") + 1, int(rng.integers(4, 17)), np.uint8).tobytes()
    vendor = b"\x00\x50\xf2" + rng.bytes(int(rng.integers(20, 140)))
    parts = ((0, name), (1, RATES), (3, b"\x06"), (5, b"\x00\x03\x00\x00"), (221, vendor))
    return b"".join(bytes([number, len(body)]) + body for number, body in parts)


def aggregate(mpdus: list[bytes]) -> bytes:
    """An A-MPDU: each after its delimiter, padded to 4 bytes but for the last (9.7.1)."""
    parts = b""
    for mpdu in mpdus:
        parts += bytes(-len(parts) % 4) + delimiter(len(mpdu)) + mpdu
    return parts


def _sequence(number: int) -> bytes:
    return ((number & 0xFFF) << 4).to_bytes(2, "little")
