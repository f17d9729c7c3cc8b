"""What holds for broadcast, cellular, aircraft and other waveforms alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pydantic import ValidationError

from radiofm_capture.scenes.adsb import Adsb, draw_adsb
from radiofm_capture.scenes.am import Am, draw_am
from radiofm_capture.scenes.cw import Cw, draw_cw
from radiofm_capture.scenes.dect import Dect, draw_dect
from radiofm_capture.scenes.drone import Drone, draw_drone
from radiofm_capture.scenes.dvbt import Dvbt, draw_dvbt
from radiofm_capture.scenes.fm import Fm, draw_fm
from radiofm_capture.scenes.fmcw import Fmcw, draw_fmcw
from radiofm_capture.scenes.gsm import Gsm, draw_gsm
from radiofm_capture.scenes.ism import Remote, Sensor, draw_remote, draw_sensor
from radiofm_capture.scenes.microwave import Microwave, draw_microwave
from radiofm_capture.scenes.pocsag import Pocsag, draw_pocsag
from radiofm_capture.scenes.radar import Radar, draw_radar
from radiofm_capture.scenes.scene import Emitter
from radiofm_capture.scenes.signal import Waveform
from radiofm_capture.scenes.umts import Umts, draw_umts
from tests.capture.air import energy_in, rng

DRAWS: list[Callable[[np.random.Generator, float], Waveform]] = [
    draw_adsb, draw_am, draw_cw, draw_dect, draw_drone, draw_dvbt, draw_fm, draw_fmcw, draw_gsm,
    draw_microwave, draw_pocsag, draw_radar, draw_remote, draw_sensor, draw_umts,
]  # fmt: skip
EXAMPLES: list[tuple[Waveform, float]] = [  # and a rate that takes all of it
    (Adsb(aircraft=100, spread_db=0), 8e6),
    (Am(on_s=(0.05, 0.1), off_s=(0.02, 0.05)), 100e3),
    (Cw(words_min=100), 100e3),
    (Dect(carriers=3), 8e6),
    (Drone(), 12e6),
    (Dvbt(mode="2k"), 12e6),
    (Fm(), 500e3),
    (Fmcw(sweep_hz=6e6), 12e6),
    (Gsm(bcch=False), 1e6),
    (Microwave(sweep_hz=4e6, transient_hz=3e6), 20e6),
    (Pocsag(off_s=(0.02, 0.02)), 100e3),
    (Radar(pulse_s=2e-6), 8e6),
    (Remote(off_s=(0.02, 0.05)), 1e6),
    (Sensor(protocol="tx141", off_s=(0.02, 0.05)), 1e6),
    (Umts(), 8e6),
]  # fmt: skip


@pytest.mark.parametrize(("waveform", "rate"), EXAMPLES, ids=lambda x: getattr(x, "family", ""))
def test_unit_power_in_the_boxes_and_the_same_for_a_seed(waveform: Waveform, rate: float) -> None:
    count = round(max(0.05, min(0.5, 1e5 / rate)) * rate)
    offset = 0.05 * rate
    iq, bursts = waveform.render(rate, count, offset, rng(4))
    again, boxes = waveform.render(rate, count, offset, rng(4))
    assert iq.dtype == np.complex64 and iq.shape == (count,)
    np.testing.assert_array_equal(iq, again)
    assert bursts == boxes and bursts
    assert all(b.start >= 0 and b.start + b.count <= count and b.count > 0 for b in bursts)
    on = sum(b.count for b in bursts)
    assert np.vdot(iq, iq).real / on == pytest.approx(1, rel=0.2)
    assert energy_in(iq, bursts, rate) > 0.85


@pytest.mark.parametrize("draw", DRAWS, ids=lambda d: d.__name__)
def test_drawn_signals_fit_any_rate(draw: Callable[[np.random.Generator, float], Waveform]) -> None:
    for seed in range(4):
        generator = rng(seed)
        rate = float(generator.choice([1.92e6, 5e6, 15e6]))
        waveform = draw(generator, rate)
        iq, _ = waveform.render(rate, round(0.016 * rate), 0.6 * rate * (seed % 2), generator)
        assert np.isfinite(iq).all()
        emitter = Emitter(waveform=waveform, offset_hz=0.0, snr_db=3.0)  # it is in the union
        assert emitter == Emitter.model_validate_json(emitter.model_dump_json())


@pytest.mark.parametrize("waveform", [Fm(), Gsm(), Umts(), Dvbt()], ids=lambda w: w.family)
def test_what_lies_beyond_the_band_does_not_fold_back(waveform: Waveform) -> None:
    rate = 2 * waveform.bandwidth_hz
    iq, _ = waveform.render(rate, round(0.02 * rate), rate / 2, rng())  # half of it is heard
    frequency = np.fft.fftfreq(len(iq), 1 / rate)
    power = np.abs(np.fft.fft(iq * np.hanning(len(iq)))) ** 2
    assert power[frequency < -rate / 8].sum() < 1e-4 * power.sum()
    assert np.vdot(iq, iq).real / len(iq) == pytest.approx(0.4, abs=0.12)


@pytest.mark.parametrize(
    ("family", "field"), [("fm", "off_s"), ("umts", "on_s"), ("remote", "on_s")]
)
def test_a_rhythm_that_is_not_the_scenes_to_set_is_refused(family: str, field: str) -> None:
    with pytest.raises(ValidationError, match=f"{field} has no effect on {family}: leave it out"):
        Emitter.model_validate(
            {"waveform": {"family": family, field: (0.1, 0.2)}, "offset_hz": 0.0, "snr_db": 3.0}
        )
