"""`radiofm annotate`: real graphs over real files; what it writes can be opened by others."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from sigmf.sigmffile import fromfile
from typer.testing import CliRunner

from radiofm.bundle import load_bundle
from radiofm.cli import commands
from radiofm.errors import BundleError, RecordingError, UsageError
from radiofm.recording import Recording
from radiofm.spectrogram import Spectrogram
from radiofm.wire import SPECTROGRAM
from radiofm_services.annotate import annotator as engine
from radiofm_services.annotate.annotator import AnnotateConfig, Annotator
from radiofm_services.annotate.bulk import annotate, recordings_in
from radiofm_services.encoder import Encoder
from radiofm_services.heads import head_set, load_head
from radiofm_services.passes import answers

from ..conftest import LABELS, RATE, SIZE, SPEC, BundleMaker

CENTER = 1e9
OWN = {"core:sample_start": 300, "core:label": "mine", "other:key": [1]}


def record(
    base: Path, slices: float = 12.0, seed: int = 0, info: dict[str, Any] | None = None
) -> Path:
    """Noise that changes its level, with a gap after five slices and a half."""
    rng, count = np.random.default_rng(seed), round(slices * SIZE)
    levels = np.repeat(10 ** rng.uniform(1, 4, count // 64 + 1), 64)[:count]
    samples = np.clip(rng.normal(0, levels[:, None], (count, 2)), -32768, 32767)
    base.parent.mkdir(parents=True, exist_ok=True)
    samples.astype("<i2").tofile(base.with_suffix(".sigmf-data"))
    gap = round(5.5 * SIZE)
    keys = {"core:datatype": "ci16_le", "core:version": "1.2.0", "core:sample_rate": RATE}
    captures = [
        {"core:sample_start": 0, "core:frequency": CENTER},
        {"core:sample_start": gap, "core:global_index": gap + 99, "core:frequency": CENTER},
    ]
    meta = {
        "global": keys | (info or {}),
        "captures": captures if count > gap else captures[:1],
        "annotations": [OWN],
    }
    path = base.with_suffix(".sigmf-meta")
    path.write_text(json.dumps(meta))
    return path


@contextmanager
def opened(bundle: Path, **more: Any) -> Iterator[Annotator]:
    made = Annotator(AnnotateConfig(bundle=bundle, workers=3, backend="scipy", **more))
    try:
        yield made
    finally:
        made.close()


def document(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_what_the_heads_say_slice_by_slice_is_what_is_written(
    bundles: BundleMaker, tmp_path: Path
) -> None:
    bundle, path = bundles(), record(tmp_path / "a")
    with opened(bundle, heads=("classification",)) as annotator:
        report = annotate([path], annotator, tmp_path / "out")
    assert (report.annotated, report.slices, report.samples_seen) == (1, 11, 11 * SIZE)
    recording, opened_bundle = Recording.open(path), load_bundle(bundle)
    encoder, compute = Encoder(opened_bundle), Spectrogram(SPEC, RATE, "scipy")
    heads = head_set({"classification": load_head(opened_bundle, "classification", encoder)})
    expected, gap = [], round(5.5 * SIZE)
    for first, count in ((0, 5), (gap, 6)):
        starts = [first + number * SIZE for number in range(count)]
        said = []
        for start in starts:
            image = compute(recording.read(start, SIZE), recording.full_scale)
            (one,) = answers(encoder, heads, image[None, None], SPECTROGRAM).answers
            said.append(one.result.labels[0])
        for label, group in groupby(range(count), key=lambda number: said[number].label):
            rows = list(group)
            score = float(np.mean([said[row].score for row in rows]))
            if label != "noise":
                expected.append((starts[rows[0]], len(rows) * SIZE, label, round(score, 4)))
    found = Recording.open(tmp_path / "out" / "a.sigmf-meta")
    notes = [note for note in found.annotations if note.core_generator]
    assert expected and expected == [
        (n.core_sample_start, n.core_sample_count, n.core_label, n.radiofm_confidence)
        for n in notes
    ]
    for note in notes:
        edges = (note.core_freq_lower_edge, note.core_freq_upper_edge)
        assert edges == (CENTER - RATE / 2, CENTER + RATE / 2)


def test_it_is_sigmf_that_others_open_and_what_was_there_is_kept(
    bundles: BundleMaker, tmp_path: Path
) -> None:
    extension = {"name": "other", "version": "1.0.0", "optional": True}
    path = record(tmp_path / "a", info={"core:extensions": [extension], "other:kept": {"it": 1}})
    before = path.read_bytes()
    with opened(bundles(), heads=("segmentation", "reconstruction")) as annotator:
        annotate([path], annotator, tmp_path / "out")
    out = tmp_path / "out" / "a.sigmf-meta"
    assert path.read_bytes() == before and not list((tmp_path / "out").glob("*.part"))
    theirs = fromfile(str(out))  # by sigmf-python, with its hash and schema
    theirs.validate()
    assert len(theirs) == 12 * SIZE
    made = document(out)
    assert OWN in made["annotations"] and made["global"]["other:kept"] == {"it": 1}
    assert [one["name"] for one in made["global"]["core:extensions"]] == ["other", "radiofm"]
    starts = [note["core:sample_start"] for note in made["annotations"]]
    assert starts == sorted(starts)
    mask = [n for n in made["annotations"] if "/segmentation@" in n.get("core:generator", "")]
    assert mask and {n["core:label"] for n in mask} == {LABELS["segmentation"][1]}
    for note in made["annotations"]:
        if "core:generator" in note:
            low, high = note["core:freq_lower_edge"], note["core:freq_upper_edge"]
            assert CENTER - RATE / 2 <= low < high <= CENTER + RATE / 2


def test_in_place_it_adds_and_once_more_changes_nothing(
    bundles: BundleMaker, tmp_path: Path
) -> None:
    path = record(tmp_path / "a")
    with opened(bundles()) as annotator:
        assert annotate([path], annotator).annotated == 1
        once = path.read_bytes()
        assert OWN in document(path)["annotations"]
        assert annotate([path], annotator).unchanged == 1
        assert path.read_bytes() == once
        assert annotate([path], annotator, again=True).annotated == 1
        assert path.read_bytes() == once


def test_another_version_of_a_head_takes_the_place_of_the_first(
    bundles: BundleMaker, tmp_path: Path
) -> None:
    path = record(tmp_path / "a")
    for bundle in (bundles(), bundles("new", version="2", seed=4)):
        manifest = (bundle / "bundle.json").read_text()
        (bundle / "bundle.json").write_text(manifest.replace('"name": "new"', '"name": "good"'))
        with opened(bundle, heads=("classification",)) as annotator:
            assert annotate([path], annotator).annotated == 1
            by = annotator.by["classification"]
    with opened(bundles("third"), heads=("segmentation",)) as annotator:
        annotate([path], annotator)
    made = document(path)
    generators = {note.get("core:generator") for note in made["annotations"]}
    assert generators == {None, by, annotator.by["segmentation"]} and "@2+" in by
    assert made["global"]["radiofm:annotated_by"] == [by, annotator.by["segmentation"]]


def test_what_was_stopped_goes_on(bundles: BundleMaker, tmp_path: Path) -> None:
    for number in range(3):
        record(tmp_path / f"in/{number % 2}/{number}", seed=number)
    out, seen = tmp_path / "in" / "out", 2 * 12 * SIZE * 4

    def stop(done: int, total: int) -> None:
        if done > seen // 2 + 4 * SIZE:  # in the second recording
            raise KeyboardInterrupt

    with opened(bundles()) as annotator:
        with pytest.raises(KeyboardInterrupt):
            annotate([tmp_path / "in"], annotator, out, progress=stop)
        files = sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())
        assert files == ["0/0.sigmf-data", "0/0.sigmf-meta"]
        told: list[tuple[int, int]] = []
        report = annotate(
            [tmp_path / "in"], annotator, out, progress=lambda done, of: told.append((done, of))
        )
    assert (report.recordings, report.annotated, report.unchanged) == (3, 2, 1)
    assert told == sorted(told) and told[-1] == (3 * 12 * SIZE * 4,) * 2


def test_few_slices_are_under_way_however_long_the_recording(
    bundles: BundleMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = record(tmp_path / "a", 200)
    reads = most = done = 0
    read = Recording.read

    def counted(self: Recording, start: int, count: int) -> Any:
        nonlocal reads
        reads += 1
        return read(self, start, count)

    def progress(samples: int) -> None:
        nonlocal most, done
        done += 1
        most = max(most, reads - done)

    monkeypatch.setattr(Recording, "read", counted)
    with opened(bundles()) as annotator:
        annotator(Recording.open(path), progress)
    assert reads == 199 and most <= engine.AHEAD * 3


def test_what_cannot_be_annotated_is_one_sentence(bundles: BundleMaker, tmp_path: Path) -> None:
    bundle, path = bundles(), record(tmp_path / "a")
    with pytest.raises(BundleError, match="head regression of bundle good gives spectrograms no"):
        Annotator(AnnotateConfig(bundle=bundle, heads=("regression",)))
    with pytest.raises(BundleError, match="bundle numbers has no head that gives"):
        Annotator(AnnotateConfig(bundle=bundles("numbers", tasks=("regression",))))
    with tarfile.open(tmp_path / "a.sigmf", "w") as tar:
        tar.add(path, "a.sigmf-meta")
    record(tmp_path / "short", 0.7)
    record(tmp_path / "listed", info={"core:collection": "all"})
    (tmp_path / "all.sigmf-collection").write_text("{}")
    names = [tmp_path / name for name in ("gone", "a.sigmf", "short", "listed", "a")]
    with opened(bundle) as annotator:
        report = annotate(names, annotator)
        assert report.annotated == 1
        gone, archive, short, listed = report.unread.values()
        assert gone.startswith("no recording") and "radiofm corpus import" in archive
        assert "has no 1 ms without a gap" in short and "annotate it with --out" in listed
        annotate([tmp_path / "listed.sigmf-data"], annotator, tmp_path / "out")
        assert "core:collection" not in document(tmp_path / "out/listed.sigmf-meta")["global"]
        other = record(tmp_path / "other/listed")
        (reason,) = annotate([other], annotator, tmp_path / "out").unread.values()
        assert "is of another recording" in reason
        with pytest.raises(UsageError, match="2 recordings would be written to"):
            annotate([tmp_path / "listed", other], annotator, tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no recordings are in"):
        recordings_in([tmp_path / "empty"], None)


def test_a_recording_that_is_being_written_is_left_alone(
    bundles: BundleMaker, tmp_path: Path
) -> None:
    path = record(tmp_path / "a")
    path.with_suffix(".sigmf-journal").touch()
    with opened(bundles()) as annotator, pytest.raises(RecordingError, match="is open or was cut"):
        annotator(Recording.open(path))


def test_real_air_by_the_shipped_bundle(shared_iq: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    commands.register(app)
    name = "lte-796M-rtlsdr-1.92M"
    arguments = ["annotate", "nano", str(shared_iq / f"{name}.sigmf-meta"), "--json"]
    arguments += ["--out", str(tmp_path / "out"), "--backend", "scipy"]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    line = json.loads(done.stdout)
    assert done.exit_code == 0 and line["annotated"] == 1 and line["coverage"] > 0.9
    assert line["slices"] == 5 and line["annotations"]["ofdm"] >= 1
    found = Recording.open(tmp_path / "out" / f"{name}.sigmf-meta")
    (longest,) = (n for n in found.annotations if n.core_label == "ofdm")
    assert longest.core_sample_count == 5 * 30720
    again = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert json.loads(again.stdout)["unchanged"] == 1
    assert CliRunner().invoke(app, [*arguments, "--in-place"]).exit_code != 0
    missing = CliRunner().invoke(app, [*arguments, str(tmp_path / "gone")])
    assert missing.exit_code == 1 and json.loads(missing.stdout)["unread"]
