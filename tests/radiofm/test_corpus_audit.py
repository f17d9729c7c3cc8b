"""The audit finds each thing that it says it looks for, and nothing in a clean corpus."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from radiofm.corpus.audit import Audit, audit
from radiofm.corpus.build import build
from radiofm.corpus.index import open_index
from radiofm.corpus.split import split
from radiofm.corpus.summary import summarise

Noise = Callable[..., npt.NDArray[np.int16]]
Record = Callable[..., Path]
HOUR = 3600 * 10**9
T0 = 1_769_904_000 * 10**9


def tone(samples: npt.NDArray[np.int16], amplitude: float = 100) -> npt.NDArray[np.int16]:
    """With a burst of a chirp over it, so that the air is not quiet."""
    n = np.arange(len(samples))
    chirp = amplitude * np.exp(1j * np.pi * (0.2 + 0.2 * np.sin(n / 3000)) * n)
    air: npt.NDArray[np.float64] = samples + np.stack([chirp.real, chirp.imag], 1)
    return air.round().astype(np.int16)


@pytest.fixture
def clean(tmp_path: Path, record: Record, noise: Noise) -> Path:
    """Six recordings of one slice or more, hours apart, each a session of its own."""
    for number in range(6):
        air = tone(noise(number, 2, sigma=5))
        record(tmp_path / f"r{number}", air, time_ns=T0 + 3 * number * HOUR)
    return tmp_path


def found(folder: Path) -> dict[str, list[tuple[str, ...]]]:
    """Kind -> the recordings of each finding, without suffix."""
    build(folder)
    kinds: dict[str, list[tuple[str, ...]]] = {}
    for finding in audit(folder).findings:
        names = tuple(name.split(".")[0] for name in finding.recordings)
        kinds.setdefault(finding.kind, []).append(names)
    return kinds


def not_checked(result: Audit, words: str) -> bool:
    return any(words in text for text in result.not_checked)


def test_a_clean_corpus_has_no_findings_but_limits(clean: Path) -> None:
    build(clean)
    before = audit(clean)
    assert before.findings == () and not_checked(before, "not split")
    split(clean, fractions=(0.5, 0.5, 0))
    after = audit(clean)
    assert after.findings == () and not not_checked(after, "not split")
    assert not_checked(after, "resampled") and not not_checked(after, "gain mode")


def test_copies_excerpts_and_repeats(clean: Path, record: Record, noise: Noise) -> None:
    air = tone(noise(0, 2, sigma=5))
    record(clean / "copy", air, time_ns=T0 + 90 * HOUR)
    long = tone(noise(8, 9, sigma=5))
    record(clean / "whole", long, time_ns=T0 + 120 * HOUR)
    record(clean / "part", long[7777:], time_ns=T0 + 200 * HOUR)
    loop = tone(noise(7, 1, sigma=5))
    record(clean / "loop", np.concatenate([loop, loop]), time_ns=T0 + 150 * HOUR)
    assert found(clean) == {
        "duplicate": [("copy", "r0")],
        "overlap": [("part", "whole")],
        "repeat": [("loop",)],
    }


def test_bad_samples(clean: Path, record: Record, noise: Noise) -> None:
    hours = iter(range(90, 900, 30))

    def bad(name: str, samples: npt.NDArray[np.int16], **more: str) -> None:
        record(clean / name, samples, time_ns=T0 + next(hours) * HOUR, **more)

    loud = tone(noise(10, 2, sigma=5))
    loud[::500] = 2047
    bad("clipped", loud)
    zeros = tone(noise(11, 2, sigma=5))
    zeros[20000:24000] = 0
    bad("dead", zeros)
    bad("quiet", noise(12, 2, sigma=5))
    bad("spur", tone(noise(13, 2, sigma=5)) + np.int16(20))
    bad("agc", tone(noise(14, 2, sigma=5)), gain_mode="slow_attack")
    bad("short", noise(15, 0.5))
    assert found(clean) == {
        "clipping": [("clipped",)],
        "dead": [("dead",)],
        "quiet": [("quiet",)],
        "dc-spur": [("spur",)],
        "agc": [("agc",)],
        "short": [("short",)],
    }


def test_what_could_not_be_read_is_a_finding(clean: Path) -> None:
    (clean / "r0.sigmf-data").write_bytes(b"\0" * 7)
    assert found(clean) == {"unread": [("r0",)]}


def test_leaks_between_splits(clean: Path, record: Record, noise: Noise) -> None:
    record(clean / "soon", tone(noise(20, 2, sigma=5)), time_ns=T0 + HOUR // 2)
    record(clean / "copy", tone(noise(1, 2, sigma=5)), time_ns=T0 + 120 * HOUR)
    build(clean)
    split(clean, "session", fractions=(0.5, 0.5, 0))
    assert not [f for f in audit(clean).findings if f.kind == "leak"]
    with open_index(clean) as index:  # as another program might
        index.execute("UPDATE recordings SET split = 'train'")
        index.execute("UPDATE recordings SET split = 'test' WHERE path LIKE 'soon%'")
        index.execute("UPDATE recordings SET split = 'test' WHERE path LIKE 'copy%'")
    leaks = [f for f in audit(clean).findings if f.kind == "leak"]
    assert [(f.text.split()[-1], f.recordings) for f in leaks] == [
        ("content", ("copy.sigmf-data", "r1.sigmf-data")),
        ("session", ("r0.sigmf-data", "soon.sigmf-data")),
    ]


def test_a_session_in_two_splits_leaks(tmp_path: Path, record: Record, noise: Noise) -> None:
    for number in range(8):
        record(tmp_path / f"r{number}", tone(noise(number, 1, sigma=5)), time_ns=T0 + number)
    build(tmp_path)
    split(tmp_path, "recording")
    (leak,) = audit(tmp_path).findings
    assert (leak.kind, len(leak.recordings)) == ("leak", 8) and "session" in leak.text


def test_what_recordings_do_not_say_is_listed(tmp_path: Path, shared_iq: Path) -> None:
    for suffix in (".sigmf-meta", ".sigmf-data"):
        name = "lte-fdd10-796M-hackrf" + suffix
        (tmp_path / name).symlink_to(shared_iq / name)
    build(tmp_path)
    result = audit(tmp_path)
    assert not_checked(result, "gain in 1 recordings") and not_checked(result, "no time")
    (clipping,) = result.findings
    assert clipping.kind == "clipping" and "%" in clipping.text


def test_the_summary_adds_up(clean: Path, record: Record, noise: Noise) -> None:
    record(clean / "gap", noise(30, 1), noise(31, 1.5), lost=16000, center=5e9, rate=1e6)
    build(clean)
    whole = summarise(clean).whole
    assert (whole.recordings, whole.slices, whole.gaps) == (7, 14, 1)
    assert whole.seconds == pytest.approx(0.016 * 14.5)
    assert whole.span == pytest.approx(0.016 * 15.5)
    summary = summarise(clean)
    assert summary.parts.keys() == {"band", "rate", "device", "session"}
    assert set(summary.parts["band"]) == {"2439.5-2440.5 MHz", "4999.5-5000.5 MHz"}
    gap = summary.parts["band"]["4999.5-5000.5 MHz"]
    assert (gap.recordings, gap.slices, gap.gaps) == (1, 2, 1)
    for parts in summary.parts.values():
        assert sum(part.seconds for part in parts.values()) == pytest.approx(whole.seconds)
    assert summary.statistics.counts.sum() == 14 * 224 * 224
