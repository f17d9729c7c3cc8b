"""docs/benchmarks.md is what its figures say, and the code is not much slower than they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from radiofm_services.bench import BENCHES, spectrogram
from radiofm_services.bench.figures import Figure
from radiofm_services.bench.kept import page, ratio, read

DOCS = Path(__file__).parents[1] / "docs"
LOOSE = 0.5  # of the ratio that was kept: another processor, a busy machine


def test_the_page_is_made_from_the_figures() -> None:
    kept = read(DOCS)
    assert set(kept) <= set(BENCHES)
    assert (DOCS / "benchmarks.md").read_text("utf-8") == page(kept), (
        "docs/benchmarks.md is old: radiofm bench all --keep docs"
    )


def test_spectrograms_are_as_fast_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the base install, at the highest rate, against torch: both in turn, the least of each."""
    commands = spectrogram.commands()
    few = {name: commands[name] for name in ("scipy", spectrogram.TORCH)}
    monkeypatch.setattr(spectrogram, "commands", lambda: few)
    (found,) = spectrogram.figures((spectrogram.HIGHEST,), rounds=7)
    assert isinstance(found, Figure)
    before = ratio(read(DOCS), found)
    assert before is not None and found.ratio > LOOSE * before, found
