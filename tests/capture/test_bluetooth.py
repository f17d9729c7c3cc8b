"""Bluetooth against Core 5.4's sample data, and received from the air by a discriminator."""

from __future__ import annotations

import binascii
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pydantic import ValidationError

from radiofm_capture.scenes.bluetooth import Ble, Bluetooth, draw_ble, draw_bluetooth
from radiofm_capture.scenes.bluetooth.hop import hop
from radiofm_capture.scenes.bluetooth.packets import access_code, sync_word
from radiofm_capture.scenes.signal import Burst, Iq

Bits = npt.NDArray[np.int64]
RATE = 8e6
EVERY = tuple(range(79))


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def discriminate(iq: Iq, symbol_rate: float) -> Bits:
    """A packet at RATE, at 0 Hz, from its first sample -> bits, by the mean frequency of each."""
    each = round(RATE / symbol_rate)
    frequency = np.angle(iq[1:] * iq[:-1].conj())[16 - 1 :]  # after the ramp
    whole = frequency[: len(frequency) // each * each].reshape(-1, each)
    middle = whole[:, each // 4 : each - each // 4].mean(axis=1)
    return np.asarray(middle > 0, np.int64)


def cut(iq: Iq, burst: Burst, rate: float = RATE) -> Iq:
    """A burst brought to 0 Hz."""
    piece = iq[burst.start : burst.start + burst.count]
    centre = (burst.low_hz + burst.high_hz) / 2
    return np.asarray(
        piece * np.exp(-2j * np.pi * centre / rate * np.arange(len(piece))), np.complex64
    )


def number(bits: Bits) -> int:
    return int(sum(int(b) << n for n, b in enumerate(bits)))


def dewhiten(bits: Bits, register: list[int]) -> Bits:
    """The register of volume 2, part B, 7.2 from position 0; position 6 is the output."""
    out = []
    for bit in bits.tolist():
        top = register[6]
        out.append(bit ^ top)
        register = [top, *register[:3], register[3] ^ top, *register[4:6]]
    return np.array(out)


def shift_register(bits: Bits, taps: tuple[int, ...], state: list[int]) -> list[int]:
    """A CRC's register: positions 0.., the last is the output, fed into 0 and the taps."""
    for bit in bits.tolist():
        top = state[-1] ^ bit
        state = [top, *state[:-1]]
        for tap in taps:
            state[tap] ^= top
    return state[::-1]


@pytest.mark.parametrize(
    ("lap", "word"),
    [
        (0x000000, 0x7E7041E34000000D),
        (0xFFFFFF, 0xE758B5227FFFFFF2),
        (0x9E8B33, 0x475C58CC73345E72),
    ],
)
def test_sync_words_are_those_of_the_sample_data(lap: int, word: int) -> None:
    """Volume 2, part G; the first bit sent is the leftmost."""
    assert int(f"{sync_word(lap):064b}"[::-1], 2) == word
    code = access_code(lap).tolist()
    assert all(code[n] != code[n + 1] for n in (*range(4), *range(67, 71)))


@pytest.mark.parametrize(
    ("address", "used", "start"),
    [
        (0, EVERY, [8, 66, 10, 70, 12, 19, 14, 23, 16, 1, 18, 5, 20, 33, 22, 37]),
        (0x2A96EF25, EVERY, [55, 26, 19, 20, 23, 22, 53, 40, 57, 42, 21, 36, 25, 38, 27, 63]),
        (0, tuple(range(22, 79)), [30, 32, 34, 36, 38, 40, 42, 22]),
        (0, tuple(range(0, 79, 2)), [8, 10, 12, 14, 16, 18, 20, 22]),
        (0x2A96EF25, tuple(range(22, 79)), [55, 50, 23, 53, 57, 52, 25, 27]),
    ],
)
def test_hops_are_those_of_the_sample_data(
    address: int, used: tuple[int, ...], start: list[int]
) -> None:
    """Volume 2, part G, 2: basic from CLK 10 hexadecimal each slot, adapted every second."""
    step = 2 if len(used) == 79 else 4
    clocks = range(0x10, 0x10 + step * len(start), step)
    assert [hop(address & 0xFFFFFFF, clock, used) for clock in clocks] == start


def header(bits: Bits, clock: int) -> Bits:
    """FEC of 1/3 by majority, then the whitening of a guessed clock."""
    votes = (bits[72:126].reshape(18, 3).sum(axis=1) >= 2).astype(np.int64)
    return dewhiten(votes, [*(clock >> n & 1 for n in range(6)), 1])


def classic_payload(bits: Bits, clock: int, uap: int, fec: bool, two: bool) -> bytes | None:
    """The body if its CRC is right."""
    coded = bits[126:]
    if fec:
        coded = coded[: len(coded) // 15 * 15].reshape(-1, 15)[:, :10].reshape(-1)
    register = [*(clock >> n & 1 for n in range(6)), 1]
    clear = dewhiten(np.concatenate([np.zeros(18, np.int64), coded]), register)[18:]
    length = number(clear[3:13]) if two else number(clear[3:8])
    end = 8 * (length + (2 if two else 1))
    state = [uap >> n & 1 for n in range(8)] + [0] * 8
    if (
        len(clear) < end + 16
        or shift_register(clear[:end], (5, 12), state) != clear[end : end + 16].tolist()
    ):
        return None
    body = clear[16 if two else 8 : end].astype(np.uint8)
    return np.packbits(body, bitorder="little").tobytes()


@pytest.mark.parametrize("packets", [("DH1", "DH3", "DH5"), ("DM1", "DM3", "DM5")])
def test_a_piconet_is_decoded_without_knowing_it(packets: Any) -> None:
    """LAP by the sync word, UAP and clock by HEC and CRC, as a sniffer does."""
    waveform = Bluetooth(packets=packets, channels=(39,), occupancy=1.0, replies=0.5, error_hz=0.0)
    iq, bursts = waveform.render(RATE, round(0.05 * RATE), 0.3e6, rng())
    laps, uaps, bodies, clocks = set(), set(), 0, []
    for burst in bursts:
        if burst.start == 0 or burst.start + burst.count >= len(iq):
            continue
        bits = discriminate(cut(iq, burst), 1e6)
        word = number(bits[4:68]) ^ 0x83848D96BBCC54FC
        lap = (number(bits[4:68]) >> 34) & 0xFFFFFF
        laps.add(lap)
        assert number(bits[4:68]) == sync_word(lap) and word
        assert bits[:4].tolist() == access_code(lap)[:4].tolist()
        found = []
        for clock in range(64):
            fields = header(bits, clock)
            kind = number(fields[3:7])
            if number(fields[:3]) != 1 or kind not in (0, 3, 4, 10, 11, 14, 15):
                continue
            uap = next(
                u for u in range(256)
                if shift_register(fields[:10], (1, 2, 5, 7), [u >> n & 1 for n in range(8)])
                == fields[10:].tolist()
            )  # fmt: skip
            if kind == 0:
                continue
            body = classic_payload(bits, clock, uap, packets[0] == "DM1", kind > 4)
            if body is not None:
                found.append((uap, clock, len(body)))
        if found:
            uap, clock, size = found[0]
            uaps.add(uap)
            bodies += size > 0
            clocks.append((burst.start / RATE, clock))
    assert len(laps) == 1 and len(uaps) == 1 and bodies >= 5
    for (t0, c0), (t1, c1) in zip(clocks, clocks[1:], strict=False):
        assert (c1 - c0) % 64 == round((t1 - t0) / 625e-6) % 64  # CLK runs with the slots


def test_edr_payloads_are_decoded() -> None:
    """pi/4-DQPSK by the matched filter and differential detection; sync, length and CRC."""
    waveform = Bluetooth(packets=("2-DH3",), channels=(39,), occupancy=1.0, replies=1, error_hz=0.0)
    iq, bursts = waveform.render(RATE, round(0.02 * RATE), 0.0, rng())
    taps = _root_cosine()
    good = 0
    for burst in bursts[1:-1]:
        piece = cut(iq, burst)
        lap = (number(discriminate(piece, 1e6)[4:68]) >> 34) & 0xFFFFFF
        assert number(discriminate(piece, 1e6)[4:68]) == sync_word(lap)
        matched = np.convolve(piece, taps, "same")
        first = 16 + 126 * 8 + 40 + 4  # ramp, header, guard, half a symbol
        symbols = matched[first::8]
        turns = np.angle(symbols[1:] * symbols[:-1].conj()) / (np.pi / 4)
        eighths = np.rint((turns - 1) / 2).astype(int) * 2 % 8 + 1
        bits = np.array([{1: (0, 0), 3: (0, 1), 5: (1, 1), 7: (1, 0)}[e] for e in eighths]).reshape(
            -1
        )
        assert bits[:20].tolist() == [0, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1, 1] + [0, 1] * 3
        assert np.abs((turns - eighths + 4) % 8 - 4)[:300].max() < 0.1
        for clock in range(64):
            register = [*(clock >> n & 1 for n in range(6)), 1]
            clear = dewhiten(np.concatenate([np.zeros(18, np.int64), bits[20:]]), register)[18:]
            end = 16 + 8 * number(clear[3:13])
            data = np.packbits(clear[:end].astype(np.uint8)).tobytes()
            sent = number(clear[end : end + 16][::-1])
            # The UAP is any of 256 presets; it must be the header's.
            if end + 16 <= len(clear) and any(
                binascii.crc_hqx(data, u) == sent for u in range(256)
            ):
                fields = header(discriminate(piece, 1e6), clock)
                uap = next(u for u in range(256) if binascii.crc_hqx(data, u) == sent)
                state = [uap >> n & 1 for n in range(8)]
                good += shift_register(fields[:10], (1, 2, 5, 7), state) == fields[10:].tolist()
    assert good >= 3


def _root_cosine() -> npt.NDArray[np.float64]:
    """By its spectrum: the root of a raised cosine of roll-off 0.4, at 1 Msym/s."""
    f = np.abs(np.fft.fftfreq(97, 1 / 8))
    gain = np.sqrt(np.clip(0.5 + 0.5 * np.cos(np.pi * (f - 0.3) / 0.4), 0, 1))
    gain[f < 0.3], gain[f > 0.7] = 1, 0
    return np.asarray(np.fft.fftshift(np.fft.ifft(gain).real))


def le_packet(iq: Iq, mhz: float, phy: float) -> tuple[int, bytes, list[int], Bits]:
    """Access address, PDU, its CRC as received, and the dewhitened bits, for a channel."""
    channel = {2402: 37, 2426: 38, 2480: 39}.get(round(mhz), -1)
    if channel < 0:
        channel = round((mhz - 2404) / 2) - (mhz > 2426)
    bits = discriminate(iq, phy)
    preamble = 8 if phy == 1e6 else 16
    assert all(bits[n] != bits[n + 1] for n in range(preamble))
    body = bits[preamble + 32 :]
    clear = dewhiten(body, [1, *(channel >> n & 1 for n in range(5, -1, -1))])
    length = number(clear[8:16])
    end = 16 + 8 * length
    pdu = np.packbits(clear[:end].astype(np.uint8), bitorder="little").tobytes()
    return number(bits[preamble : preamble + 32]), pdu, clear[end : end + 24].tolist(), clear[:end]


TAPS24 = (1, 3, 4, 6, 9, 10)  # volume 6, part B, 3.1.1


def test_adverts_are_decoded_on_their_three_channels() -> None:
    waveform = Ble(
        advertisers=1, connections=0, adv_interval_s=(0.02, 0.02), scanned=1.0, error_hz=0
    )
    rate = 80e6 + RATE
    iq, bursts = waveform.render(rate, round(0.045 * rate), 0.0, rng(3))
    seen: dict[int, set[bytes]] = {}
    for burst in bursts:
        if burst.start == 0 or burst.start + burst.count >= len(iq):
            continue
        mhz = 2441 + (burst.low_hz + burst.high_hz) / 2e6
        low_rate = cut(iq, burst, rate)[:: round(rate / RATE)]
        address, pdu, crc, bits = le_packet(low_rate, mhz, 1e6)
        assert address == 0x8E89BED6
        preset = [0x555555 >> n & 1 for n in range(24)]
        assert shift_register(bits, TAPS24, preset) == crc
        seen.setdefault(round(mhz), set()).add(pdu)
    assert set(seen) == {2402, 2426, 2480}
    adverts = {p for pdus in seen.values() for p in pdus if p[0] & 15 in (0, 2, 6)}
    assert len(adverts) == 1  # the same everywhere
    advert = adverts.pop()
    assert advert[0] & 0x40 and advert[7] >> 6 == 3 and advert[8:11] == b"\x02\x01\x06"
    assert any(p[0] & 15 == 3 for pdus in seen.values() for p in pdus)


@pytest.mark.parametrize("phy", ["1M", "2M"])
def test_a_connection_hops_and_answers(phy: Any) -> None:
    waveform = Ble(
        advertisers=0, connections=1, interval_s=(0.01, 0.01), phy=phy, more_data=0.3, error_hz=0.0,
        channels=tuple(range(0, 37, 2)),
    )  # fmt: skip
    rate = 11 * RATE
    iq, bursts = waveform.render(rate, round(0.06 * rate), 0.0, rng(5))
    addresses, presets, events = set(), set(), []
    last = -1.0
    symbol = 2e6 if phy == "2M" else 1e6
    for burst in bursts:
        if burst.start == 0 or burst.start + burst.count >= len(iq):
            continue
        mhz = 2441 + (burst.low_hz + burst.high_hz) / 2e6
        address, _, crc, bits = le_packet(cut(iq, burst, rate)[::11], mhz, symbol)
        addresses.add(address)
        presets.add(_preset(bits, crc))
        start = burst.start / rate + 2e-6
        if last > 0 and start - last < 1e-3:
            assert start - last == pytest.approx(150e-6, abs=2e-6)  # T_IFS, 2 us (part B, 4.2.1)
        else:
            events.append((start, round(mhz)))
        last = (burst.start + burst.count) / rate - 2e-6
    assert len(addresses) == len(presets) == 1
    steps = np.diff([e[0] for e in events]) / 0.01
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
    indices = [round((m - 2404) / 2) - (m > 2426) for _, m in events]
    assert set(indices) <= set(range(0, 37, 2)) and len(set(indices)) > 2
    for increment in range(5, 17):  # algorithm 1, from any start
        for start in range(37):
            path = [(start + increment * n) % 37 for n in range(len(indices))]
            mapped = [p if p % 2 == 0 else 2 * (p % 19) for p in path]
            if mapped == indices:
                return
    raise AssertionError(f"no increment gives {indices}")


def _preset(bits: Bits, crc: list[int]) -> int:
    """CRCInit, by running the register backwards."""
    state = crc[::-1]
    for bit in bits[::-1].tolist():
        top = state[0]
        for tap in TAPS24:
            state[tap] ^= top
        state = [*state[1:], top ^ bit]
    return number(np.array(state))


def spectrum(iq: Iq, bursts: list[Burst], rate: float, bin_hz: float) -> tuple[Any, Any]:
    """Mean power while on, dB below the peak, at MHz from the centre."""
    size = round(rate / bin_hz)
    blocks = [
        piece[at : at + size]
        for piece in (cut(iq, b, rate) for b in bursts)
        for at in range(0, len(piece) - size, size)
    ]
    power = np.mean(np.abs(np.fft.fft(np.array(blocks) * np.hanning(size), axis=1)) ** 2, axis=0)
    level = 10 * np.log10(power / power.max() + 1e-15)
    return np.fft.fftfreq(size, 1 / rate) / 1e6, level


@pytest.mark.parametrize("index", [0.28, 0.35])
def test_basic_rate_keeps_to_its_channel(index: float) -> None:
    """Part A, 3.2.1: -20 dB within 1 MHz, -20 dBm at 2 MHz, and -40 dBm from 3 MHz on."""
    waveform = Bluetooth(index=index, packets=("DH5",), channels=(39,), occupancy=1.0, error_hz=0.0)
    iq, bursts = waveform.render(16e6, round(0.04 * 16e6), 0.0, rng())
    mhz, level = spectrum(iq, bursts, 16e6, 10e3)
    assert level[np.abs(mhz) > 0.505].max() < -20
    assert level[np.abs(mhz) > 1.5].max() < -40 and level[np.abs(mhz) > 2.5].max() < -60
    on = sum(b.count for b in bursts)
    assert np.vdot(iq, iq).real / on == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize(("phy", "scale"), [("1M", 1), ("2M", 2)])
def test_low_energy_keeps_to_its_channel(phy: Any, scale: int) -> None:
    """Volume 6, part A, 3.2.2: -20 dBm at 2 MHz, -30 from 3 MHz on; twice that for 2M."""
    waveform = Ble(advertisers=0, phy=phy, channels=(17, 18), error_hz=0.0, interval_s=(0.01, 0.01))
    iq, bursts = waveform.render(16e6, round(0.3 * 16e6), 0.0, rng())
    assert {round((b.low_hz + b.high_hz) / 2e6) for b in bursts} == {-1, 1}
    mhz, level = spectrum(iq, bursts, 16e6, 50e3)
    assert level[np.abs(mhz) > 1.5 * scale].max() < -40
    inside = 10 ** (level / 10)
    assert inside[np.abs(mhz) < 0.55 * scale].sum() / inside.sum() > 0.985


def test_the_raster_and_the_rate_of_hops() -> None:
    waveform = Bluetooth(packets=("DH1",), occupancy=1.0, replies=1.0, error_hz=0.0)
    _, bursts = waveform.render(90e6, round(0.05 * 90e6), 0.0, rng())
    starts = np.array([b.start for b in bursts]) / 90e6
    slots = (starts - starts[0]) / 625e-6
    np.testing.assert_allclose(slots, np.rint(slots), atol=1e-4)
    assert len(bursts) / 0.05 == pytest.approx(1600, rel=0.03)  # hops a second
    channels = [((b.low_hz + b.high_hz) / 2 + 39e6) / 1e6 for b in bursts]
    np.testing.assert_allclose(channels, np.rint(channels), atol=1e-6)
    assert min(channels) >= 0 and max(channels) <= 78 and len(set(np.rint(channels))) > 40


def test_adaptive_hopping_avoids_and_a_narrow_receiver_hears_less() -> None:
    used = tuple(range(30, 79))
    waveform = Bluetooth(channels=used, error_hz=0.0)
    _, bursts = waveform.render(90e6, round(0.02 * 90e6), 0.0, rng())
    assert min(b.low_hz for b in bursts) > -39e6 + 29e6
    iq, few = waveform.render(4e6, round(0.2 * 4e6), 5e6, rng())
    assert 0 < len(few) < 0.15 * 0.2 * 1600 * 2
    assert np.abs(np.fft.fft(iq))[:10].max() >= 0 and iq.dtype == np.complex64
    again, _ = waveform.render(4e6, round(0.2 * 4e6), 5e6, rng())
    np.testing.assert_array_equal(iq, again)


@pytest.mark.parametrize("seed", range(6))
def test_drawn_ones_render_and_round_trip(seed: int) -> None:
    for draw in (draw_bluetooth, draw_ble):
        generator = rng(seed)
        rate = float(generator.choice([2.4e6, 20e6, 61.44e6]))
        waveform = draw(generator, rate)
        assert waveform == type(waveform).model_validate_json(waveform.model_dump_json())
        iq, bursts = waveform.render(rate, round(0.016 * rate), 0.0, generator)
        assert np.isfinite(iq).all() and all(b.count > 0 and b.start >= 0 for b in bursts)


def test_impossible_ones_are_refused() -> None:
    with pytest.raises(ValidationError):
        Bluetooth(index=0.5)
    with pytest.raises(ValidationError):
        Ble(channels=(3, 37))
