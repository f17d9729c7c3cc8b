"""The services as commands: one sentence for a mistake, a closing account, nothing left behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from radiofm.cli import heads
from radiofm.cli.infer import infer
from radiofm.cli.spectrogram import spectrogram
from radiofm.errors import RadiofmError
from radiofm_services.control import UnloadHead, ask

RADIOFM = [sys.executable, "-m", "radiofm"]
SIZE = 256


@pytest.fixture
def radiofm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Starts commands in a runtime folder of their own; all are ended with the test."""
    monkeypatch.setenv("RADIOFM_RUNTIME_DIR", str(tmp_path))
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        started.append(
            subprocess.Popen([*RADIOFM, *arguments], stdout=pipe, stderr=pipe, text=True)
        )
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def closing(process: subprocess.Popen[str], code: int = 0) -> dict[str, Any]:
    out, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    report: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    return report


def test_the_chain_by_commands(radiofm: Any, radio: Any, bundles: Any, tmp_path: Path) -> None:
    bundle = str(bundles())
    service = radiofm("infer", "--json", "--policy", "lossless", "--bundle", bundle)
    worker = radiofm(
        "spectrogram", "--json", "--policy", "lossless", "--readers", "1", "--bundle", bundle,
        "--iq", f"ipc://{tmp_path}/iq",
    )  # fmt: skip
    assert radio.publisher.wait_for_subscribers("iq", 1, 30)
    for k in range(0, 40, 2):
        radio.send(k * SIZE, (k + 1) * SIZE)
    reply = ask(f"ipc://{tmp_path}/infer-control", UnloadHead(name="reconstruction"))
    assert [head.name for head in reply.heads] == ["classification", "segmentation", "regression"]
    radio.say("running", 40 * SIZE)
    worker.send_signal(signal.SIGTERM)  # in its turn the worker's last word ends the service
    cut, inferred = closing(worker), closing(service)
    assert cut["samples_received"] == cut["samples_lost"] == 20 * SIZE
    assert cut["samples_span"] == inferred["samples_span"] == 40 * SIZE
    assert (cut["slices"], cut["slices_made"], cut["slices_untaken"]) == (40, 20, 20)
    assert (inferred["slices"], inferred["slices_inferred"]) == (40, 20)
    assert inferred["coverage"] == 0.5
    assert "reconstruction" not in inferred["heads"]


def test_mistakes_are_one_sentence(
    bundles: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RADIOFM_RUNTIME_DIR", str(tmp_path))
    good = str(bundles())
    mistakes: dict[str, Callable[[], None]] = {
        "no readable bundle.json": lambda: infer(bundle="./nowhere"),
        "is no folder, and there are": lambda: spectrogram(bundle="atlantis"),
        "spec 'x' is unknown: take one of table-i": lambda: spectrogram(spec="x"),
        "head 'x' is not in bundle good": lambda: infer(bundle=good, heads=["x"]),
        "start `radiofm capture`": lambda: spectrogram(bundle=good, wait="0.1s"),
        "is `radiofm infer` running": heads.list_,
        "cannot be the name of a head": lambda: heads.unload("../x"),
        "policy cannot be 'some'": lambda: infer(bundle=good, policy="some"),
    }
    for sentence, call in mistakes.items():
        with pytest.raises(RadiofmError) as error:
            call()
        assert sentence in str(error.value)
        assert "\n" not in str(error.value)
