"""Baseband packets of BR/EDR as bits (Bluetooth Core 5.4, volume 2, part B, 6 and 7)."""

from __future__ import annotations

import binascii
from dataclasses import dataclass

import numpy as np

from radiofm_capture.scenes.coding import Bits, crc
from radiofm_capture.scenes.serial import lsb_first, number, preset_crc, recurrence, repeat

NOISE = 0x83848D96BBCC54FC  # PN of 6.3.3.1
GENERATOR = 0o260534236651  # of the (64,30) code
EDR_SYNC = np.array([0, 1, 1, 1] * 3 + [1, 1] + [0, 1] * 3, np.uint8)  # part A, 3.2.1.1


@dataclass(frozen=True, slots=True)
class Kind:
    """A packet type (tables 6.2, 6.9 and 6.10)."""

    code: int
    slots: int
    most: int  # bytes
    fec: bool = False
    edr: bool = False


KINDS = {
    "NULL": Kind(0, 1, -1), "POLL": Kind(1, 1, -1),
    "DM1": Kind(3, 1, 17, fec=True), "DH1": Kind(4, 1, 27),
    "DM3": Kind(10, 3, 121, fec=True), "DH3": Kind(11, 3, 183),
    "DM5": Kind(14, 5, 224, fec=True), "DH5": Kind(15, 5, 339),
    "2-DH1": Kind(4, 1, 54, edr=True), "2-DH3": Kind(10, 3, 367, edr=True),
    "2-DH5": Kind(14, 5, 679, edr=True),
}  # fmt: skip


def sync_word(lap: int) -> int:
    """64 bits, the lowest first to be sent (6.3.3.1)."""
    word = (0x13 if lap >> 23 else 0x2C) << 24 | lap
    code = (word ^ NOISE >> 34) << 34
    rest = code
    for n in range(29, -1, -1):
        if rest >> 34 + n & 1:
            rest ^= GENERATOR << n
    return (code | rest) ^ NOISE


def access_code(lap: int) -> Bits:
    """Preamble, sync word, trailer: 72 bits (6.3)."""
    sync = number(sync_word(lap), 64)
    preamble = np.resize([sync[0], 1 - sync[0]], 4)
    trailer = np.resize([1 - sync[-1], sync[-1]], 4)
    return np.concatenate([preamble, sync, trailer]).astype(np.uint8)


def packet(
    kind: Kind, lap: int, uap: int, clock: int, flags: int, body: bytes
) -> tuple[Bits, Bits]:
    """The bits sent by GFSK, and those by pi/4-DQPSK; `flags` are FLOW, ARQN and SEQN."""
    fields = np.concatenate([number(1, 3), number(kind.code, 4), number(flags, 3)])
    header = np.concatenate([fields, preset_crc(fields, 0xA7, 8, uap)])  # HEC: 7.1.1
    payload = _payload(kind, uap, body) if kind.most >= 0 else np.zeros(0, np.uint8)
    sequence = whitening(clock >> 1 & 63 | 64, len(header) + len(payload))
    header ^= sequence[: len(header)]
    payload ^= sequence[len(header) :]
    start = np.concatenate([access_code(lap), header.repeat(3)])  # FEC of 1/3: 7.4
    if kind.edr:
        return start, np.concatenate([EDR_SYNC, payload, np.zeros(len(payload) % 2 + 4, np.uint8)])
    return np.concatenate([start, _two_thirds(payload) if kind.fec else payload]), payload[:0]


def _payload(kind: Kind, uap: int, body: bytes) -> Bits:
    """Header, body and CRC (6.6.2, 7.1.2)."""
    fields = 0b110 | len(body) << 3  # start of an L2CAP message, flow
    head = fields.to_bytes(1 if kind.slots == 1 and not kind.edr else 2, "little")
    bits = lsb_first(head + body)
    check = binascii.crc_hqx(np.packbits(bits).tobytes(), uap)
    return np.concatenate([bits, number(check, 16)[::-1]])


def _two_thirds(bits: Bits) -> Bits:
    """The shortened Hamming code (15,10), the last word filled with zeros (7.5)."""
    words = np.pad(bits, (0, -len(bits) % 10)).reshape(-1, 10)
    units = np.array([crc(row, 0x15, 5) for row in np.eye(10, dtype=np.uint8)])
    parity = (words @ units % 2).astype(np.uint8)
    return np.concatenate([words, parity], axis=1).reshape(-1)


def whitening(register: int, count: int) -> Bits:
    """x^7 + x^4 + 1 from position n of the register being bit n (7.2; LE: vol. 6, part B, 3.2)."""
    r = [register >> n & 1 for n in range(7)]
    first = [r[6], r[5], r[4], r[3] ^ r[6]]
    first += [r[2] ^ first[1], r[1] ^ first[2], r[0] ^ first[3]]
    tail = recurrence(tuple(first), 3, 7)
    return np.concatenate([np.array(first, np.uint8), repeat(tail, max(0, count - 7))])[:count]
