"""The long runs: `make soak`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from uuid import UUID

import numpy as np
import psutil
import pytest

from radiofm.spectrogram import SpectrogramSpec
from radiofm.wire import IqHeader, Loss
from radiofm_capture.device import Block, Tuning
from radiofm_capture.framer import Framer
from radiofm_services.slices import SliceCutter

SLICES = 1_000_000  # 4.4 hours of air
RATE = 1_000.0  # 16 samples a slice


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_million_slices_balance_in_bounded_memory() -> None:
    rng = np.random.default_rng(0)
    framer, cutter = Framer(), SliceCutter(SpectrogramSpec())
    tuning = Tuning(1e9, RATE, RATE)
    samples = rng.integers(-2000, 2000, (1600, 2)).astype("<i2")
    at = dropped = made = 0
    before = psutil.Process().memory_info().rss
    while at < SLICES * 16:
        lost: tuple[Loss, ...] = ()
        if at and rng.random() < 0.02:
            gone = int(rng.integers(1, 500))
            lost, at = (Loss(samples=gone, exact=False, stage="device"),), at + gone
        block = Block(samples, at, at * 1_000_000, "host", tuning, lost, at == 0)
        at += len(samples)
        for frame in framer.add(block):
            if rng.random() < 0.01 and frame.sample_index:  # the bus drops it
                dropped += len(frame.samples)
                continue
            header = IqHeader(
                stream=UUID(int=1), sequence=0, sample_index=frame.sample_index,
                sample_count=len(frame.samples), time_ns=frame.time_ns, time_quality="host",
                center_frequency_hz=1e9, sample_rate_hz=RATE, lost=frame.lost,
                datatype="ci16_le", full_scale=2048, bandwidth_hz=RATE, host_time_ns=0,
            )  # fmt: skip
            made += len(cutter.take(header, frame.samples))
    made += len(cutter.finish(at))
    account, slices = cutter.samples.account(), cutter.slices.account()
    assert account.received + account.lost == account.span == at
    assert account.lost_by_stage["queue"] >= dropped
    assert slices.inferred + slices.untaken == slices.slices == -(-at // 16)
    assert made == slices.inferred
    assert psutil.Process().memory_info().rss - before < 8 << 20


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_three_minutes_live_lose_nothing() -> None:
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "radiofm", "live", "--device", "sim", "--scene", "ism24",
         "--rate", "5e6", "--duration", "180s", "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.strip().splitlines()[-1])
    assert time.monotonic() - started > 175
    assert report["samples_lost"] == 0
    assert report["samples_received"] == 180 * 5_000_000
    assert report["coverage"] >= 0.99


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_a_hundred_kills_leave_a_hundred_valid_recordings(kill: Callable[[int], int]) -> None:
    samples = [kill(seed) for seed in range(100, 200)]
    assert sum(samples) > 1_000_000


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.skipif(not shutil.which("taskset"), reason="taskset is not here")
def test_a_crowded_scene_is_streamed_on_one_core() -> None:
    """20 MS/s, once the scene is rendered, which the first samples wait for."""
    core = min(os.sched_getaffinity(0))
    done = subprocess.run(
        ["taskset", "-c", str(core), sys.executable, "-m", "radiofm", "capture", "--json",
         "--device", "sim", "--scene", "crowded", "--rate", "20e6", "--duration", "20s",
         "--publish", "none"],
        capture_output=True, text=True, timeout=590, check=True,
    )  # fmt: skip
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["samples_received"] == 400_000_000 and report["samples_lost"] == 0
