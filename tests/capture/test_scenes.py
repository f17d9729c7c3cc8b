"""Simulated air: unit power, bandwidth, truth, retuning, and a player that loops without a seam."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofm.errors import UsageError
from radiofm_capture.scenes import player
from radiofm_capture.scenes.chirp import Chirp
from radiofm_capture.scenes.family_draws import FAMILY_DRAWS
from radiofm_capture.scenes.front_end import FrontEnd, draw_front_end
from radiofm_capture.scenes.gfsk import Gfsk
from radiofm_capture.scenes.load import load_scene, presets
from radiofm_capture.scenes.nbfm import Nbfm
from radiofm_capture.scenes.ofdm import Ofdm
from radiofm_capture.scenes.ook import Ook
from radiofm_capture.scenes.player import ScenePlayer
from radiofm_capture.scenes.receiver import Antenna, Receiver
from radiofm_capture.scenes.scene import Emitter, Scene
from radiofm_capture.scenes.signal import Burst, Iq, Waveform, carrier
from radiofm_capture.scenes.waveforms import DRAWS, LABELS

RATE = 4e6
COUNT = round(0.048 * RATE)
EXAMPLES: list[Waveform] = [
    Ofdm(occupied_hz=2.7e6),
    Ofdm(occupied_hz=2.7e6, load=0.3, delay_spread_s=1e-6),
    Ofdm(subcarrier_hz=78.125e3, occupied_hz=2.1e6, on_s=(1e-4, 2e-3), off_s=(1e-4, 1e-3)),
    Gfsk(channels=1),
    Gfsk(bit_rate=100e3, index=1.0, channels=1, slot_s=5e-3, packets_s=(4e-3,)),
    Chirp(sweep_hz=500e3, sweep_s=1.024e-3),
    Chirp(shape="triangle", sweep_hz=2e6, sweep_s=0.4e-3),
    Nbfm(),
    Nbfm(deviation_hz=75e3, audio_hz=15e3),
    Ook(chip_rate=4e3),
    Ook(chip_rate=20e3, code="manchester"),
]  # fmt: skip


def receive(front_end: FrontEnd, iq: Iq, rate: float = RATE) -> npt.NDArray[np.int16]:
    return Receiver(front_end, rate, len(iq))(Antenna(iq), rng=rng())


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def as_complex(counts: npt.NDArray[np.int16]) -> Iq:
    return counts.astype(np.float32).view(np.complex64)[:, 0]


def occupied(iq: Iq, rate: float, share: float) -> tuple[float, float]:
    """The band that holds `share` of the power, as much missing below as above."""
    power = np.fft.fftshift(np.abs(np.fft.fft(iq)) ** 2)
    below = np.cumsum(power) / power.sum()
    edges = np.searchsorted(below, [(1 - share) / 2, (1 + share) / 2])
    low, high = (edges / len(iq) - 0.5) * rate
    return float(low), float(high)


def energy_in(iq: Iq, bursts: list[Burst], rate: float) -> float:
    """The part of the energy that lies within the boxes."""
    inside = 0.0
    for burst in bursts:
        spectrum = np.abs(np.fft.fft(iq[burst.start : burst.start + burst.count])) ** 2
        frequency = np.fft.fftfreq(burst.count, 1 / rate)
        within = (frequency >= burst.low_hz) & (frequency <= burst.high_hz)
        inside += float(spectrum[within].sum()) / burst.count
    return inside / float(np.vdot(iq, iq).real)


@pytest.mark.parametrize("waveform", EXAMPLES, ids=lambda w: w.family)
def test_power_bandwidth_and_place(waveform: Waveform) -> None:
    offset = 0.4e6
    iq, bursts = waveform.render(RATE, COUNT, offset, rng())
    again, _ = waveform.render(RATE, COUNT, offset, rng())
    assert iq.dtype == np.complex64 and len(iq) == COUNT
    np.testing.assert_array_equal(iq, again)
    on = sum(b.count for b in bursts)
    assert np.vdot(iq, iq).real / on == pytest.approx(1, rel=0.1)
    assert energy_in(iq, bursts, RATE) >= 0.9
    low, high = occupied(iq, RATE, 0.9)
    assert 0.35 <= (high - low) / waveform.bandwidth_hz <= 1.05 or waveform.family == "ook"
    # Little of the band may lie beyond the signal, whatever its shape.
    assert (high + low) / 2 == pytest.approx(offset, abs=0.15 * waveform.bandwidth_hz)
    assert all(b.high_hz - b.low_hz <= 1.1 * waveform.bandwidth_hz for b in bursts)


def test_mode_s_bursts_are_short_and_wide() -> None:
    pulses = Ook(chip_rate=2e6, code="ppm", on_s=(64e-6, 120e-6), off_s=(0.3e-3, 3e-3))
    iq, bursts = pulses.render(20e6, 320_000, 0, rng())
    assert len(bursts) > 3 and all(60e-6 * 20e6 < b.count < 121e-6 * 20e6 for b in bursts)
    assert energy_in(iq, bursts, 20e6) >= 0.9
    assert np.count_nonzero(iq) == pytest.approx(0.5 * sum(b.count for b in bursts), rel=0.2)


@pytest.mark.parametrize("family", DRAWS)
def test_drawn_signals_fit_any_rate(family: str) -> None:
    for seed in range(12):
        generator = rng(seed)
        rate = float(generator.choice([1.92e6, 5e6, 20e6]))
        waveform = DRAWS[family](generator, rate)
        iq, bursts = waveform.render(rate, round(0.016 * rate), 0.6 * rate * (seed % 2), generator)
        assert np.isfinite(iq).all()
        total = float(np.vdot(iq, iq).real)
        assert total == 0 or energy_in(iq, bursts, rate) > 0.8
        assert waveform == type(waveform).model_validate_json(waveform.model_dump_json())


def test_a_hopper_uses_its_channels_and_slots() -> None:
    iq, bursts = Gfsk(channels=3, occupancy=1).render(RATE, 4 * COUNT, 0, rng())
    centres = {round((b.low_hz + b.high_hz) / 2e6, 3) for b in bursts}
    assert centres == {-1.0, 0.0, 1.0}
    starts = np.array([b.start for b in bursts[1:]]) / RATE / 625e-6
    np.testing.assert_allclose(starts - starts[0], np.rint(starts - starts[0]), atol=1e-2)


def test_carrier_is_a_tone() -> None:
    tone = carrier(5000, 0.1, 0.25)
    np.testing.assert_allclose(tone, np.exp(2j * np.pi * (0.1 * np.arange(5000) + 0.25)), atol=1e-5)


def test_front_end_levels() -> None:
    noise = (rng().standard_normal((40_000, 2)).astype(np.float32)).view(np.complex64)[:, 0]
    plain = receive(FrontEnd(level_dbfs=-20.0), noise)
    assert plain.dtype == np.int16 and plain.shape == (40_000, 2)
    power = float(np.mean(plain.astype(float) ** 2)) * 2 / 2048**2
    assert 10 * np.log10(power) == pytest.approx(-20, abs=0.05)
    leaky = receive(FrontEnd(level_dbfs=-40.0, dc_dbfs=-20.0, spurs=((0.25, -30.0),)), noise)
    spectrum = np.abs(np.fft.fft(as_complex(leaky)))
    spectrum = 20 * np.log10(spectrum / len(leaky) / 2048)
    assert spectrum[0] == pytest.approx(-20, abs=0.2)
    assert spectrum[len(leaky) // 4] == pytest.approx(-30, abs=0.5)
    loud = receive(FrontEnd(level_dbfs=3.0, bits=8), noise)
    assert loud.min() == -2048 and loud.max() == 2048 - 16 and not (loud % 16).any()
    assert set(np.unique(receive(FrontEnd(level_dbfs=-60, bits=8, midrise=True), noise))) == {-8, 8}


def test_front_end_image_and_filter() -> None:
    tone = carrier(65_536, 0.125) * np.float32(0.5)
    iq = as_complex(receive(FrontEnd(imbalance_db=0.3, imbalance_deg=1.5), tone))
    spectrum = 20 * np.log10(np.abs(np.fft.fft(iq)) + 1e-9)
    assert -45 < spectrum[-8192] - spectrum[8192] < -30  # the image
    edge = carrier(65_536, 0.45) * np.float32(0.5)
    through = [receive(FrontEnd(corner=0.8, order=6), t) for t in (tone, edge)]
    drop = 20 * np.log10(through[1][1000:-1000].std() / through[0][1000:-1000].std())
    assert drop == pytest.approx(-10 * np.log10(1 + (0.9 / 0.8) ** 12), abs=0.3)


def test_drawn_front_ends_give_usable_samples() -> None:
    noise = rng().standard_normal((20_000, 2)).astype(np.float32).view(np.complex64)[:, 0]
    for seed in range(30):
        counts = receive(draw_front_end(rng(seed)), noise)
        assert counts.std() > 0 and counts.min() >= -2048 and counts.max() <= 2047


def small_scene(**more: object) -> Scene:
    fields = {
        "seed": 5,
        "slices": 6,
        "center_frequency_hz": 100e6,
        "noise_dbfs_per_hz": -100.0,
        "emitters": (
            Emitter(waveform=Nbfm(), offset_hz=20e3, snr_db=35.0, on=((1, 3),)),
            Emitter(waveform=Ook(off_s=(0, 0)), center_hz=99.95e6, power_dbfs=-20.0, on=((4, 5),)),
        ),
    }
    return Scene.model_validate(fields | more)


SMALL_RATE = 200e3
UNIT = 3200
PLAYER = ScenePlayer(small_scene())
LOOP = PLAYER.read(0, 6 * UNIT, 100e6, SMALL_RATE).copy()


@given(st.integers(0, 10**9), st.lists(st.integers(1, 9 * UNIT), min_size=1, max_size=4))
def test_any_reads_are_the_same_loop(start: int, lengths: list[int]) -> None:
    at = start
    for length in lengths:
        part = PLAYER.read(at, length, 100e6, SMALL_RATE)
        np.testing.assert_array_equal(part, LOOP[np.arange(at, at + length) % len(LOOP)])
        at += length


def test_the_seed_decides_every_sample() -> None:
    lazily = ScenePlayer(small_scene())
    late = lazily.read(4 * UNIT + 17, 10, 100e6, SMALL_RATE)  # nothing else rendered before
    np.testing.assert_array_equal(late, LOOP[4 * UNIT + 17 :][:10])
    other = ScenePlayer(small_scene(seed=6)).read(0, 6 * UNIT, 100e6, SMALL_RATE)
    assert (other != LOOP).mean() > 0.5


def test_a_loop_that_is_too_long_to_keep_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "KEPT_SAMPLES", 2 * UNIT)
    tight = ScenePlayer(small_scene())
    tight.prepare(100e6, SMALL_RATE, threading.Event())
    for start in (0, 5 * UNIT, UNIT // 2, 0):
        part = tight.read(start, 6 * UNIT, 100e6, SMALL_RATE)
        np.testing.assert_array_equal(part, np.roll(LOOP, -start, axis=0))


def test_chunks_are_bounded_at_high_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "CHUNK_SAMPLES", 2 * UNIT)
    loop = player._Loop(small_scene(), 100e6, SMALL_RATE)
    chunks = list(loop.chunks(0, loop.count))
    assert max(len(chunk.samples) for _, chunk in chunks) <= 2 * UNIT
    assert sum(len(chunk.samples) for _, chunk in chunks) == loop.count


@given(st.integers(0, 20), st.integers(0, 6 * UNIT))
def test_truth_repeats_with_the_loop(turns: int, start: int) -> None:
    boxes = PLAYER.truth(start, UNIT, 100e6, SMALL_RATE)
    assert boxes == PLAYER.truth(start + turns * 6 * UNIT, UNIT, 100e6, SMALL_RATE)
    for box in boxes:
        assert box.start_sample >= 0 and box.start_sample + box.sample_count <= UNIT
        assert 99.9e6 <= box.low_hz < box.high_hz <= 100.1e6


def test_labels_change_at_slice_boundaries() -> None:
    labels = [PLAYER.label(i * UNIT, UNIT, 100e6, SMALL_RATE) for i in range(12)]
    assert labels == ["noise", "nbfm", "nbfm", "noise", "ook", "noise"] * 2
    assert PLAYER.label(UNIT, UNIT, 101e6, SMALL_RATE) == "noise"  # tuned away
    (box,) = PLAYER.truth(UNIT, 2 * UNIT, 100e6, SMALL_RATE)
    assert (box.start_sample, box.sample_count) == (0, 2 * UNIT)
    assert box.snr_db == pytest.approx(35)
    assert box.power_dbfs == pytest.approx(-100 + 10 * np.log10(11e3) + 35)


@pytest.mark.parametrize("retune", [0.0, 31e3, -52e3])
def test_retuning_moves_an_emitter(retune: float) -> None:
    iq = as_complex(PLAYER.read(UNIT, 2 * UNIT, 100e6 + retune, SMALL_RATE))
    low, high = occupied(iq, SMALL_RATE, 0.9)
    assert (low + high) / 2 == pytest.approx(20e3 - retune, abs=3e3)
    (box,) = PLAYER.truth(UNIT, 2 * UNIT, 100e6 + retune, SMALL_RATE)
    assert box.low_hz == pytest.approx(100.02e6 - 5.5e3)


def test_frequency_error_moves_samples_and_truth_alike() -> None:
    player = ScenePlayer(small_scene(front_end=FrontEnd(ppm=100.0)))  # tuned 10 kHz too high
    (box,) = player.truth(UNIT, UNIT, 100e6, SMALL_RATE)
    assert (box.low_hz + box.high_hz) / 2 == pytest.approx(100.01e6)
    iq = as_complex(player.read(UNIT, UNIT, 100e6, SMALL_RATE))
    low, high = occupied(iq, SMALL_RATE, 0.9)
    assert (low + high) / 2 == pytest.approx(10e3, abs=3e3)


def test_snr_and_noise_are_as_stated() -> None:
    noise = LOOP[:UNIT].astype(float) / 2048
    assert 10 * np.log10(np.mean(noise**2) * 2) == pytest.approx(-100 + 53.01, abs=0.3)
    signal = LOOP[4 * UNIT : 5 * UNIT].astype(float) / 2048
    assert 10 * np.log10(np.mean(signal**2) * 2) == pytest.approx(-20, abs=0.5)


def test_presets_load_and_the_carousel_turns_through_all_families() -> None:
    assert {"adsb", "carousel", "crowded", "fm", "ism24", "lte-nr", "quiet"} <= set(presets())
    scene = load_scene("carousel", seed=9)
    assert scene.seed == 9 and 200 <= scene.slices <= 300
    player, rate = ScenePlayer(scene), 2.4e6
    unit = round(0.016 * rate)
    families = {emitter.waveform.family for emitter in scene.emitters}
    assert {"noise", *families} == set(LABELS)
    right = 0
    for at in range(scene.slices):
        on = [e.waveform.family for e in scene.emitters if e.on[0][0] <= at < e.on[0][1]]
        assert len(on) <= 1
        label = player.label(at * unit, unit, scene.center_frequency_hz, rate)
        right += label == (on[0] if on else "noise")
    assert right >= 0.95 * scene.slices


def test_the_tour_shows_one_real_family_at_a_time() -> None:
    scene, rate = load_scene("tour"), 5e6
    player, unit = ScenePlayer(scene), round(0.016 * rate)
    on = {at: e.waveform.family for e in scene.emitters for at in range(*e.on[0])}
    assert set(on.values()) <= set(FAMILY_DRAWS) and len(set(on.values())) == len(scene.emitters)
    right = sum(
        player.label(at * unit, unit, scene.center_frequency_hz, rate) == on.get(at, "noise")
        for at in range(scene.slices)
    )
    assert right >= 0.95 * scene.slices


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("seed = -1", "seed"),
        ("colour = 3", "colour"),
        ("[[emitters]]\noffset_hz = 0.0\nwaveform = {family = 'nbfm'}", "snr_db or power_dbfs"),
        ("[[emitters]]\noffset_hz = 0.0\nsnr_db = 3.0\nwaveform = {family = 'morse'}", "morse"),
        ("seed = ", "not TOML"),
        (
            "[[emitters]]\noffset_hz = 0.0\nsnr_db = 3.0\n"
            "waveform = {family = 'nbfm', off_s = [0.0, 1.0]}",
            "off_s is",
        ),
    ],
)
def test_a_wrong_scene_says_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "scene.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=says):
        load_scene(str(file))


def test_an_unknown_scene_lists_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="carousel, crowded, .*quiet"):
        load_scene("nonsense")
    with pytest.raises(UsageError, match="cannot be read"):
        load_scene(str(tmp_path / "none.toml"))
