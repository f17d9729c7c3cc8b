"""Plans: read strictly, and dwelt upon as they say."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
from collections import Counter
from ctypes.util import find_library
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofm.errors import UsageError
from radiofm.recording import Recording
from radiofm.settings import CaptureSettings
from radiofm_capture.device import Block, Tuning
from radiofm_capture.plan import Dwell, load_plan, make_plan, parse_sweep, presets
from radiofm_capture.plan_device import PlanDevice
from radiofm_capture.session import dwell_tuning, open_session
from radiofm_capture.sim import SimDevice
from radiofm_capture.taking import plan_of
from radiofm_capture.virtual_pluto import VirtualPluto

needs_libiio = pytest.mark.skipif(
    not (find_spec("adi") and find_library("iio")),
    reason="needs pyadi-iio and libiio0 (pip install 'radiofm[pluto]', apt-get install libiio0)",
)
SWEEP = {"start": "2.4G", "stop": "2.5G", "step": "25M", "rates": ["4M"]}


def tuning(dwell: Dwell) -> Tuning:
    return dwell_tuning(CaptureSettings(), dwell)


@pytest.mark.parametrize("name", ["ism24", "lte", "nr", "rrd"])
def test_presets_are_within_a_plutos_range_and_not_by_agc(name: str) -> None:
    assert name in presets()
    plan = load_plan(name)
    assert plan.mode == "burst"
    for dwell in plan.dwells:
        one = tuning(dwell)
        assert 325e6 <= one.center_frequency_hz <= 3.8e9
        assert 2_083_333 <= one.sample_rate_hz <= 61.44e6 and one.bandwidth_hz <= 56e6
        assert one.gain_mode == "manual" and dwell.slices == 6


def test_the_papers_corpus() -> None:
    plan = load_plan("rrd")
    dwells = plan.dwells
    assert len(dwells) == 240 and len(set(dwells)) == 240
    assert {d.rate for d in dwells} == {10e6, 20e6, 30e6, 40e6, 50e6, 60e6}
    assert min(d.fc for d in dwells) == 2.4e9
    assert 2.645e9 < max(d.fc for d in dwells) <= 2.65e9
    assert 22 < sum(d.slices for d in dwells) * 0.016 < 26  # "approximately 24 seconds"
    order = list(plan.run())
    assert set(order) == set(dwells) and order != list(dwells) and order == list(plan.run())
    assert len({d.rate for d in order[:12]}) > 3  # a short run is spread too


def test_literal_dwells_come_before_sweeps_at_each_rate() -> None:
    plan = make_plan(
        {
            "dwell": [{"fc": "868 MHz", "rate": "2M", "gain": "30dB", "slices": 100}],
            "sweep": {**SWEEP, "rates": ["4M", "8M"], "bandwidth": "3 MHz"},
            "repeat": 2,
            "settle": "5ms",
        },
        "plan",
    )
    places = [(d.fc / 1e6, d.rate / 1e6) for d in plan.dwells]
    assert places == [
        (868, 2), *itertools.product((2400, 2425, 2450, 2475, 2500), (4, 8))
    ]  # fmt: skip
    assert list(plan.run()) == [*plan.dwells, *plan.dwells] and plan.settle == 0.005
    assert tuning(plan.dwells[0]).gain_db == 30 and tuning(plan.dwells[1]).bandwidth_hz == 3e6


@given(st.integers(325, 3800), st.integers(0, 40), st.integers(1, 300_000), st.integers(0, 10**6))
def test_a_sweep_meets_both_ends(start: int, steps: int, step: int, beyond: int) -> None:
    low, by = start * 1_000_000, step * 100
    stop = low + steps * by + beyond % by
    plan = parse_sweep(f"{low}:{stop}:{by}", 4e6, 6)
    centres = [dwell.fc for dwell in plan.dwells]
    assert centres == [low + n * by for n in range(steps + 1)]


def test_each_pass_is_shuffled_otherwise_and_the_seed_decides() -> None:
    fields = {"sweep": {**SWEEP, "step": "1M"}, "order": "shuffled", "repeat": 0}
    plan = make_plan({**fields, "seed": 3}, "plan")
    run = list(itertools.islice(plan.run(), 303))
    passes = [run[:101], run[101:202], run[202:]]
    assert all(Counter(one) == Counter(plan.dwells) for one in passes)
    assert passes[0] != passes[1] != passes[2]
    assert run == list(itertools.islice(plan.run(), 303))
    assert run != list(itertools.islice(make_plan({**fields, "seed": 4}, "plan").run(), 303))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, r"plan x: nothing to do: add a \[\[dwell\]\] or a \[sweep\]"),
        ({"dwell": [{"fc": "2.44G"}]}, r"plan x: dwell\.0\.rate: Field required"),
        ({"dwell": {"fc": "2.4 parsec", "rate": "4M"}}, r"plan x: fc '2.4 parsec'"),
        ({"dwell": {"fc": 1e9, "rate": 1e6, "slices": 0}}, r"dwell\.0\.slices: .*greater than"),
        ({"sweep": {**SWEEP, "length": 3}}, r"plan x: sweep\.0\.length: Extra inputs"),
        ({"sweep": {**SWEEP, "stop": "2.3G"}}, r"sweep\.0: stop 2.3e\+09 is below start 2.4e\+09"),
        ({"sweep": {**SWEEP, "rates": []}}, r"sweep\.0\.rates: "),
        ({"sweep": {**SWEEP, "step": 1}}, r"sweep\.0: step 1 makes more than 100000 dwells"),
        ({"sweep": SWEEP, "order": "random"}, r"order: .*'sequential' or 'shuffled'"),
        ({"sweep": SWEEP, "mode": "often"}, r"mode: "),
        ({"sweep": SWEEP, "repeat": -1}, r"repeat: "),
    ],
)
def test_a_wrong_plan_names_the_field(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_plan(fields, "plan x")


def test_plans_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'atlantis' is not known: use ism24, lte, nr, rrd or a"):
        load_plan("atlantis")
    with pytest.raises(UsageError, match="cannot be read"):
        load_plan(str(tmp_path / "gone.toml"))
    (tmp_path / "bad.toml").write_text("dwell = [")
    with pytest.raises(UsageError, match="not TOML"):
        load_plan(str(tmp_path / "bad.toml"))
    with pytest.raises(UsageError, match=r"'1:2' is not start:stop:step"):
        parse_sweep("1:2", 4e6, 6)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dwells": 3}, "dwells is a plan's"),
        ({"plan": "rrd", "sweep": "1:2:3"}, "leave one out"),
        ({"plan": "rrd", "fc": 2.44e9}, "fc .* no place beside a plan"),
        ({"plan": "rrd", "rate": 4e6}, "rate is in the plan rrd"),
        ({"sweep": "2.4G:2.5G:20M"}, "needs a sample rate: add --rate"),
    ],
)
def test_settings_that_contradict_a_plan(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan_of(CaptureSettings.model_validate(given))


@pytest.mark.parametrize("device", ["replay"])
def test_a_recording_cannot_be_retuned(device: str, tmp_path: Path) -> None:
    (tmp_path / "x.cs8").write_bytes(bytes(8000))
    own = {"device": device, "path": tmp_path / "x.cs8", "rate": 1e6, "publish": "none"}
    for more, what in (({"mode": "burst"}, "--mode burst"), ({"plan": "rrd"}, "a plan")):
        wanted = {**own, **more} if "mode" in more else {**own, **more, "rate": None}
        with (
            pytest.raises(UsageError, match=f"{what} is not for --device replay"),
            open_session(CaptureSettings.model_validate(wanted), threading.Event()),
        ):
            pass


def play(device: PlanDevice) -> list[Block]:
    device.start()
    blocks = list(iter(device.read, None))
    device.close()
    return [block for block in blocks if block]


@settings(max_examples=25, deadline=None)
@given(
    wanted=st.lists(
        st.tuples(st.sampled_from([1e6, 1.92e6, 2.5e6]), st.integers(1, 4)),
        min_size=1,
        max_size=4,
    ),
    mode=st.sampled_from(["stream", "burst", "auto"]),
    most=st.integers(1, 6),
)
def test_every_dwell_is_a_stream_of_its_length(
    wanted: list[tuple[float, int]], mode: str, most: int, counter: Any
) -> None:
    fields = [
        {"fc": 1e9 + 1e6 * n, "rate": rate, "slices": slices}
        for n, (rate, slices) in enumerate(wanted)
    ]
    plan = make_plan({"dwell": fields, "settle": 1e-6, "repeat": 2}, "plan")
    sim = SimDevice(counter, tuning(plan.dwells[0]), speed=None)
    device = PlanDevice(
        sim, plan, tuning, mode=mode, streams=lambda one: one.sample_rate_hz < 2e6, most=most
    )
    blocks = play(device)
    streams: list[list[Block]] = []
    for block in blocks:
        if block.new_stream:
            streams.append([])
        streams[-1].append(block)
    expected = list(plan.run())[:most]
    assert len(streams) == device.begun == len(expected)
    air = 0.0
    for dwell, stream in zip(expected, streams, strict=True):
        count = dwell.slices * round(0.016 * dwell.rate)
        assert sum(len(b.samples) for b in stream) == count
        assert [b.sample_index for b in stream] == [
            sum(len(b.samples) for b in stream[:n]) for n in range(len(stream))
        ]
        assert {b.tuning.center_frequency_hz for b in stream} == {dwell.fc}
        burst = mode == "burst" or (mode == "auto" and dwell.rate > 2e6)
        assert len(stream) == 1 or not burst
        assert counter.index(stream[0].samples) >= int(air * dwell.rate) % counter.PERIOD
        air += dwell.slices * 0.016


def test_gain_changes_are_in_the_recording(tmp_path: Path) -> None:
    plan = tmp_path / "gains.toml"
    plan.write_text("".join(
        f"[[dwell]]\nfc = 2.44e9\nrate = 1e6\nslices = 2\n{gain}\n"
        for gain in ("gain = 20", "gain = 50", "gain_mode = 'fast_attack'")
    ))  # fmt: skip
    base = {"device": "sim", "scene": "quiet", "speed": "max", "publish": "none"}
    wanted = CaptureSettings.model_validate(
        {**base, "plan": str(plan), "record": tmp_path / "r.sigmf-meta"}
    )
    with open_session(wanted, threading.Event()) as session:
        session.daemon.run()
    recording = Recording.open(tmp_path / "r.sigmf-meta")
    assert recording.info.core_description == f"scene quiet; plan {plan}"
    found = [(s.count, s.gain_db, s.gain_mode, s.new_stream) for s in recording.segments]
    assert found == [
        (32_000, 20, "manual", True), (32_000, 50, "manual", True),
        (32_000, None, "fast_attack", True),
    ]  # fmt: skip


@needs_libiio
def test_the_papers_corpus_by_command(counter: Any, tmp_path: Path) -> None:
    with VirtualPluto(counter) as server:
        done = subprocess.run(
            [
                sys.executable, "-m", "radiofm", "capture", "--device", "pluto",
                "--uri", server.uri, "--plan", "rrd", "--dwells", "10",
                "--record", str(tmp_path), "--json",
            ],
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
    assert done.returncode == 0 and not done.stderr, done.stderr
    report = json.loads(done.stdout)
    expected = list(itertools.islice(load_plan("rrd").run(), 10))
    assert (report["mode"], report["dwells"], report["plan_seed"]) == ("burst", 10, 1)
    assert report["samples_lost"] == report["samples_untaken"] == 0
    recordings = [Recording.open(path) for path in report["recordings"]]
    taken = [(r, segment) for r in recordings for segment in r.segments]
    for (recording, segment), dwell in zip(taken, expected, strict=True):
        assert recording.sample_rate_hz == dwell.rate
        assert segment.center_frequency_hz == dwell.fc
        assert segment.count == 6 * round(0.016 * dwell.rate)
        assert segment.new_stream and segment.gain_db == 40
        counter.index(recording.read(segment.start, segment.count))
    assert recordings[0].info.core_description == "plan rrd, shuffled by seed 1"
