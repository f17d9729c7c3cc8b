"""The link is measured before it is relied upon; `auto` follows what was measured."""

from __future__ import annotations

import json
import threading
import time
from ctypes.util import find_library
from importlib.util import find_spec
from typing import Any

import pytest
from typer.testing import CliRunner

from radiofm.errors import UsageError
from radiofm.settings import CaptureSettings
from radiofm_capture.device import Tuning
from radiofm_capture.pluto_link import Link, LinkTest, probe_tuning, rates_up_to
from radiofm_capture.session import open_session
from radiofm_capture.virtual_pluto import VirtualPluto

needs_libiio = pytest.mark.skipif(
    not (find_spec("adi") and find_library("iio")),
    reason="needs pyadi-iio and libiio0 (pip install 'radiofm[pluto]', apt-get install libiio0)",
)


class Narrow:
    """A source behind a link of at most 3 MS/s."""

    def __init__(self, counter: Any) -> None:
        self._read, self.prepare = counter.read, counter.prepare

    def read(self, start: int, count: int, center: float, rate: float) -> Any:
        time.sleep(count / 3e6)
        return self._read(start, count, center, rate)


def auto(server: VirtualPluto, rate: float, **more: Any) -> CaptureSettings:
    return CaptureSettings.model_validate(
        {"uri": server.uri, "rate": rate, "mode": "auto", "publish": "none", **more}
    )


@needs_libiio
def test_auto_takes_bursts_where_the_link_is_too_slow(
    counter: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with VirtualPluto(Narrow(counter)) as server:
        settings = auto(server, 12e6, fc=2.44e9, burst_slices=2, bursts=2)
        with open_session(settings, threading.Event()) as session:
            session.daemon.run()
            status = session.daemon.status("ended", session.daemon.ledger.account())
    report = session.taking.report()
    assert report["mode"] == "burst" and 0.2 < report["link_msps"] < 3
    assert "of 12 MS/s: bursts, with untaken air between" in caplog.text
    assert status.note.startswith("the link carries") and status.gauges["bursts"] == 2
    account = session.daemon.ledger.account()
    assert account.received == 4 * 192_000 and account.lost == 0 and account.untaken >= 192_000


@needs_libiio
def test_auto_streams_where_the_link_carries_it(counter: Any) -> None:
    with (
        VirtualPluto(counter) as server,
        open_session(auto(server, 1e6, fc=2.44e9, duration=0.1), threading.Event()) as session,
    ):
        session.daemon.run()
    report = session.taking.report()
    assert report["mode"] == "stream" and report["link_msps"] == pytest.approx(1, rel=0.1)
    assert session.daemon.ledger.account().untaken == 0


@needs_libiio
def test_a_plan_streams_and_bursts_as_the_link_allows(counter: Any, tmp_path: Any) -> None:
    plan = tmp_path / "two.toml"
    dwell = "[[dwell]]\nfc = 2.44e9\nrate = {}\nslices = 3\ngain = 40\n"
    plan.write_text("".join(dwell.format(rate) for rate in (1e6, 12e6, 20e6)))
    with VirtualPluto(Narrow(counter)) as server:
        settings = auto(server, 1e6).model_copy(update={"rate": None, "plan": str(plan)})
        with open_session(settings, threading.Event()) as session:
            session.daemon.run()
    link = session.taking.link
    assert link and link.clean and link.clean.rate_hz == 1e6
    assert link.lossy and link.lossy.rate_hz == 12e6  # 20 MS/s was not tried
    account = session.daemon.ledger.account()
    assert account.span == account.received == 3 * (16_000 + 192_000 + 320_000)


def test_what_follows_from_other_rates_is_not_measured_again() -> None:
    asked: list[float] = []

    def measure(tuning: Tuning) -> LinkTest:
        asked.append(rate := tuning.sample_rate_hz)
        return LinkTest(rate, min(rate, 7e6), rate <= 7e6)

    link = Link(measure)
    assert link.verdict == "" and link.carried_hz is None
    rates = [4e6, 2e6, 20e6, 60e6, 8e6, 10e6, 6e6, 5e6]
    carried = [link.carries(probe_tuning(rate)) for rate in rates]
    assert carried == [True, True, False, False, False, False, True, True]
    assert asked == [4e6, 20e6, 8e6, 6e6]
    assert link.verdict == "the link carries 7.0 of 8 MS/s"


@needs_libiio
def test_probe_climbs_to_the_first_rate_that_is_lossy(counter: Any) -> None:
    from radiofm.cli import app, commands

    commands.register(app)
    with VirtualPluto(Narrow(counter)) as server:
        arguments = ["devices", "probe", "--uri", server.uri, "--max", "12M"]
        done = CliRunner().invoke(app, [*arguments, "--json"])
        assert done.exit_code == 0, done.output
        report = json.loads(done.stdout)
        assert not report["tests"][-1]["clean"] and report["link_msps"] < 3
        assert report["highest_clean_hz"] in (None, 1e6, 2e6)
    assert rates_up_to(4.5e6) == [1e6, 2e6, 3e6, 4e6, 4.5e6]
    assert rates_up_to(0.6e6) == [0.6e6]


@pytest.mark.parametrize("device", ["sim", "replay"])
def test_only_a_pluto_has_a_link_to_measure(device: str, tmp_path: Any) -> None:
    (tmp_path / "x.cs8").write_bytes(bytes(8000))
    settings = CaptureSettings.model_validate(
        {"device": device, "mode": "auto", "path": tmp_path / "x.cs8", "rate": 1e6,
         "publish": "none"}
    )  # fmt: skip
    if device == "sim":
        settings = settings.model_copy(update={"path": None})
    with (
        pytest.raises(UsageError, match=f"--mode auto .*--device {device}"),
        open_session(settings, threading.Event()),
    ):
        pass
