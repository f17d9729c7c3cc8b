"""Emitters of a scene: what their settings do to the samples, and what the truth says of it."""

from __future__ import annotations

import math
import threading
from typing import Any, get_args

import numpy as np
import pytest

from radiofm_capture.scenes.front_end import FrontEnd
from radiofm_capture.scenes.load import load_scene, presets
from radiofm_capture.scenes.lte import Lte
from radiofm_capture.scenes.nr import Nr
from radiofm_capture.scenes.player import ScenePlayer
from radiofm_capture.scenes.receiver import mean_power
from radiofm_capture.scenes.render import render
from radiofm_capture.scenes.scene import Scene
from radiofm_capture.scenes.signal import Iq, Waveform
from radiofm_capture.scenes.waveforms import AnyWaveform
from tests.capture import lte_receiver as receiver

RATE, CENTER = 1e6, 500e6
UNIT = 16_000
CARRIER = {"family": "chirp", "shape": "sawtooth", "sweep_hz": 1e-3, "sweep_s": 10.0}
VOICE = {"family": "nbfm"}


def scene(*emitters: dict[str, Any], **more: Any) -> Scene:
    fields = {"seed": 7, "slices": 4, "center_frequency_hz": CENTER, "noise_dbfs_per_hz": -250.0}
    return Scene.model_validate({**fields, **more, "emitters": emitters})


def antenna(air: Scene, slices: int = 4, rate: float = RATE) -> Iq:
    return render(air, 0, slices, CENTER, rate)[0].iq


def peak_hz(iq: Iq, rate: float = RATE) -> float:
    """The frequency of a tone, between the bins too."""
    power = np.abs(np.fft.fft(iq * np.hanning(len(iq)), 4 * len(iq)))
    return float(np.fft.fftfreq(4 * len(iq), 1 / rate)[int(np.argmax(power))])


@pytest.mark.parametrize(("emitter_ppm", "receiver_ppm"), [(20.0, 0.0), (0.0, 20.0), (-30.0, 15.0)])
def test_oscillators_err_by_their_ppm(emitter_ppm: float, receiver_ppm: float) -> None:
    air = scene(
        {"waveform": CARRIER, "offset_hz": 1e5, "power_dbfs": -10.0, "carrier_ppm": emitter_ppm},
        front_end={"ppm": receiver_ppm},
    )
    wanted = 1e5 + CENTER * (emitter_ppm - receiver_ppm) * 1e-6
    assert peak_hz(antenna(air)) == pytest.approx(wanted, abs=10)
    (box,) = render(air, 0, 4, CENTER, RATE)[1]
    assert (box.low_hz + box.high_hz) / 2 - CENTER == pytest.approx(wanted, abs=15)


def test_clocks_stretch_time_but_keep_the_place() -> None:
    """A transmitter 200 ppm fast sends its 60 ms in 12 us less, where it is tuned to."""
    pulse = {"waveform": {"family": "ook", "chip_rate": 1e3, "code": "manchester", "on_s": [1, 1],
             "off_s": [0, 0]}, "offset_hz": 2e5, "power_dbfs": -10.0}  # fmt: skip
    level = [np.abs(antenna(scene({**pulse, "clock_ppm": ppm}))) for ppm in (0.0, 200.0)]
    edges = [np.flatnonzero(np.diff((part > part.max() / 2).astype(int))) for part in level]
    late = edges[0][-1] - edges[1][np.argmin(np.abs(edges[1] - edges[0][-1]))]
    assert late == pytest.approx(edges[0][-1] * 200e-6, abs=1.5)
    tone = {"waveform": CARRIER, "offset_hz": 2e5, "power_dbfs": -10.0}
    assert peak_hz(antenna(scene({**tone, "clock_ppm": 200.0}))) == pytest.approx(2e5, abs=5)
    slow = scene(tone, front_end={"clock_ppm": -100.0})
    assert peak_hz(antenna(slow)) == pytest.approx(2e5 * (1 + 100e-6), abs=5)


@pytest.mark.parametrize(
    "more",
    [
        {"channel": "EPA"},
        {"channel": {"profile": "TDL-A", "delay_spread_s": 1e-6, "doppler_hz": 100.0}},
        {"amplifier": {"backoff_db": 0.0}},
        {"channel": "ETU", "amplifier": {"backoff_db": 3.0}, "clock_ppm": 30.0},
    ],
    ids=["EPA", "moving", "amplifier", "all"],
)
def test_power_is_as_stated_whatever_happens_on_the_way(more: dict[str, Any]) -> None:
    wide = {"family": "ofdm", "occupied_hz": 500e3, "subcarrier_hz": 15e3}
    air = scene({"waveform": wide, "offset_hz": 1e5, "power_dbfs": -17.0, **more})
    assert 10 * math.log10(mean_power(antenna(air))) == pytest.approx(-17, abs=0.15)


def test_traffic_and_ramps_reach_samples_and_truth() -> None:
    air = scene(
        {
            "waveform": CARRIER, "offset_hz": 0.0, "power_dbfs": 0.0, "ramp_s": 200e-6,
            "traffic": {"kind": "periodic", "period_s": 10e-3, "on_s": 4e-3},
        }
    )  # fmt: skip
    received, boxes = render(air, 0, 4, CENTER, RATE)
    level = np.abs(received.iq)
    assert 5 <= len(boxes) <= 7
    for box in boxes[1:-1]:
        burst = level[box.start_sample : box.start_sample + box.sample_count]
        assert len(burst) == 4000 and burst[0] < 0.01 and burst[-1] < 0.01
        assert burst[200:-200].min() > 0.99
    outside = np.ones(len(level), bool)
    for box in boxes:
        outside[box.start_sample : box.start_sample + box.sample_count] = False
    assert level[outside].max() < 1e-8


def test_labels_are_given_and_noise_has_no_boxes() -> None:
    emitter = {"waveform": VOICE, "offset_hz": 0.0, "power_dbfs": -20.0}
    air = scene({**emitter, "label": "taxi"}, {**emitter, "label": "noise"}, emitter)
    assert sorted(box.label for box in render(air, 0, 4, CENTER, RATE)[1]) == ["nbfm", "taxi"]


# --- beyond the band ---

FILTER = FrontEnd(corner=0.9, order=5, aliasing=True)


@pytest.mark.parametrize(("offset", "folded"), [(0.7e6, -0.3e6), (-1.1e6, -0.1e6), (1.2e6, 0.2e6)])
def test_a_neighbour_folds_back_with_the_loss_of_the_filter(offset: float, folded: float) -> None:
    air = scene(
        {"waveform": {**VOICE, "deviation_hz": 20e3}, "offset_hz": offset, "power_dbfs": -1.0},
        front_end=FILTER, noise_dbfs_per_hz=-140.0,
    )  # fmt: skip
    (box,) = render(air, 0, 4, CENTER, RATE)[1]
    loss = float(FILTER.filter_db(np.array([offset / RATE * 2]))[0])
    assert box.alias and box.label == "nbfm"
    assert (box.low_hz + box.high_hz) / 2 - CENTER == pytest.approx(folded)
    assert box.power_dbfs == pytest.approx(-1 + loss, abs=0.01)
    assert box.snr_db == pytest.approx(-1 + 140 - 10 * math.log10(46e3) + loss, abs=0.01)
    counts = ScenePlayer(air).read(0, 4 * UNIT, CENTER, RATE).astype(np.float32) / 2048
    power = np.abs(np.fft.fft(counts.view(np.complex64)[:, 0])) ** 2 / (4 * UNIT) ** 2
    frequency = np.fft.fftfreq(4 * UNIT, 1 / RATE)
    inside = np.abs(frequency - folded) < 25e3
    assert 10 * math.log10(power[inside].sum()) == pytest.approx(-1 + loss, abs=0.5)


def test_without_aliasing_nothing_comes_from_beyond() -> None:
    beyond = {"waveform": VOICE, "offset_hz": 0.7e6, "power_dbfs": -1.0}
    received, boxes = render(scene(beyond, front_end={"corner": 0.9}), 0, 4, CENTER, RATE)
    assert not boxes and np.abs(received.iq).max() < 1e-6


def test_across_the_edge_a_signal_is_cut_and_its_rest_folded() -> None:
    wide = {"family": "ofdm", "occupied_hz": 600e3, "subcarrier_hz": 15e3}
    air = scene({"waveform": wide, "offset_hz": 0.45e6, "power_dbfs": -20.0}, front_end=FILTER)
    inside, alias = sorted(render(air, 0, 4, CENTER, RATE)[1], key=lambda box: box.alias)
    assert not inside.alias and inside.low_hz == pytest.approx(CENTER + 0.15e6, abs=2e4)
    assert alias.alias and alias.low_hz == pytest.approx(CENTER - 0.5e6)
    assert alias.high_hz == pytest.approx(CENTER - 0.25e6, abs=2e4)


def test_a_cell_that_folds_back_is_acquired_where_it_comes_out() -> None:
    """As on the air at 1871.75 MHz: a cell one whole rate away, through a filter too wide."""
    rate = 3.84e6
    air = scene(
        {
            "waveform": {"family": "lte", "prb": 6, "cell_id": 271, "load": 0.3},
            "offset_hz": -rate, "power_dbfs": 0.0, "channel": "EPA", "clock_ppm": 5.0,
        },
        noise_dbfs_per_hz=-120.0,
        front_end={"corner": 1.05, "order": 3, "aliasing": True, "phase_noise_deg": 1.0},
    )  # fmt: skip
    (box,) = render(air, 0, 4, CENTER, rate)[1]
    assert box.alias and (box.low_hz + box.high_hz) / 2 == pytest.approx(CENTER, abs=1e4)
    counts = ScenePlayer(air).read(0, round(0.064 * rate), CENTER, rate).astype(np.float32) / 2048
    heard = receiver.narrow(counts.view(np.complex64)[:, 0], rate)
    (found,) = receiver.search(heard)
    mib = receiver.decode_mib(heard, found)
    assert found.cell_id == 271 and mib is not None and mib.prb == 6


def test_a_cell_counts_its_frames_over_the_pieces_of_a_loop() -> None:
    """The loop is rendered by half seconds; system frame numbers go on."""
    rate = 1.92e6
    air = scene(
        {"waveform": {"family": "lte", "prb": 6}, "offset_hz": 0.0, "power_dbfs": -20.0},
        slices=80, noise_dbfs_per_hz=-110.0,
    )  # fmt: skip
    player, frames = ScenePlayer(air), []
    for at_s in (0.1, 1.1):
        counts = player.read(round(at_s * rate), round(0.064 * rate), CENTER, rate)
        heard = receiver.narrow(counts.astype(np.float32).view(np.complex64)[:, 0], rate)
        (found,) = receiver.search(heard)
        mib = receiver.decode_mib(heard, found)
        assert mib is not None
        frames.append((found.cell_id, mib.frame))
    assert frames[0][0] == frames[1][0]
    assert (frames[1][1] - frames[0][1]) % 1024 == 100


# --- every preset ---


@pytest.mark.parametrize("name", [name for name in presets() if name not in ("carousel", "ism24")])
def test_presets_play_the_same_in_any_order(name: str) -> None:
    """By their own rate, a fifth of it, so that it is quick; and by another player, backwards."""
    air = load_scene(name, seed=5)
    rate = (air.sample_rate_hz or 2e6) / 5 if name != "lte-nr" else 3.84e6
    air = air.model_copy(update={"slices": 2})
    unit, center = round(0.016 * rate), air.center_frequency_hz
    forward, backward = (
        ScenePlayer(air),
        ScenePlayer(load_scene(name, 5).model_copy(update={"slices": 2})),
    )
    whole = forward.read(0, 2 * unit, center, rate)
    parts = [backward.read(at, 1000, center, rate) for at in range(2 * unit - 1000, 0, -1000)]
    np.testing.assert_array_equal(np.concatenate(parts[::-1]), whole[-1000 * len(parts) :])
    assert whole.std() > 0


def test_threads_do_not_change_a_sample() -> None:
    air = scene(
        {"waveform": VOICE, "offset_hz": 1e5, "snr_db": 20.0, "channel": "ETU", "clock_ppm": 10.0},
        slices=40, noise_dbfs_per_hz=-90.0, front_end={"phase_noise_deg": 1.0},
    )  # fmt: skip
    alone, shared = ScenePlayer(air), ScenePlayer(air)
    wanted = alone.read(0, 40 * UNIT, CENTER, RATE)
    got: dict[int, Any] = {}

    def read(at: int) -> None:
        got[at] = shared.read(at * UNIT, UNIT, CENTER, RATE)

    threads = [threading.Thread(target=read, args=(at,)) for at in range(39, -1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(np.concatenate([got[at] for at in range(40)]), wanted)


@pytest.mark.parametrize("waveform", [Lte(), Lte(cell_id=3, start_s=10.2), Nr(), Nr(sfn=1020)])
def test_a_cell_goes_on_with_its_identity_and_its_frames(waveform: Lte | Nr) -> None:
    rng = np.random.default_rng
    first, later = waveform.resume(0.0, rng(3)), waveform.resume(0.512, rng(3))
    assert first.cell_id is not None and first.cell_id == later.cell_id
    frames = [
        (cell.start_s or 0) + (0.01 * (cell.sfn or 0) if isinstance(cell, Nr) else 0)
        for cell in (first, later)
    ]
    assert (frames[1] - frames[0]) % 10.24 == pytest.approx(0.512, abs=1e-9)


FAMILIES = [
    model
    for model in get_args(get_args(AnyWaveform)[0])
    if model.model_fields["family"].default != "recording"
]


@pytest.mark.parametrize("model", FAMILIES, ids=lambda model: model.__name__)
def test_a_waveform_stays_within_its_span(model: type[Waveform]) -> None:
    """What scenes leave out, fold back and keep apart is decided by it."""
    waveform = model()
    rate = max(1e6, 1.3 * waveform.span_hz)
    _, bursts = waveform.render(
        rate, min(4_000_000, round(0.04 * rate)), 0.0, np.random.default_rng(2)
    )
    for burst in bursts:
        assert max(burst.high_hz, -burst.low_hz) <= 0.55 * waveform.span_hz
    assert waveform.span_hz >= waveform.bandwidth_hz
