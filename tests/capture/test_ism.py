"""Sensors and remotes, read by rtl_433."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from radiofm_capture.scenes.ism import Remote, Sensor
from radiofm_capture.scenes.ism.keying import Keyed
from tests.capture.air import energy_in, receiver, rng, run, with_noise, write_cu8

MODELS = {
    "nexus": "Nexus-TH",
    "oregon": "Oregon-THGR122N",
    "tx141": "LaCrosse-TX141THBv2",
    "tx29": "LaCrosse-TX29IT",
    "tpms": "Toyota",
    "ev1527": "Generic-Remote",
    "pt2262": "Generic-Remote",
}
SENSORS: list[Keyed] = [
    Sensor(protocol="nexus", off_s=(0.2, 0.3)),
    Sensor(protocol="oregon", off_s=(0.2, 0.3)),
    Sensor(protocol="tx141", off_s=(0.2, 0.3), error_hz=20e3),
    Sensor(protocol="tx29", off_s=(0.1, 0.2)),
    Sensor(protocol="tpms", off_s=(0.1, 0.2), error_hz=-15e3),
    Remote(off_s=(0.2, 0.3)),
    Remote(protocol="pt2262", repeats=4, off_s=(0.2, 0.3)),
]


def protocol_of(waveform: Keyed) -> str:
    assert isinstance(waveform, (Sensor, Remote))
    return waveform.protocol


@pytest.mark.parametrize("waveform", SENSORS, ids=protocol_of)
def test_rtl_433_reads_every_message(waveform: Keyed, tmp_path: Path) -> None:
    program = receiver("rtl_433")
    protocol, rate, seconds = protocol_of(waveform), 250e3, 6.0
    iq, _ = waveform.render(rate, round(seconds * rate), 0, rng())
    write_cu8(tmp_path / "g_433.92M_250k.cu8", with_noise(iq, waveform, rate, 40))
    lines = run(program, "-r", tmp_path / "g_433.92M_250k.cu8", "-F", "json").splitlines()
    read = [fields(json.loads(line), protocol) for line in lines if MODELS[protocol] in line]
    messages = waveform.messages(seconds, rng())
    assert all(any(same(r, m.fields) for _, m in messages) for r in read)  # nothing made up
    whole = [m for at, m in messages if at >= 0 and at + sum(m.durations) < seconds]
    assert len(whole) >= 4
    for message in whole:
        assert any(same(r, message.fields) for r in read), message.fields


def fields(read: dict[str, str | float], protocol: str) -> dict[str, float]:
    if protocol in ("ev1527", "pt2262"):
        return {"code": float(read["id"]) * 256 + float(read["cmd"])}
    if protocol == "tpms":
        read = read | {"id": int(str(read["id"]), 16)}
    return {name: float(value) for name, value in read.items() if isinstance(value, (int, float))}


def same(read: dict[str, float], sent: dict[str, float]) -> bool:
    return all(name in read and abs(read[name] - sent[name]) < 1e-3 for name in sent)


@pytest.mark.parametrize("waveform", SENSORS, ids=protocol_of)
def test_boxes_hold_the_energy(waveform: Keyed) -> None:
    rate = 1e6
    iq, bursts = waveform.render(rate, round(1.2 * rate), 0.2e6, rng(3))
    assert bursts and energy_in(iq, bursts, rate) > 0.85
    on = sum(burst.count for burst in bursts)
    assert np.vdot(iq, iq).real / on == pytest.approx(1, rel=0.15)


def test_a_remote_keeps_the_units_of_its_chip() -> None:
    """Data sheet: 1 and 3 units, 3 and 1, and a sync of 1 and 31; all make 4 or 32."""
    message = Remote(unit_s=0.4e-3, repeats=2).message(rng())
    pairs = np.array(message.durations).reshape(2, 25, 2) / 0.4e-3
    np.testing.assert_allclose(pairs[0], pairs[1])
    np.testing.assert_allclose(pairs.sum(axis=2)[0], [4] * 24 + [32])
    code = int("".join("1" if mark > space else "0" for mark, space in pairs[0, :24]), 2)
    assert code == message.fields["code"]
