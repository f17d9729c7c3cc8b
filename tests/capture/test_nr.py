"""The NR downlink, judged by a receiver of its own and by the standard's numbers."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.signal import welch

from radiofm_capture.scenes.nr import Nr, draw_nr, pbch
from radiofm_capture.scenes.player import ScenePlayer
from radiofm_capture.scenes.scene import Scene
from radiofm_capture.scenes.signal import Iq, carrier
from radiofm_capture.scenes.waveforms import LABELS
from tests.capture import nr_receiver as receiver

FDD_A = {"scs_hz": 15e3, "ssb_case": "A", "tdd": "", "f0_hz": 1842.5e6}
FDD_B = {"ssb_case": "B", "tdd": "", "f0_hz": 2142.3e6}
STARTS = {"A": (2, 8), "B": (4, 8, 16, 20), "C": (2, 8)}  # 38.213, 4.1


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def with_noise(iq: Iq, power: float) -> Iq:
    noise = rng(9).standard_normal((len(iq), 2)).view(np.complex128)[:, 0]
    return np.asarray(iq + noise * (power / 2) ** 0.5, np.complex64)


def test_the_receiver_reads_a_real_cell(shared_iq: Path) -> None:
    """An n78 cell over the air: all that the recording's source says, and no phase left over."""
    iq = np.fromfile(shared_iq / "nr-n78-3502.8M-x300.sigmf-data", np.complex64)
    iq -= iq.mean()  # 66 dB of LO leak
    cell = receiver.find(iq, 46.08e6, 30e3, 9.84e6, 3512.64e6)
    assert cell.mib is not None and cell.mib["sfn"] == 978
    assert (cell.cell_id, cell.index, cell.mib["half_frame"]) == (500, 0, 0)
    assert cell.start / 46.08e6 == pytest.approx(7.765e-3, abs=5e-6)
    assert cell.quality > 0.9 and cell.snr_db > 25 and abs(cell.cfo_hz) < 200
    assert abs(cell.turn_hz) < 300  # the phase says the same as the prefixes
    wrong = receiver.find(iq, 46.08e6, 30e3, 9.84e6, 0.0)  # as if symbols kept their phase
    assert wrong.mib == cell.mib and abs(wrong.turn_hz) > 5000  # the notes' trap


@pytest.mark.parametrize(
    ("fields", "rate", "offset", "cfo", "snr"),
    [
        ({}, 23.04e6, 0.0, 0.0, 40.0),
        ({"beams": 7, "load": 1.0}, 61.44e6, 12.3e6, 4321.0, 10.0),
        ({"load": 0.0}, 20e6, -1.234567e6, -7000.0, 3.0),  # resampled
        ({"channel_hz": 40e6, "ssb_offset_hz": 9.84e6}, 10e6, -9.84e6, 0.0, 10.0),  # its part
        (FDD_A | {"channel_hz": 5e6, "beams": 4}, 7.68e6, 1e3, 2000.0, 5.0),
        (FDD_A | {"f0_hz": 3.5001e9, "beams": 8}, 20e6, 0.0, 0.0, 10.0),
        (FDD_B | {"channel_hz": 10e6, "beams": 4, "ssb_period_s": 0.005}, 15.36e6, 5e3, 0.0, 0.0),
        ({"tdd": "DDDDDDDSUU", "beams": 8, "standalone": False}, 30.72e6, 0.0, 9000.0, 10.0),
    ],
)
def test_a_receiver_acquires_every_beam(
    fields: dict[str, Any], rate: float, offset: float, cfo: float, snr: float
) -> None:
    waveform = Nr.model_validate({"cell_id": 836, "sfn": 614} | fields)
    scs, f0 = waveform.scs_hz, waveform.f0_hz
    second = waveform.ssb_period_s == 0.005  # look into the second half of the frame
    iq, _ = waveform.render(rate, round((5 * second + 4.9) * 1e-3 * rate), offset, rng())
    iq *= carrier(len(iq), cfo / rate)
    iq = iq[round(5e-3 * second * rate) :]
    half = waveform.bandwidth_hz / 2 - 120 * scs
    places = [f - f0 for f in receiver.raster(f0 - half, f0 + half)]
    places = [f for f in places if abs(f + offset) + 120 * scs <= rate / 2]
    if waveform.ssb_offset_hz is not None:
        places = [waveform.ssb_offset_hz]
    size = rate / scs
    begins = receiver.symbol_begins(60, 128 * scs, scs) * size / 128 - 9 / 128 * size
    starts, pieces = STARTS[waveform.ssb_case], []
    for index in range(waveform.beams):
        begin = begins[starts[index % len(starts)] + 14 * (index // len(starts))]
        first = max(0, round(begin - size))
        pieces.append((iq[first : round(begin + 5.5 * size)], begin - first))
    search = {f: receiver.find(pieces[0][0], rate, scs, offset + f, f0 + f, cfo) for f in places}
    place = max(places, key=lambda f: search[f].quality)
    noise = search[place].level * size / 10 ** (snr / 10)
    lowest = place / scs + 6 * waveform.n_rb - 120
    expected = {"sfn": 614, "half_frame": int(second), "not_barred": 1, "extension": 0}
    expected["k_ssb"] = round(lowest) % 12 << waveform.mu if waveform.standalone else 31
    for index, (piece, begin) in enumerate(pieces):
        piece = with_noise(piece, noise)
        cell = receiver.find(piece, rate, scs, offset + place, f0 + place, cfo)
        assert cell.mib is not None and cell.mib | expected == cell.mib
        assert (cell.cell_id, cell.index) == (836, index + 4 * second)
        assert cell.start == pytest.approx(begin, abs=size / 256)
        assert cell.cfo_hz + cell.turn_hz == pytest.approx(cfo, abs=0.04 * scs)
        assert cell.snr_db == pytest.approx(snr, abs=2) or snr > 30


mibs = st.builds(
    pbch.Mib, st.integers(0, 1023), st.integers(0, 1), st.integers(0, 1), st.integers(0, 31),
    st.integers(0, 15), st.integers(0, 15),
)  # fmt: skip


@settings(max_examples=40)
@given(mibs, st.integers(0, 1007), st.integers(0, 7), st.sampled_from([4, 8]), st.integers(0, 99))
def test_any_mib_survives_noise(
    mib: pbch.Mib, cell_id: int, index: int, l_max: int, seed: int
) -> None:
    sent = pbch.symbols(mib, cell_id, index % l_max, l_max).astype(complex)
    sent += rng(seed).standard_normal((432, 2)).view(complex)[:, 0] * 0.5  # SNR 3 dB
    soft = sent.view(np.float64)
    got = receiver.decode(soft, cell_id, index % l_max)
    assert got is not None
    assert got | vars(mib) == got
    assert (got["type_a_position"], got["reselection_barred"]) == (0, 0)


@pytest.mark.parametrize(
    ("fields", "blocks"),
    [
        ({"channel_hz": 20e6}, 51),
        ({"channel_hz": 100e6}, 273),
        ({"channel_hz": 10e6}, 24),
        (FDD_A | {"channel_hz": 5e6}, 25),
        (FDD_A | {"channel_hz": 50e6}, 270),
    ],
)
def test_occupied_bandwidth_and_adjacent_channel(fields: dict[str, Any], blocks: int) -> None:
    """99 % of the power in 99 +- 0.5 % of the blocks; 45 dB below beside it (38.104, 6.6.3.2)."""
    waveform = Nr.model_validate(fields | {"tdd": "", "load": 1.0})
    rate, width = 245.76e6, 12 * blocks * waveform.scs_hz
    iq, _ = waveform.render(rate, 1_000_000, 0.0, rng())
    frequency, power = welch(iq, rate, "blackmanharris", 16384, return_onesided=False)
    order = np.argsort(frequency)
    frequency, power = frequency[order], power[order]
    share = np.cumsum(power) / power.sum()
    low, high = frequency[np.searchsorted(share, [0.005, 0.995])]
    assert waveform.bandwidth_hz == width < waveform.channel_hz
    assert (high - low) / width == pytest.approx(0.99, abs=0.005)
    assert abs(high + low) < 0.01 * width
    mine = power[np.abs(frequency) < width / 2].sum()
    for side in (-1, 1):
        beside = power[np.abs(frequency - side * waveform.channel_hz) < width / 2].sum()
        assert 10 * np.log10(mine / beside) > 45


@pytest.mark.parametrize(
    ("fields", "rate", "offset"),
    [
        ({"channel_hz": 20e6}, 30.72e6, 0.0),
        ({"channel_hz": 20e6, "tdd": ""}, 50e6, 1.2345e6),  # resampled
        (FDD_A | {"channel_hz": 10e6}, 15.36e6, 0.7e6),
    ],
)
def test_error_vectors_are_below_one_percent(
    fields: dict[str, Any], rate: float, offset: float
) -> None:
    """Channel from the DM-RS of PDSCH, one for the slot; each block's points then fit some QAM."""
    waveform = Nr.model_validate({"load": 1.0, "cell_id": 21, "sfn": 101} | fields)
    scs, n_rb = waveform.scs_hz, waveform.n_rb
    iq, _ = waveform.render(rate, round(2e-3 * rate), offset, rng())
    if rate % (128 * scs):
        iq, rate = resample_to(iq, rate, 61.44e6), 61.44e6
    iq = iq * carrier(len(iq), -offset / rate)
    grid = receiver.demodulate(iq, rate, scs, waveform.f0_hz, 0, 14)
    middle = grid.shape[1] // 2
    grid = grid[:, middle - 6 * n_rb : middle + 6 * n_rb]
    known = [(s, receiver.reference(21, 0, s, 6 * n_rb)) for s in (2, 7, 11)]
    even = np.mean([grid[s, ::2] / r for s, r in known], axis=0) / 2**0.5
    at = np.arange(12 * n_rb)
    channel = np.interp(at, at[::2], even.real) + 1j * np.interp(at, at[::2], even.imag)
    data = [s for s in range(2, 14) if s not in (2, 7, 11)]
    points = (grid[data] / channel).reshape(len(data), n_rb, 12).swapaxes(0, 1)
    best, kinds = [], set()
    for block in points[1:-1]:  # the last subcarrier has one neighbour only
        errors = {bits: receiver.error_vector(block, bits) for bits in (2, 4, 6, 8)}
        kinds.add(min(errors, key=errors.__getitem__))
        best.append(min(errors.values()))
    assert max(best) < 0.01
    assert len(kinds) >= 2
    assert not np.any(np.abs(grid[[2, 7, 11], 1::2] / channel[1::2]) > 0.01)  # the other comb


def resample_to(iq: Iq, rate: float, other: float) -> Iq:
    """By one long FFT: nothing shared with the generator's filter."""
    count = round(len(iq) * other / rate)
    spectrum, half = np.fft.fft(iq), min(len(iq), count) // 2
    longer = np.zeros(count, complex)
    longer[:half], longer[-half:] = spectrum[:half], spectrum[-half:]
    return np.asarray(np.fft.ifft(longer) * (count / len(iq)), np.complex64)


def used_blocks(waveform: Nr, rate: float, seconds: float) -> npt.NDArray[np.bool_]:
    """[slots, n_rb]: where the fourth and tenth symbols hold something."""
    iq, _ = waveform.render(rate, round(seconds * rate), 0.0, rng())
    symbols = round(seconds * 1e3) * 14 << waveform.mu
    grid = receiver.demodulate(iq, rate, waveform.scs_hz, waveform.f0_hz, 0, symbols)
    middle, half = grid.shape[1] // 2, 6 * waveform.n_rb
    power = np.abs(grid[:, middle - half : middle + half]) ** 2
    blocks = power.reshape(-1, 14, waveform.n_rb, 12)[:, [3, 9]].mean(axis=(1, 3))
    return np.asarray(blocks > 0.01 * blocks.max())


@pytest.mark.parametrize("load", [0.05, 0.5, 1.0])
def test_load_is_the_share_of_blocks_in_use(load: float) -> None:
    waveform = Nr(channel_hz=10e6, load=load, sfn=0, standalone=False)
    used = used_blocks(waveform, 15.36e6, 0.2)
    slots = np.arange(len(used))
    assert not used[slots % 5 == 4].any()  # uplink
    down = used[(slots % 5 != 4) & (slots % 40 != 0)]  # but that of the SSB
    assert down.mean() == pytest.approx(load, abs=0.04 if load < 1 else 0.0)
    if load < 1:
        assert 0 < (busy := down.any(axis=1).mean()) < 1
        assert busy > 1.2 * load  # bursts, not a full band now and then


def test_an_idle_cell_sends_its_ssb_and_sib1_only() -> None:
    waveform = Nr(load=0.0, sfn=4, beams=2, ssb_offset_hz=60e3)
    used = used_blocks(waveform, 30.72e6, 0.04)
    assert np.flatnonzero(used.any(axis=1)).tolist() == [0, 10, 11, 40, 50, 51]
    low, high = 51 / 2 + (2 - 120) / 12, 51 / 2 + (2 + 120) / 12
    assert np.flatnonzero(used[0]).tolist() == list(range(int(low), int(np.ceil(high))))
    assert used[10].sum() == 24


def test_sib1_lies_where_the_mib_says() -> None:
    """CORESET#0 by the MIB of the second beam, its PDCCH and PDSCH by their DM-RS (38.213, 13)."""
    rate, waveform = 30.72e6, Nr(load=0.0, sfn=8, beams=2, ssb_offset_hz=4.35e6, cell_id=1007)
    iq, _ = waveform.render(rate, round(6.5e-3 * rate), 0.0, rng())
    late = iq[round(0.25e-3 * rate) :][: round(0.3e-3 * rate)]  # symbols 8 to 11 and more
    cell = receiver.find(late, rate, 30e3, 4.35e6, 3.5001e9 + 4.35e6)
    assert cell.mib is not None and cell.index == 1
    assert cell.mib["coreset0"] < 5 and cell.mib["search_space0"] == 4  # 24 blocks; 5 ms + i slots
    slot, lowest = 10 + cell.index, 145 + 51 * 6 - 120 - cell.mib["k_ssb"] // 2
    assert lowest % 12 == 0
    first = lowest - 12 * cell.mib["coreset0"]
    grid = receiver.demodulate(iq, rate, 30e3, 3.5001e9, round(5e-3 * rate), 28)[14:]
    band = grid[:, 512 - 306 + first :][:, : 24 * 12]
    for symbol, comb, step in ((0, 1, 4), (1, 1, 4), (2, 0, 2), (7, 0, 2), (11, 0, 2)):
        known = receiver.reference(1007, slot, symbol, 24 * 12 // step)
        heard = band[symbol, comb::step]
        match = abs(np.vdot(known, heard)) / np.linalg.norm(known) / np.linalg.norm(heard)
        assert match > 0.999


@pytest.mark.parametrize("load", [0.3, 1.0])
def test_boxes_hold_the_downlink_and_mean_power_is_one(load: float) -> None:
    rate, offset = 30.72e6, 3e6
    waveform = Nr(load=load, tdd="DDSUU", f0_hz=3.60012e9)
    iq, bursts = waveform.render(rate, round(0.1 * rate), offset, rng(3))
    inside = np.concatenate([iq[b.start : b.start + b.count] for b in bursts])
    assert np.mean(np.abs(inside) ** 2) == pytest.approx(1, abs=0.2 if load < 1 else 0.03)
    assert np.vdot(inside, inside).real / np.vdot(iq, iq).real > 0.9995  # but for a last fade
    down = 1e-3 * rate + 10 * (1024 + 72) + 16  # two slots and ten symbols
    assert [b.count for b in bursts[1:-1]] == pytest.approx([down] * (len(bursts) - 2), abs=2)
    for burst in bursts:
        assert burst.high_hz - burst.low_hz == waveform.bandwidth_hz == 51 * 12 * 30e3
        assert (burst.high_hz + burst.low_hz) / 2 == pytest.approx(offset, abs=20e3)
    _, always = Nr(tdd="", load=load).render(rate, 10_000, offset, rng())
    assert [(b.start, b.count) for b in always] == [(0, 10_000)]


@pytest.mark.parametrize("rate", [15.36e6, 20e6])
def test_what_is_beyond_the_band_is_left_out(rate: float) -> None:
    waveform = Nr(channel_hz=40e6, load=1.0, tdd="", cell_id=1, sfn=0)
    iq, _ = waveform.render(rate, 100_000, 20e6, rng())  # its lower edge is at 0.92 MHz
    frequency, power = welch(iq, rate, "blackmanharris", 1024, return_onesided=False)
    heard = (frequency > 1e6) & (frequency < 0.46 * rate)
    empty = (frequency < -1e6) & (frequency > -0.46 * rate)
    assert 10 * np.log10(power[heard].mean() / power[empty].mean()) > 40
    # Its part of the power of the whole, which is one.
    assert power[heard].mean() * waveform.bandwidth_hz == pytest.approx(1, rel=0.03)
    beyond, bursts = waveform.render(rate, 1000, 60e6, rng())
    assert not beyond.any() and bursts[0].low_hz > rate / 2


def test_the_generator_decides_every_sample() -> None:
    first, boxes = Nr(beams=2).render(20e6, 200_000, 1e6, rng(5))
    again, same = Nr(beams=2).render(20e6, 200_000, 1e6, rng(5))
    other, _ = Nr(beams=2).render(20e6, 200_000, 1e6, rng(6))
    assert first.dtype == np.complex64 and len(first) == 200_000
    assert first.tobytes() == again.tobytes() and boxes == same
    assert np.mean(first == other) < 0.5


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"scs_hz": 60e3}, "scs_hz is 15e3 with"),
        ({"channel_hz": 5e6}, "30e3 with 10e6 to 100e6"),
        ({"ssb_case": "A"}, "ssb_case is A at"),
        ({"tdd": "DDX"}, "tdd"),
        ({"tdd": "DDDDDDDDDSU"}, "whole number of times in 20 ms"),
        ({"tdd": "DSUU", "ssb_period_s": 0.005}, "in ssb_period_s"),
        ({"beams": 8}, "beams is at most 7"),  # the eighth would be in the guard of slot S
        ({"f0_hz": 1.8e9, "beams": 5}, "beams is at most 4"),
        ({"f0_hz": 3.5e9}, "f0_hz leaves the SSB no place"),
        ({"ssb_offset_hz": 20e3}, "ssb_offset_hz is a multiple"),
        ({"ssb_offset_hz": 9e6}, "ssb_offset_hz is a multiple"),
        ({"ssb_period_s": 0.03}, "ssb_period_s is"),
        ({"cell_id": 1008}, "cell_id"),
        ({"off_s": (1e-3, 1e-3)}, "off_s must stay 0"),
    ],
)
def test_wrong_parameters_say_what_is_wrong(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Nr.model_validate(fields)


def test_drawn_cells_follow_the_standard_at_any_rate() -> None:
    kinds = set()
    for seed in range(40):
        rate = float(rng(seed).choice([1.92e6, 10e6, 20e6, 61.44e6]))
        waveform = draw_nr(rng(seed), rate)
        kinds.add((waveform.ssb_case, bool(waveform.tdd), waveform.load))
        assert waveform.channel_hz <= max(1.5 * rate, 10e6)
        assert waveform == Nr.model_validate_json(waveform.model_dump_json())
        iq, bursts = waveform.render(rate, round(2e-3 * rate), 0.3 * rate, rng(seed))
        assert len(iq) == round(2e-3 * rate) and np.isfinite(iq).all()
        assert all(0 <= b.start < b.start + b.count <= len(iq) for b in bursts)
        assert waveform == draw_nr(rng(seed), rate)
    assert {kind[0] for kind in kinds} == {"A", "B", "C"} and len(kinds) > 10


def test_a_scene_may_hold_a_cell() -> None:
    text = """
        slices = 1
        center_frequency_hz = 3.5e9
        noise_dbfs_per_hz = -140.0
        [[emitters]]
        center_hz = 3.5001e9
        snr_db = 20.0
        waveform = {family = "nr", channel_hz = 10e6, load = 1, f0_hz = 3.5001e9}
    """
    boxes = ScenePlayer(Scene.model_validate(tomllib.loads(text))).truth(0, 245_760, 3.5e9, 15.36e6)
    assert {box.label for box in boxes} == {"nr"} and len(boxes) >= 6
    assert boxes[0].high_hz - boxes[0].low_hz == pytest.approx(24 * 12 * 30e3)
    assert "nr" not in LABELS  # the shipped models were not trained on it
