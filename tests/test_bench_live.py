"""A minute at 61.44 MS/s in real time, with nothing else on the machine: `make bench`."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.bench, pytest.mark.timeout(900)]


def test_nothing_on_air_goes_unseen() -> None:
    command = [sys.executable, "-m", "radiofm", "bench", "live", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    report = json.loads(done.stdout)
    print("", *report["notes"], sep="\n")
    figures = {figure["what"]: figure for figure in report["figures"]}
    for figure in figures.values():
        print(f"{figure['what']}: {figure['ratio']:.3f} ({figure['goal']})")
    for note in report["notes"]:
        assert ": 0 of" in note, note
    assert figures["capture to result, p99"]["ratio"] >= 1
    assert figures["spectrogram"]["ratio"] >= 1
    assert figures["airtime"]["ours_took"] <= 1 / 0.99
    assert figures["airtime"]["ratio"] > 1
