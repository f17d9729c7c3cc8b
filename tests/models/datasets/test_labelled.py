"""Recordings in a folder a class, and in a list."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radiofm.errors import RadiofmError
from radiofm.recording import Recording
from radiofm.spectrogram import Spectrogram, SpectrogramSpec
from radiofm_models.datasets.labelled import Labelled
from tests.models.datasets.recordings import RATE, SLICE, recording

SPEC = SpectrogramSpec(window_size=64, hop=64, fft_size=64, height=16, width=32)


def test_a_folder_a_class_of_pairs_and_raw_files(tmp_path: Path) -> None:
    first = recording(tmp_path / "tone/a", 2.5, tone=0.7)
    recording(tmp_path / "noise/day1/b", 3, seed=1)
    raw = tmp_path / "noise/g1_100k.cs16"  # at the rate that its name says
    np.zeros((SLICE, 2), "<i2").tofile(raw)
    data = Labelled(tmp_path, spec=SPEC)
    assert data.labels == ("noise", "tone") and data.classes is not None
    assert data.classes.tolist() in ([1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 0])
    assert data.groups is not None and len(set(data.groups.tolist())) == 3
    row = int(np.flatnonzero(data.classes == 1)[1])
    values, label = data.item(row)
    opened = Recording.open(first)
    expected = Spectrogram(SPEC, RATE).decibels(opened.read(SLICE, SLICE), opened.full_scale)
    assert label == 1 and np.array_equal(values, expected[None])
    assert data.describe()["classes"] == {"noise": 4, "tone": 2}


def test_a_list_of_labels_with_parts_and_groups(tmp_path: Path) -> None:
    recording(tmp_path / "a", 4)
    recording(tmp_path / "b", 2)
    (tmp_path / "labels.csv").write_text(
        "file,label,group,start_s,stop_s\na,on,roof,0,0.032\na,off,roof,0.032,\nb,off,,,\n"
    )
    data = Labelled(tmp_path, spec=SPEC)
    assert data.classes is not None and data.groups is not None
    assert [data.labels[c] for c in data.classes] == ["on", "on", "off", "off", "off", "off"]
    assert data.groups.tolist() == ["roof"] * 4 + ["b"] * 2
    later = data.item(2)[0]
    opened = Recording.open(tmp_path / "a.sigmf-meta")
    expected = Spectrogram(SPEC, RATE).decibels(opened.read(2 * SLICE, SLICE), 32768)
    assert np.array_equal(later[0], expected)


def test_a_list_of_numbers(tmp_path: Path) -> None:
    recording(tmp_path / "a", 2)
    recording(tmp_path / "b", 1)
    (tmp_path / "labels.csv").write_text("\ufefffile,x,y\na.sigmf-meta,1.5,-2\nb,0,3e2\n")
    data = Labelled(tmp_path, "numbers", SPEC)
    assert data.target == "x, y" and data.targets is not None and data.classes is None
    assert data.targets.tolist() == [[1.5, -2], [1.5, -2], [0, 300]]
    label = data.item(2)[1]
    assert np.asarray(label).tolist() == [0, 300]
    one = data.fingerprint()
    (tmp_path / "labels.csv").write_text("\ufefffile,x,y\na.sigmf-meta,1.6,-2\nb,0,3e2\n")
    assert Labelled(tmp_path, "numbers", SPEC).fingerprint() != one


@pytest.mark.parametrize(
    ("text", "target", "says"),
    [
        ("name,label\na,x\n", "class", "names no column file"),
        ("file,label,label\na,x,y\n", "class", "a column has no name, or that of another"),
        ("file,label\n", "class", "it lists nothing"),
        ("file,label\na\n", "class", "line 2 is not as long as the first"),
        ("file,label\na,x,y\n", "class", "line 2 is not as long as the first"),
        ("file,label\n,x\n", "class", "line 2 names no file"),
        ("file,label\na,\n", "class", "no column label, or not all of it filled in"),
        ("file,x\na,1\n", "class", "no column label"),
        ("file,x\na,far\n", "numbers", "line 2: x 'far' is no number"),
        ("file,x\na,nan\n", "numbers", "line 2: x 'nan' is no number"),
        ("file,label\na,x\n", "numbers", r"has no numbers: give it a labels\.csv"),
        ("file,label,start_s,stop_s\na,x,2,1\n", "class", "line 2 is of 2 to 1 s"),
        ("file,label\ngone,x\n", "class", "no recording .*gone"),
        ("file,label,start_s\na,x,0.02\n", "class", "none of its 1 recordings has 16 ms"),
        ("file,label\na,x\n", "mask", "a label there is of a whole recording, no mask"),
    ],
)
def test_a_wrong_list_is_one_sentence(text: str, target: str, says: str, tmp_path: Path) -> None:
    recording(tmp_path / "a", 2)
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(RadiofmError, match=says) as raised:
        Labelled(tmp_path, target, SPEC)  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)


def test_folders_that_do_not_tell(tmp_path: Path) -> None:
    with pytest.raises(RadiofmError, match="it has no recordings"):
        Labelled(tmp_path)
    recording(tmp_path / "fm/a", 2)
    recording(tmp_path / "b", 2)
    with pytest.raises(RadiofmError, match="b.sigmf-data is in no folder that names its class"):
        Labelled(tmp_path)
