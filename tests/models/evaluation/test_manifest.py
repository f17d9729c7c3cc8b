"""A manifest of recordings: what it says, what it lets conclude, and what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from radiofm.errors import UsageError
from radiofm_models.evaluation.manifest import Known, Rows, read_manifests


def written(folder: Path, *recordings: dict[str, Any], name: str = "manifest.json") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps({"recordings": recordings, "about": "ours"}))
    return folder / name


def known(folder: Path, **entry: Any) -> Known:
    (one,) = read_manifests([written(folder, {"recording": "a", **entry})])
    return one


@pytest.mark.parametrize(
    ("entry", "holds"),
    [
        ({"technology": "lora"}, ("lora",)),
        ({"technology": ["lte", "gsm"], "known": "802.11"}, ("lte", "gsm")),
        ({"truth_cells": [{"nrb": 50}], "known": "5G NR"}, ("lte",)),
        ({"truth_cells": [{"pci": 5, "ssb_center_hz": 1e9}, {"nrb": 6}]}, ("nr", "lte")),
        ({"truth_cells": [{"bw_mhz": 0.2}], "known": "GSM"}, ("gsm",)),
        ({"truth_cells": [], "known": "receiver noise only (no LTE cell found)"}, ("noise",)),
        ({"truth_cells": None, "known": "over-the-air 802.11n packets"}, ("wifi",)),
        ({"known": "Mode S/ADS-B; LTE beside it"}, ("lte", "adsb")),
        ({"known": "a bolted canoe, inroads"}, ()),
        ({}, ()),
    ],
)
def test_what_a_recording_holds(tmp_path: Path, entry: dict[str, Any], holds: tuple[str]) -> None:
    assert known(tmp_path, **entry).technologies == holds


def test_what_people_are_told_of_it(tmp_path: Path) -> None:
    cells = [{"duplex": "TDD", "nrb": 100, "bw_mhz": 20}, {"duplex": "FDD", "nrb": 50}]
    assert known(tmp_path, truth_cells=cells).holds == "lte TDD 20 MHz"
    assert known(tmp_path, technology=["gsm", "fm"], bandwidth_hz=2e5).holds == "gsm, fm 0.2 MHz"
    assert known(tmp_path).holds == ""


def test_rows_of_cells_are_their_occupied_band(tmp_path: Path) -> None:
    """50 blocks are 9 MHz, less 0.2 at each edge; an SSB at 30 kHz is 7.2 MHz wide."""
    cell = {"nrb": 50, "freq_offset_hz": 6e3}
    lte = Rows(technology="lte", low_hz=-4.294e6, high_hz=4.306e6)
    assert known(tmp_path, truth_cells=[cell, {"pci": 7} | cell]).rows(None) == (lte,)
    ssb = known(tmp_path, truth_cells=[{"ssb_center_hz": 3.5e9, "scs": 30}])
    nr = Rows(technology="nr", low_hz=-13.6e6, high_hz=-6.4e6)
    assert ssb.rows(3.51e9) == (nr,)
    assert ssb.rows(None) == () and ssb.technologies == ("nr",)
    assert known(tmp_path, technology="lte", bandwidth_hz=10e6).rows(None) == (
        Rows(technology="lte", low_hz=-4.3e6, high_hz=4.3e6),
    )
    assert known(tmp_path, technology="lte", bandwidth_hz=2e5).rows(None) == ()
    (noise,) = known(tmp_path, technology="noise").rows(None)
    assert noise.technology == "noise" and noise.low_hz < -1e12 and noise.high_hz > 1e12


def test_a_later_manifest_adds_to_what_is_known(tmp_path: Path) -> None:
    first = written(tmp_path / "air", {"recording": "a", "known": "LTE"}, {"recording": "b"})
    rows = [{"technology": "noise", "low_hz": 1, "high_hz": 2}]
    more = written(tmp_path / "mine", {"recording": "b", "rows": rows}, {"recording": "c"})
    a, b, c = read_manifests([first.parent, more])
    assert (a.technologies, a.path) == (("lte",), tmp_path / "air" / "a")
    assert b.path == tmp_path / "air" / "b" and b.rows(None)[0].technology == "noise"
    assert c.path == tmp_path / "mine" / "c"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "manifest.json: the file: Invalid JSON"),
        ("{}", "recordings: Field required"),
        ('{"recordings": []}', "recordings: .*at least 1"),
        ('{"recordings": [{}]}', r"recordings\.0\.recording: Field required"),
        ('{"recordings": [{"recording": "a", "sample_rate_hz": 0}]}', "sample_rate_hz: .*greater"),
        (
            '{"recordings": [{"recording": "a", "rows": '
            '[{"technology": "lte", "low_hz": 2, "high_hz": 1}]}]}',
            r"rows\.0: .*low_hz 2 is not below high_hz 1",
        ),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(UsageError, match=says) as raised:
        read_manifests([tmp_path])
    assert "\n" not in str(raised.value)


def test_a_manifest_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name a manifest, or the folder of a manifest.json"):
        read_manifests([tmp_path])
