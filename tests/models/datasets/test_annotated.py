"""SigMF annotations as classes, masks and presence, by hand-worked boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radiofm.errors import RadiofmError, RecordingError, UsageError
from radiofm.recording import Recording
from radiofm.spectrogram import SpectrogramSpec
from radiofm_models.datasets.annotated import Annotated
from radiofm_models.datasets.boxes import Box, Boxes, boxes_of, dominant
from radiofm_models.datasets.opening import open_source
from tests.models.datasets.recordings import CENTER, RATE, SLICE, note, recording

SPEC = SpectrogramSpec(window_size=64, hop=64, fft_size=64, height=16, width=32)


def test_classes_masks_and_presence_of_the_same_boxes(tmp_path: Path) -> None:
    """Slice 0: all of the lowest quarter for half the time; slice 1: that and a small box on it;
    slice 2: nothing."""
    notes = [
        note("wide", 0, SLICE // 2, 0, 0.25),
        note("thin", SLICE + 100, 200, 0.125, 0.25),
        note("wide", SLICE, SLICE // 2, 0, 0.25),
    ]
    recording(tmp_path / "a", 3.5, notes)
    classes = Annotated(tmp_path, spec=SPEC)
    assert classes.labels == ("noise", "wide")  # thin is nowhere the most
    assert classes.classes is not None and classes.classes.tolist() == [1, 1, 0]
    values, label = classes.item(0)
    assert values.shape == (1, 16, 32) and values.dtype == np.float32 and label == 1

    masks = Annotated(tmp_path, "mask", SPEC)
    assert masks.labels == ("noise", "thin", "wide")
    first, second, third = (np.asarray(masks.item(row)[1]) for row in range(3))
    assert first.dtype == np.uint8 and first.shape == (16, 32)
    assert (first[:4, :16] == 2).all() and np.count_nonzero(first) == 4 * 16
    # samples 100 to 300 of 1600: cells whose centres are in 2 to 6 of 32; rows 2 and 3 of 16
    assert (second[2:4, 2:6] == 1).all() and np.count_nonzero(second == 1) == 2 * 4
    assert np.count_nonzero(second == 2) == 4 * 16 - 8 and not third.any()

    presence = Annotated(tmp_path, "presence", SPEC)
    assert presence.labels == ("thin", "wide")
    assert presence.targets is not None
    assert presence.targets.tolist() == [[0, 1], [1, 1], [0, 0]]
    assert len({data.fingerprint() for data in (classes, masks, presence)}) == 3


def test_the_image_is_where_the_box_is(tmp_path: Path) -> None:
    recording(tmp_path / "a", 1, [note("tone", 0, None, 0.75, 0.8125)], tone=0.78)
    data = Annotated(tmp_path, "mask", SPEC)
    image, mask = data.item(0)
    assert np.all(np.asarray(mask)[12] == 1) and np.count_nonzero(np.asarray(mask)) == 32
    assert image[0].mean(axis=1).argmax() == 12


def test_told_powers_decide_before_areas() -> None:
    wide = Box("wide", 0, 100, 0.0, 1.0, -50.0, None)
    thin = Box("thin", 0, 100, 0.0, 0.1, -30.0, None)
    assert dominant([wide, thin]) == "thin"
    assert dominant([wide, thin._replace(power_dbfs=None)]) == "wide"
    assert dominant([wide, thin._replace(power_dbfs=-50.0)]) == "thin"  # the first in the alphabet
    assert dominant([]) == dominant([wide._replace(label="noise")]) == "noise"
    # two parts of one label are counted together
    assert dominant([thin, wide._replace(power_dbfs=-33.1)]) == "thin"
    half = wide._replace(power_dbfs=-32.9, stop=100)
    assert dominant([thin, half, half]) == "wide"


def test_a_sliver_from_outside_is_left_out_but_not_a_short_burst() -> None:
    box = Box("x", 90, 110, 0.0, 1.0, None, None)
    boxes = Boxes([box, box._replace(start=50, stop=52)])
    assert [part.start for part in boxes.within(0, 100, 5)] == [50]  # a column is 20, 10 reach in
    assert [part.stop for part in boxes.within(0, 100, 10)] == [100, 52]
    assert boxes.within(200, 100, 10) == []


def test_without_count_or_edges(tmp_path: Path) -> None:
    captures = [
        {"core:sample_start": 0, "core:frequency": CENTER},
        {"core:sample_start": 2 * SLICE, "core:frequency": CENTER + RATE},
    ]
    notes = [
        {"core:sample_start": SLICE},
        note("up", 0, 4 * SLICE, 1.0, 1.5),  # in the second capture it is the lower half
    ]
    path = recording(tmp_path / "a", 4, notes, captures)
    first, second = boxes_of(Recording.open(path))
    assert first == [Box("signal", SLICE, 2 * SLICE, 0.0, 1.0, None, None)]
    (box,) = second
    assert (box.label, box.start, box.stop) == ("up", 2 * SLICE, 4 * SLICE)
    assert (box.low, box.high) == pytest.approx((0.0, 0.5))
    data = Annotated(tmp_path, spec=SPEC)
    assert data.classes is not None
    assert [data.labels[c] for c in data.classes] == ["noise", "signal", "up", "up"]


def test_slices_do_not_cross_a_gap_and_groups_are_recordings(tmp_path: Path) -> None:
    gap = [
        {"core:sample_start": 0, "core:frequency": CENTER, "core:global_index": 0},
        {"core:sample_start": 2400, "core:frequency": CENTER, "core:global_index": 9000},
    ]
    recording(tmp_path / "deep/b", 3, [note("x", 0, None, 0, 1)], gap)
    recording(tmp_path / "a", 2, [note("x", 0, None, 0, 1, snr_db=12.0)])
    data = Annotated(tmp_path, spec=SPEC)
    assert data.groups is not None and len(data) == 4
    names = [Path(group).name.split(".")[0] for group in data.groups]
    assert sorted(names) == ["a", "a", "b", "b"]
    assert data.snr_db is not None and sorted(data.snr_db[np.isfinite(data.snr_db)]) == [12, 12]
    assert data.describe()["snr_db"] == [12.0, 12.0]


def test_a_changed_label_is_another_set(tmp_path: Path) -> None:
    recording(tmp_path / "a", 2, [note("fm", 0, None, 0, 1)])
    one = Annotated(tmp_path, spec=SPEC).fingerprint()
    recording(tmp_path / "a", 2, [note("am", 0, None, 0, 1)])
    assert Annotated(tmp_path, spec=SPEC).fingerprint() != one
    other = SPEC.model_copy(update={"resize": "bicubic"})
    statistics = SPEC.model_copy(update={"mean": 0.3})
    same = Annotated(tmp_path, spec=SPEC).fingerprint()
    assert Annotated(tmp_path, spec=statistics).fingerprint() == same
    assert Annotated(tmp_path, spec=other).fingerprint() != same


def test_what_nobody_looked_at_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recording(tmp_path / "a", 2, [note("fm", 0, None, 0, 1)])
    recording(tmp_path / "b", 2)
    recording(tmp_path / "c", 0.5, [note("fm", 0, None, 0, 1)])
    assert len(Annotated(tmp_path, spec=SPEC)) == 2
    assert "1 recordings without annotations are left out" in caplog.text
    assert "1 recordings under 16 ms are left out" in caplog.text


def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="it is no folder"):
        Annotated(tmp_path / "gone")
    recording(tmp_path / "bare/a", 2)
    with pytest.raises(RecordingError, match="none of its 1 SigMF recordings is annotated"):
        Annotated(tmp_path / "bare")
    recording(tmp_path / "short/a", 0.5, [note("fm", 0, None, 0, 1)])
    with pytest.raises(RecordingError, match="none of its 1 recordings has 16 ms without a gap"):
        Annotated(tmp_path / "short")
    recording(tmp_path / "away/a", 2, [note("fm", 0, None, 5, 6)])
    with pytest.raises(RecordingError, match="none of its 1 annotations is in what was recorded"):
        Annotated(tmp_path / "away")
    recording(tmp_path / "turned/a", 2, [note("fm", 0, None, 0.6, 0.4)])
    with pytest.raises(RecordingError, match="exchange its edges"):
        Annotated(tmp_path / "turned")
    recording(tmp_path / "noise/a", 2, [note("noise", 0, None, 0, 1)])
    with pytest.raises(RecordingError, match="its annotations name no signal"):
        Annotated(tmp_path / "noise", "presence", SPEC)
    with pytest.raises(UsageError, match=r"annotations have no numbers: list them in labels\.csv"):
        Annotated(tmp_path / "noise", "numbers")
    data = Annotated(tmp_path / "noise", spec=SPEC)
    (tmp_path / "noise/a.sigmf-data").unlink()
    with pytest.raises(RadiofmError, match="has no data"):
        data.item(0)


def test_what_a_folder_is_its_files_tell(tmp_path: Path) -> None:
    recording(tmp_path / "flat/a", 2, [note("fm", 0, None, 0, 1)])
    recording(tmp_path / "nested/fm/a", 2, [note("fm", 0, None, 0, 1)])
    assert open_source(str(tmp_path / "flat"), "class", SPEC).name == "annotated"
    assert open_source(str(tmp_path / "nested"), "class", SPEC).name == "labelled"
    assert open_source(f"annotated:{tmp_path / 'nested'}", "class", SPEC).name == "annotated"
    assert open_source(str(tmp_path / "nested"), "mask", SPEC).name == "annotated"
    assert open_source(str(tmp_path / "nested"), "presence").spec == SpectrogramSpec()
    (tmp_path / "flat/labels.csv").write_text("file,label\na,am\n")
    assert open_source(str(tmp_path / "flat"), "class", SPEC).labels == ("am",)
    with pytest.raises(UsageError, match="is no corpus"):
        open_source(str(tmp_path / "flat"))
    with pytest.raises(UsageError, match="and holds no recordings: name one"):
        open_source(str(tmp_path / "gone"), "class")
