"""The bursts of TS 45.002, 5.2, as 148 bits, and the coding of the synchronisation channel."""

from __future__ import annotations

import numpy as np

from radiofm_capture.scenes.coding import Bits, crc


def _bits(text: str) -> Bits:
    return np.array([int(bit) for bit in text], np.uint8)


BITS = 148  # of a burst, three tail bits at each end
TRAINING = [  # by training sequence code (table 5.2.3a)
    _bits(text)
    for text in (
        "00100101110000100010010111",
        "00101101110111100010110111",
        "01000011101110100100001110",
        "01000111101101000100011110",
        "00011010111001000001101011",
        "01001110101100000100111010",
        "10100111110110001010011111",
        "11101111000100101110111100",
    )
]
EXTENDED_TRAINING = _bits(  # of the synchronisation burst (5.2.5)
    "1011100101100010000001000000111100101101010001010111011000011011"
)
DUMMY = _bits(  # mixed bits (5.2.6)
    "1111101101110110000010100100111000001001000100000001111100011100010111"
    "000101110001010111010010100011001100111001111010011111000100101111101010"
)
TAIL = np.zeros(3, np.uint8)
FREQUENCY_CORRECTION = np.zeros(BITS, np.uint8)  # (5.2.4)
DUMMY_BURST = np.concatenate([TAIL, DUMMY, TAIL])
SCH_PARITY = 0x175  # D^10 + D^8 + D^6 + D^5 + D^4 + D^2 + 1 (TS 45.003, 4.7)


def normal(data: Bits, code: int) -> Bits:
    """[..., 116] bits, stealing flags included, around a training sequence (5.2.3)."""
    ends = np.broadcast_to(TAIL, (*data.shape[:-1], 3))
    middle = np.broadcast_to(TRAINING[code], (*data.shape[:-1], 26))
    return np.concatenate([ends, data[..., :58], middle, data[..., 58:], ends], axis=-1)


def synchronisation(colour: int, frame: int) -> Bits:
    """The burst that tells BSIC and frame number (5.2.5; TS 45.003, 4.7)."""
    data = synchronisation_bits(colour, frame)
    word = np.concatenate([data, 1 - crc(data, SCH_PARITY, 10), np.zeros(4, np.uint8)])
    past = np.concatenate([np.zeros(4, np.uint8), word])
    delayed = [past[4 - d : len(past) - d] for d in range(5)]
    first = delayed[0] ^ delayed[3] ^ delayed[4]  # G0 = 1 + D^3 + D^4
    second = first ^ delayed[1]  # G1 = 1 + D + D^3 + D^4
    coded = np.stack([first, second], axis=1).reshape(-1)
    return np.concatenate([TAIL, coded[:39], EXTENDED_TRAINING, coded[39:], TAIL])


def synchronisation_bits(colour: int, frame: int) -> Bits:
    """The 25 bits of the SCH in the order of sending (TS 44.018, 9.1.30.1): octets, bit 1 first."""
    t1, t2, t3 = frame // (26 * 51), frame % 26, (frame % 51 - 1) // 10
    octets = [colour << 2 | t1 >> 9, t1 >> 1 & 0xFF, (t1 & 1) << 7 | t2 << 2 | t3 >> 1, t3 & 1]
    sent = [octet >> n & 1 for octet in octets for n in range(8)]
    return np.array(sent[:25], np.uint8)
