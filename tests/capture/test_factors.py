"""Sets without one of the things that make simulated air like real air."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from radiofm.array_set import ArraySet
from radiofm_capture.scenes.front_end import FrontEnd
from radiofm_capture.sets.factors import LEVEL_DBFS, RATE, Factor, leave_out
from radiofm_capture.sets.families import FAMILIES, Families
from radiofm_capture.sets.nr_lte import CARRIERS, PRESETS, Impaired

DRAWN = 40


def families(*without: Factor) -> Families:
    return replace(Families(multi=True), without=without)


@pytest.mark.parametrize("factor", get_args(Factor))
def test_what_is_left_out_is_gone_and_nothing_else(factor: Factor) -> None:
    rng = np.random.default_rng(3)
    seeds = rng.integers(2**31, size=DRAWN)
    gone = 0
    for seed in seeds:
        rate = 10e6
        whole = families().draw(FAMILIES[:6], rate, np.random.default_rng(seed))
        less = families(factor).draw(FAMILIES[:6], rate, np.random.default_rng(seed))
        assert less == leave_out(whole, rate, (factor,), FAMILIES)
        gone += less != whole
        offsets = [e.offset_hz for e in less.emitters]
        widths = [e.waveform.bandwidth_hz for e in less.emitters]
        match factor:
            case "receiver":
                kept = whole.front_end
                level = {"bits": kept.bits, "midrise": kept.midrise}
                assert less.front_end == FrontEnd(level_dbfs=kept.level_dbfs, **level)
            case "level":
                assert less.front_end.level_dbfs == LEVEL_DBFS
            case "bits":
                assert less.front_end.bits == 12 and not less.front_end.midrise
            case "fading":
                assert all(e.channel is None for e in less.emitters)
            case "partial":
                assert all(
                    abs(o or 0) <= max(0, (rate - w) / 2)
                    for o, w in zip(offsets, widths, strict=True)
                )
            case "neighbours" | "rates":
                assert less == whole
    assert gone > DRAWN / 4 or factor in ("neighbours", "rates")


def test_neighbours_and_rates_of_impaired_carriers() -> None:
    impaired = PRESETS["impaired"]
    assert isinstance(impaired, Impaired)
    without = replace(impaired, without=("neighbours", "rates"))
    for seed in range(DRAWN):
        whole, _ = impaired.draw(np.random.default_rng(seed))
        less, rate = without.draw(np.random.default_rng(seed))
        assert rate == RATE
        assert less.emitters == tuple(e for e in whole.emitters if e.name in CARRIERS)


def test_the_command_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "radiofm", "simulate"]
    arguments = ["families", "--count", "2", "--without", "receiver,rates", "--workers", "1"]
    subprocess.run([*command, *arguments, "--out", str(tmp_path / "set"), "--json"], check=True)
    made = ArraySet.open(tmp_path / "set")
    assert made.info.parameters["without"] == ["receiver", "rates"]
    assert set(made.read("sample_rate_hz").tolist()) == {RATE}
    for arguments, reason in (
        (["families", "--without", "weather"], "--without weather: take of receiver, level"),
        (["nr-lte", "--without", "fading"], "--without fading: the paper's scenes"),
    ):
        done = subprocess.run(
            [*command, *arguments, "--out", str(tmp_path / "b")], capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 2 and reason in done.stderr
