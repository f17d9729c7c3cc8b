"""The sheet of all waveforms."""

from __future__ import annotations

from pathlib import Path

import pytest

from radiofm.errors import UsageError
from radiofm_capture.scenes import sheet
from radiofm_capture.scenes.family_draws import FAMILY_DRAWS


def test_every_family_has_a_panel() -> None:
    assert set(sheet.PANELS) == set(FAMILY_DRAWS)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_panels_are_drawn(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {name: sheet.PANELS[name] for name in ("zigbee", "fm")}
    monkeypatch.setattr(sheet, "PANELS", few)
    titles: list[str] = []
    out = tmp_path / f"sheet.{suffix}"
    assert sheet.save_sheet(out, [], titles.append) == 2
    assert titles == ["zigbee", "fm"]
    assert out.read_bytes()[:3] in (b"\x89PN", b"\xff\xd8\xff")


def test_recordings_are_drawn_beside(
    shared_iq: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet, "PANELS", {})
    titles: list[str] = []
    recordings = sorted(shared_iq.glob("*.sigmf-meta"))
    assert sheet.save_sheet(tmp_path / "sheet.png", recordings, titles.append) == len(recordings)
    assert all(title.startswith("REAL ") for title in titles)


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a sheet is a \.png or a \.jpg"):
        sheet.save_sheet(tmp_path / "sheet.gif", [])
