"""Weather sensors and tyre pressure sensors, by their public descriptions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from radiofm_capture.scenes.coding import Bits, crc
from radiofm_capture.scenes.ism.keying import Keyed, Message, manchester, pulses, runs
from radiofm_capture.scenes.signal import Range

Protocol = Literal["nexus", "oregon", "tx141", "tx29", "tpms"]
CRC8_31, CRC8_07 = 0x31, 0x07  # x^8 + x^5 + x^4 + 1 and x^8 + x^2 + x + 1
CHIP_S = {"nexus": 500e-6, "oregon": 1 / 2048, "tx141": 208e-6, "tx29": 58e-6, "tpms": 52e-6}
DEVIATION_HZ = {"tx29": 40e3, "tpms": 35e3}


class Sensor(Keyed):
    """`nexus`: Nexus-TH, pulse distance, 36 bits, 12 times. `oregon`: Oregon Scientific 2.1,
    THGR122N, doubled Manchester. `tx141`: LaCrosse TX141TH-Bv2, pulse width, 40 bits, 12 times.
    `tx29`: LaCrosse IT+, FSK at 17.24 kb/s. `tpms`: Toyota PMV-C210, FSK, differential Manchester.
    The first three are at 433.92 MHz, `tx29` at 868.3, `tpms` at 433.92 or 315."""

    family: Literal["sensor"] = "sensor"
    protocol: Protocol = "nexus"
    off_s: Range = (0.3, 2.0)  # real ones: 30 s and more

    @property
    def bandwidth_hz(self) -> float:
        """Carson's rule, or what holds more than 90 % of the power of on-off keying."""
        chip = CHIP_S[self.protocol]
        deviation = DEVIATION_HZ.get(self.protocol)
        return 2 * deviation + 1 / chip if deviation else 1.6 / chip

    def message(self, rng: np.random.Generator) -> Message:
        return MESSAGES[self.protocol](rng)


def nexus(rng: np.random.Generator) -> Message:
    fields = _weather(rng, (1, 256), (1, 4))
    temperature = round(10 * fields["temperature_C"])
    word = int(fields["id"]) << 28 | int(fields["battery_ok"]) << 27
    word |= int(fields["channel"]) - 1 << 24 | (temperature & 0xFFF) << 12 | 0xF << 8
    word |= int(fields["humidity"])
    gaps = [2000 if bit else 1000 for bit in _bits(word, 36)]
    return Message(fields, pulses((500, gap) for gap in 12 * [*gaps, 4000]))


def oregon(rng: np.random.Generator) -> Message:
    fields = _weather(rng, (0, 256), (1, 4))
    tenths = round(10 * fields["temperature_C"])
    channel, code, humidity = (int(fields[name]) for name in ("channel", "id", "humidity"))
    flags = 0 if fields["battery_ok"] else 4
    nibbles = [1, 13, 2, 0, 4 if channel == 3 else channel, code & 15, code >> 4, flags]
    nibbles += [*_digits(abs(tenths), 3), 8 if tenths < 0 else 0, *_digits(humidity, 2), 0]
    total = sum(nibbles)
    nibbles += [total & 15, total >> 4 & 15]
    sent = [1] * 16 + [n >> k & 1 for n in [10, *nibbles, 0, 0] for k in range(4)]
    doubled = [half for bit in sent for half in (1 - bit, bit)]
    return Message(fields, runs(manchester(doubled)[1:], CHIP_S["oregon"]))


def tx141(rng: np.random.Generator) -> Message:
    fields = _weather(rng, (1, 256), (0, 4))
    low, channel = 1 - int(fields["battery_ok"]), int(fields["channel"])
    temperature = round(10 * fields["temperature_C"]) + 500
    word = int(fields["id"]) << 24 | low << 23 | channel << 20 | temperature << 8
    word |= int(fields["humidity"])
    data = [(417, 208) if bit else (208, 417) for bit in _bits(word << 8 | digest(word), 40)]
    return Message(fields, pulses(12 * (4 * [(833, 833)] + data) + 2 * [(833, 833)]))


def tx29(rng: np.random.Generator) -> Message:
    fields = _weather(rng, (0, 64), (0, 1))
    del fields["channel"]
    fields["humidity"] = float(rng.integers(20, 96))
    word = 9 << 6 | int(fields["id"])
    word <<= 2  # no new battery
    for digit in reversed(_digits(round(10 * fields["temperature_C"]) + 400, 3)):
        word = word << 4 | digit
    word = word << 1 | (1 - int(fields["battery_ok"]))
    data = _bits(word << 7 | int(fields["humidity"]), 32)
    chips = [*_bits(0xAAAA2DD4, 32), *data, *crc(data, CRC8_31, 8)]
    return Message(fields, runs(chips, CHIP_S["tx29"]), DEVIATION_HZ["tx29"])


def tpms(rng: np.random.Generator) -> Message:
    wheel, status = int(rng.integers(1 << 32)), int(rng.choice([128, 0]))
    pressure, temperature = int(rng.integers(120, 190)), int(rng.integers(20, 100))
    fields = {
        "id": float(wheel),
        "status": float(status),
        "pressure_PSI": pressure / 4 - 7,
        "temperature_C": temperature - 40.0,
    }
    word = (wheel << 1 | status >> 7) << 8 | pressure
    word = (word << 8 | temperature) << 7
    data = _bits(word << 8 | pressure ^ 0xFF, 64)
    preset = data.copy()
    preset[0] ^= 1  # the register starts at 0x80
    chips = [int(chip) for chip in "01010101001111"]
    for bit in [*data, *crc(preset, CRC8_07, 8)]:  # every bit begins with a change, a 0 has another
        first = 1 - chips[-1]
        chips += [first, first if bit else 1 - first]
    chips += 3 * [1 - chips[-1]]
    return Message(fields, runs(chips[1:], CHIP_S["tpms"]), DEVIATION_HZ["tpms"])


MESSAGES: dict[str, Callable[[np.random.Generator], Message]] = {
    "nexus": nexus, "oregon": oregon, "tx141": tx141, "tx29": tx29, "tpms": tpms,
}  # fmt: skip


def digest(word: int) -> int:
    """The TX141TH-Bv2's check byte: the states of a shift register that the set bits choose."""
    total, key = 0, 0xF4
    for n in range(32):
        total ^= key if word >> n & 1 else 0
        key = (key << 1 ^ (CRC8_31 if key & 0x80 else 0)) & 0xFF
    return total


def _weather(
    rng: np.random.Generator, ids: tuple[int, int], channels: tuple[int, int]
) -> dict[str, float]:
    return {
        "id": float(rng.integers(*ids)),
        "channel": float(rng.integers(*channels)),
        "battery_ok": float(rng.random() < 0.9),
        "temperature_C": float(rng.integers(-190, 400)) / 10,
        "humidity": float(rng.integers(20, 96)),
    }


def _bits(word: int, length: int) -> Bits:
    return np.array([word >> n & 1 for n in range(length - 1, -1, -1)], np.uint8)


def _digits(number: int, count: int) -> list[int]:
    """Decimal digits, the lowest first."""
    return [number // 10**n % 10 for n in range(count)]


def draw_sensor(rng: np.random.Generator, rate: float) -> Sensor:
    """Any of them, with a crystal's or a SAW resonator's error, at intervals that show."""
    return Sensor.model_validate(
        {
            "protocol": str(rng.choice(list(MESSAGES))),
            "error_hz": rng.uniform(-30e3, 30e3),
            "off_s": (0.02, rng.uniform(0.05, 0.5)),
        }
    )
