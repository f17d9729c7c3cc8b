"""Which channel when: the hop selection kernel (Core 5.4, volume 2, part B, 2.6), and LE's."""

from __future__ import annotations

CHANNELS = 79
# Wires that the control bits 0 to 13 swap (2.6.2.3, figure 2.10).
BUTTERFLIES = (
    (0, 1), (2, 3), (1, 2), (3, 4), (0, 4), (1, 3), (0, 2),
    (3, 4), (1, 4), (0, 3), (2, 4), (1, 3), (0, 3), (1, 2),
)  # fmt: skip


def hop(address: int, clock: int, used: tuple[int, ...]) -> int:
    """The channel of the connection state; all 79 `used` give the basic hopping sequence.

    `address` is the lower 28 bits of UAP and LAP of the central, `clock` its CLK (2.6.3, 2.6.4).
    """
    x, y = clock >> 2 & 31, clock >> 1 & 1
    a = (address >> 23 ^ clock >> 21) & 31
    b = address >> 19 & 15
    c = (_every_second(address, 0, 5) ^ clock >> 16) & 31
    d = (address >> 10 ^ clock >> 7) & 511
    e = _every_second(address, 1, 7)
    z = _permute(((x + a) % 32) ^ b, (c ^ 31 * y) << 9 | d)
    high = 16 * (clock >> 7 & 0x1FFFFF)
    bank: list[int] = [*range(0, CHANNELS, 2), *range(1, CHANNELS, 2)]
    channel = bank[(z + e + high % CHANNELS + 32 * y) % CHANNELS]
    if channel in used:
        return channel
    kept = [k for k in bank if k in used]  # 2.6.4.1
    return kept[(z + e + high % len(kept) + 32 * y) % len(kept)]


def _every_second(address: int, first: int, count: int) -> int:
    return sum((address >> first + 2 * n & 1) << n for n in range(count))


def _permute(z: int, control: int) -> int:
    wires = [z >> n & 1 for n in range(5)]
    for bit in range(13, -1, -1):
        if control >> bit & 1:
            one, two = BUTTERFLIES[bit]
            wires[one], wires[two] = wires[two], wires[one]
    return sum(wire << n for n, wire in enumerate(wires))


LE_DATA = 37


def le_hop(unmapped: int, used: tuple[int, ...]) -> int:
    """Channel selection algorithm 1: the data channel for an unmapped one (vol. 6, B, 4.5.8.2)."""
    return unmapped if unmapped in used else sorted(used)[unmapped % len(used)]


def le_mhz(channel: int) -> int:
    """Centre of a channel index, MHz (volume 6, part B, 1.4.1)."""
    if channel >= LE_DATA:
        return (2402, 2426, 2480)[channel - LE_DATA]
    return 2404 + 2 * channel + 2 * (channel > 10)
