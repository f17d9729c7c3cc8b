"""`radiofm bench`: contenders in turn, equal outputs, absent rivals said aloud."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import pytest

from radiofm.cli.bench import bench
from radiofm.errors import RadiofmError, RecordingError, UsageError
from radiofm_services import bench as benches
from radiofm_services.bench import bulk, spectrogram
from radiofm_services.bench.contenders import contenders, interleave
from radiofm_services.bench.figures import Figure
from radiofm_services.bench.kept import page, read
from radiofm_services.bench.kept import ratio as ratio_kept

COUNTER = """
import numpy as np
from radiofm.contender import serve
def make(case):
    runs = []
    def work():
        runs.append(sum(range(round(case))))
        return np.array([len(runs)], np.float32)
    return work
serve(make, runs=2)
"""


def test_contenders_take_turns_and_absent_ones_are_named() -> None:
    commands = {
        "one": [sys.executable, "-c", COUNTER],
        "other": [sys.executable, "-c", COUNTER],
        "absent": [sys.executable, "-c", "import no_such_module"],
    }
    with contenders(commands) as (found, absent):
        assert absent == ["absent"] and list(found) == ["one", "other"]
        long, short = interleave(found, 3e6, 3), interleave(found, 1.0, 3)
        for name, contender in found.items():
            assert contender.result(3e6) == [5]  # once before it was timed, 3 rounds, and this
            assert long[name] > short[name] >= 0


def test_the_rivals_make_the_same_image(monkeypatch: pytest.MonkeyPatch) -> None:
    commands = spectrogram.commands()
    few = {name: commands[name] for name in ("scipy", spectrogram.SCIPY, spectrogram.TORCH)}
    monkeypatch.setattr(spectrogram, "commands", lambda: few | {"fftw": ["no-such-program"]})
    monkeypatch.setattr(spectrogram, "HIGHEST", 1.92e6)
    absent, *figures = spectrogram.figures((1.92e6,), rounds=1)
    assert absent == "fftw is not here: pip install pyfftw"
    assert [figure.rival for figure in figures if isinstance(figure, Figure)] == [
        "torch.stft",
        "ShortTimeFFT",
    ]
    for figure in figures:
        assert isinstance(figure, Figure) and figure.ours == "scipy" and figure.ratio > 0
        assert figure.difference is not None and figure.difference < 1e-4


def test_a_contender_that_dies_is_one_sentence() -> None:
    dying = "import sys; print('ready', flush=True); input(); sys.exit(1)"
    with (
        contenders({"it": [sys.executable, "-c", dying]}) as (found, _),
        pytest.raises(RadiofmError, match="it has ended"),
    ):
        found["it"].run(1.0)


def test_the_table_and_the_closing_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    figure = Figure("spectrogram", "ours", "theirs", 2.0, 9.0, "ms", goal=3.0, difference=1e-6)
    monkeypatch.setitem(
        benches.BENCHES, "spectrogram", lambda: iter([figure, "X is not here: 'radiofm[fast]'"])
    )
    bench("spectrogram", as_json=True)
    line = json.loads(capsys.readouterr().out)
    assert line["figures"][0]["ratio"] == 4.5 and line["notes"] == [
        "X is not here: 'radiofm[fast]'"
    ]
    assert line["machine"]["cores"] > 0 and "numpy" in line["machine"]
    bench("spectrogram", as_json=False)
    shown = capsys.readouterr().out
    assert "4.5x" in shown and "X is not here: 'radiofm[fast]'" in shown and "cores" in shown
    with pytest.raises(UsageError, match="bench 'speed' is unknown: take one of spectrogram"):
        bench("speed")


def test_what_is_kept_takes_the_place_of_what_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def found(ratio: float) -> Figure:
        return Figure("spectrogram", "ours", "theirs", 2.0, 2 * ratio, "ms", goal=3.0)

    for name, ratio in (("spectrogram", 4.0), ("serving", 1.0)):
        one = [found(ratio), f"{name} was slow"]
        monkeypatch.setitem(benches.BENCHES, name, partial(iter, one))
        bench(name, keep=tmp_path, as_json=True)
    monkeypatch.setattr(benches, "BENCHES", {"spectrogram": partial(iter, [found(5.0)])})
    bench("all", keep=tmp_path, as_json=True)
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["figures"][0]["ratio"] == 5.0
    kept = read(tmp_path)
    assert list(kept) == ["spectrogram", "serving"]
    assert kept["spectrogram"]["figures"][0]["ratio"] == 5.0
    assert kept["serving"]["notes"] == ["serving was slow"] and "cores" in str(kept)
    assert ratio_kept(kept, found(9.0)) == 5.0
    assert ratio_kept(kept, Figure("else", "ours", "theirs", 1.0, 1.0, "ms")) is None
    text = (tmp_path / "benchmarks.md").read_text()
    assert text == page(kept) and "| spectrogram | ours | theirs | 5 | 3 | 2 | 10 | ms |" in text
    assert "`radiofm bench serving`" in text and len(list(tmp_path.iterdir())) == 2
    (tmp_path / "benchmarks.json").write_text("{")
    with pytest.raises(RecordingError, match="benchmarks.json: .*: name another folder"):
        bench("all", keep=tmp_path)


def test_annotating_is_held_against_the_graphs_alone() -> None:
    note, *found = bulk.figures(rate=2e6, slices=3, rounds=1, workers=2)
    assert isinstance(note, str) and "bundle nano" in note
    assert [one.unit for one in found if isinstance(one, Figure)] == [
        "ms of one core a slice", "ms a slice",
    ]  # fmt: skip
    assert all(isinstance(one, Figure) and 0.1 < one.ratio < 10 for one in found)


def test_gnuradio_may_be_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RADIOFM_BENCH_GNURADIO", str(tmp_path / "python"))
    assert spectrogram.commands()["GNU Radio"][0] == str(tmp_path / "python")
