"""The doctor runs the bundle that will be served."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from radiofm_services.doctor import inference_speed


def test_the_bundles_speed(bundles: Any) -> None:
    (found,) = inference_speed(Path(str(bundles())))
    assert "good with 4 heads" in found.seen and "of real time" in found.seen
    assert found.state in ("ok", "warn")


def test_an_altered_bundle_is_a_failure(bundles: Any) -> None:
    folder = Path(str(bundles()))
    with (folder / "trunk.onnx").open("ab") as file:
        file.write(b"\0")
    (found,) = inference_speed(folder)
    assert found.state == "fail" and "trunk.onnx" in found.seen and found.remedy


def test_without_the_extra_it_says_nothing(bundles: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert not list(inference_speed(Path(str(bundles()))))
