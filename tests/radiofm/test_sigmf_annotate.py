"""Annotations added to metadata: of others nothing is lost, of one's own nothing is doubled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from radiofm.errors import RecordingError
from radiofm.sigmf_annotate import BY, Target, annotated
from radiofm.sigmf_meta import Annotation

HEAD = "radiofm annotate nano/signals@"


def foreign(start: int, number: int) -> dict[str, Any]:
    return {"core:sample_start": start, "their:number": number, "core:generator": "them"}


def note(start: int, version: int) -> Annotation:
    return Annotation(
        core_sample_start=start, core_label="fm", core_generator=f"{HEAD}{version}",
        radiofm_confidence=0.5,
    )  # fmt: skip


STARTS = st.lists(st.integers(0, 50), max_size=6)


@given(STARTS, STARTS, STARTS)
@example([3, 3, 1], [3, 2], [])
def test_others_stay_and_ones_own_give_way(
    theirs: list[int], old: list[int], new: list[int]
) -> None:
    before: dict[str, Any] = {
        "global": {"core:datatype": "ci8", BY: ["else@1"]},
        "annotations": [foreign(start, number) for number, start in enumerate(theirs)],
        "their:top": [1],
    }
    once = annotated(before, [note(start, 1) for start in old], [f"{HEAD}1"])
    twice = annotated(once, [note(start, 2) for start in new], [f"{HEAD}2"])
    assert twice == annotated(twice, [note(start, 2) for start in new], [f"{HEAD}2"])
    assert twice == annotated(before, [note(start, 2) for start in new], [f"{HEAD}2"])
    found = twice["annotations"]
    assert [n for n in found if n["core:generator"] == "them"] == sorted(
        before["annotations"], key=lambda n: n["core:sample_start"]
    )
    assert sorted(n["core:sample_start"] for n in found if n["core:generator"] != "them") == sorted(
        new
    )
    assert [n["core:sample_start"] for n in found] == sorted(theirs + new)
    assert twice["global"][BY] == ["else@1", f"{HEAD}2"] and twice["their:top"] == [1]
    assert before["global"] == {"core:datatype": "ci8", BY: ["else@1"]}


def pair(base: Path) -> Path:
    base.parent.mkdir(parents=True, exist_ok=True)
    base.with_name(base.name + ".sigmf-data").write_bytes(bytes(8))
    meta = base.with_name(base.name + ".sigmf-meta")
    meta.write_text(json.dumps({"global": {"core:datatype": "ci8", "core:sample_rate": 1.0}}))
    return meta


def test_what_is_there_when_it_is_written_counts(tmp_path: Path) -> None:
    """A person annotates, too, while the heads look."""
    meta = pair(tmp_path / "a")
    target = Target.in_place(meta)
    assert target.annotated_by() == frozenset()
    document = json.loads(meta.read_text())
    meta.write_text(json.dumps(document | {"annotations": [foreign(1, 0)]}))
    target.write([note(0, 1)], [f"{HEAD}1"])
    found = json.loads(meta.read_text())
    assert [n["core:generator"] for n in found["annotations"]] == [f"{HEAD}1", "them"]
    assert target.annotated_by() == {f"{HEAD}1"} and len(list(tmp_path.iterdir())) == 2


def test_beside_a_link_what_was_written_before_is_gone_on_with(tmp_path: Path) -> None:
    meta = pair(tmp_path / "in" / "a.b")
    for name in ("one@1", "two@1"):
        target = Target.in_folder(meta.with_suffix(".sigmf-data"), tmp_path / "out")
        target.write([], [name])
    link = tmp_path / "out" / "a.b.sigmf-data"
    assert link.is_symlink() and link.read_bytes() == bytes(8)
    assert not Path(link.readlink()).is_absolute()
    assert target.annotated_by() == {"one@1", "two@1"} and BY not in meta.read_text()


def test_what_is_anothers_is_not_overwritten(tmp_path: Path) -> None:
    meta = pair(tmp_path / "in" / "a")
    pair(tmp_path / "out" / "a")
    with pytest.raises(RecordingError, match="is of another recording: name another --out"):
        Target.in_folder(meta, tmp_path / "out")
    (tmp_path / "out" / "a.sigmf-data").unlink()
    with pytest.raises(RecordingError, match="exists: name another --out FOLDER"):
        Target.in_folder(meta, tmp_path / "out")
    (tmp_path / "full").touch()
    with pytest.raises(RecordingError, match="could not be written"):
        Target.in_folder(meta, tmp_path / "full").write([], [])
    meta.write_text("{")
    with pytest.raises(RecordingError, match="is not valid JSON"):
        Target.in_place(meta)
