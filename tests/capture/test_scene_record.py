"""Scenes on disk: recordings with their truth, real recordings in scenes, and pictures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from radiofm.cli import commands
from radiofm.errors import RadiofmError, RecordingError, UsageError
from radiofm.recording import Recording
from radiofm.wire import Loss
from radiofm_capture.device import Block, Note, Tuning
from radiofm_capture.disk import DiskThread
from radiofm_capture.recorder import Recorder
from radiofm_capture.scenes import ScenePlayer, load_scene
from radiofm_capture.scenes.recorded import Recorded
from radiofm_capture.scenes.render import render
from radiofm_capture.scenes.scene import Scene
from radiofm_capture.sim import SimDevice
from tests.capture import lte_receiver as receiver

RATE, CENTER = 1e6, 500e6
UNIT = 16_000
SCENE = """
seed = 4
center_frequency_hz = 500e6
sample_rate_hz = 1e6
slices = 20
noise_dbfs_per_hz = -110.0
front_end = { corner = 0.9, order = 5, aliasing = true }
drops = { every_s = 0.03, samples = [100, 5000] }

[[emitters]]
label = "taxi"
offset_hz = { uniform = [-0.2, 0.2], unit = "rate" }
snr_db = 30.0
traffic = { kind = "poisson", bursts_s = 60, on_s = [2e-3, 20e-3] }
waveform = { family = "nbfm" }

[[emitters]]
offset_hz = 0.8e6
snr_db = 45.0
waveform = { family = "nbfm", deviation_hz = 20e3 }
"""


@pytest.fixture
def scene_file(tmp_path: Path) -> Path:
    file = tmp_path / "air.toml"
    file.write_text(SCENE, "utf-8")
    return file


def radiofm(*arguments: str) -> dict[str, Any]:
    import typer

    app = typer.Typer()
    commands.register(app)
    done = CliRunner().invoke(app, [*arguments, "--json"])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_scene_is_recorded_with_its_losses_and_its_truth(
    scene_file: Path, tmp_path: Path
) -> None:
    report = radiofm(
        "simulate", "record", str(scene_file), "--seconds", "0.5", "--out", str(tmp_path / "made")
    )
    assert report["samples"] + report["samples_lost"] == 500_000 and report["samples_lost"] > 0
    script = Path(sys.executable).with_name("sigmf_validate")
    done = subprocess.run([script, report["recording"]], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr

    recording = Recording.open(report["recording"], verify=True)
    player = ScenePlayer(load_scene(str(scene_file)))
    position = 0  # in the file
    for segment in recording.segments:
        air = player.read(segment.global_index, segment.count, CENTER, RATE)
        np.testing.assert_array_equal(recording.read(segment.start, segment.count), air)
        assert segment.start == position
        position += segment.count
    lost = [loss for segment in recording.segments for loss in segment.lost]
    assert sum(loss.samples for loss in lost) == report["samples_lost"]
    assert all(loss.exact and loss.stage == "device" for loss in lost)

    # The labels lie on the samples as the player's own truth does, but for what was lost.
    marked = {label: np.zeros(recording.count, bool) for label in ("taxi", "nbfm")}
    for note in recording.annotations:
        assert note.core_label and note.core_sample_count and note.radiofm_snr_db is not None
        start = note.core_sample_start
        marked[note.core_label][start : start + note.core_sample_count] = True
        box = next(b for b in player.truth(0, 500_000, CENTER, RATE) if b.label == note.core_label)
        assert note.core_freq_lower_edge == pytest.approx(box.low_hz)
        assert note.core_freq_upper_edge == pytest.approx(box.high_hz)
        assert note.radiofm_snr_db == box.snr_db and note.radiofm_power_dbfs == box.power_dbfs
        assert bool(note.radiofm_alias) == box.alias == (note.core_label == "nbfm")
        assert f"SNR {box.snr_db:.1f} dB" in (note.core_comment or "")
    assert marked["nbfm"].all()
    for segment in recording.segments:
        wanted = np.zeros(segment.count, bool)
        for box in player.truth(segment.global_index, segment.count, CENTER, RATE):
            if box.label == "taxi":
                wanted[box.start_sample : box.start_sample + box.sample_count] = True
        got = marked["taxi"][segment.start : segment.start + segment.count]
        np.testing.assert_array_equal(got, wanted)
    assert 0.05 < marked["taxi"].mean() < 0.95


def test_the_drawn_scene_beside_it_makes_the_same_recording(
    scene_file: Path, tmp_path: Path
) -> None:
    arguments = ["--seconds", "0.1", "--seed", "9", "--out"]
    radiofm("simulate", "record", str(scene_file), *arguments, str(tmp_path / "a"))
    radiofm("simulate", "record", str(tmp_path / "a.scene.json"), *arguments, str(tmp_path / "b"))
    radiofm(
        "capture", "--device", "sim", "--scene", str(scene_file), "--seed", "9", "--speed", "max",
        "--duration", "0.1", "--publish", "none", "--record", str(tmp_path / "c.sigmf-meta"),
    )  # fmt: skip
    data = [(tmp_path / f"{name}.sigmf-data").read_bytes() for name in "abc"]
    assert data[0] == data[1] == data[2]
    notes = [
        json.loads((tmp_path / f"{name}.sigmf-meta").read_text())["annotations"] for name in "abc"
    ]
    assert notes[0] == notes[1] == notes[2] and notes[0]
    with pytest.raises(RecordingError, match="exists"):
        radiofm("simulate", "record", str(scene_file), *arguments, str(tmp_path / "a"))


def test_blocks_tell_of_everything_once_though_samples_are_lost(scene_file: Path) -> None:
    scene = load_scene(str(scene_file)).model_copy(update={"drops": None})
    player = ScenePlayer(scene)
    device = SimDevice(
        player, Tuning(CENTER, RATE, RATE), speed=None, duration_s=0.3, truth=player,
        drops=lambda rate: iter([(50_000, 30_000), (200_000, 77)]),
    )  # fmt: skip
    device.start()
    notes: list[Note] = []
    while block := device.read():
        for note in block.notes:
            end = block.sample_index + len(block.samples)
            assert note.sample_index < end
        notes += block.notes
    told = sorted((n.label, n.sample_index) for n in notes)
    boxes = player.truth(0, 300_000, CENTER, RATE)
    assert told == sorted((box.label, box.start_sample) for box in boxes)


def test_a_full_queue_loses_samples_but_not_what_is_known(tmp_path: Path) -> None:
    """The end of a transmission that began in blocks that the disk missed is labelled."""
    tuning = Tuning(CENTER, RATE, RATE)
    note = Note(150, 200, "late", CENTER, CENTER + 1e3, 10.0, -20.0)

    def block(index: int, **more: Any) -> Block:
        return Block(np.ones((100, 2), np.int16), index, 1000, "host", tuning, **more)

    recorder = Recorder(tmp_path / "x")
    disk = DiskThread(recorder, wait=False)
    disk.write(block(0, new_stream=True))
    disk._miss(block(100, notes=(note,)))
    disk.write(block(200))
    disk.close()
    recording = Recording.open(tmp_path / "x")
    assert recording.segments[1].lost == (Loss(samples=100, exact=True, stage="disk"),)
    (label,) = recording.annotations
    assert (label.core_sample_start, label.core_sample_count) == (100, 100)


# --- real recordings ---


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Two tones in noise at 400 kS/s: +50 kHz, and 20 dB below it -150 kHz."""
    count, rate = 40_000, 400e3
    time = np.arange(count) / rate
    rng = np.random.default_rng(3)
    iq = np.exp(2j * np.pi * 50e3 * time) + 0.1 * np.exp(-2j * np.pi * 150e3 * time)
    iq += 0.01 * (rng.normal(size=count) + 1j * rng.normal(size=count))
    samples = (300 * iq.astype(np.complex64)).view(np.float32).reshape(-1, 2).astype(np.int16)
    with Recorder(tmp_path / "tones") as recorder:
        recorder.write(Block(samples, 0, 1000, "host", Tuning(99e6, rate, rate), new_stream=True))
    return tmp_path / "tones.sigmf-meta"


def tones(iq: Any, rate: float) -> list[float]:
    power = np.abs(np.fft.fft(iq * np.hanning(len(iq)))) ** 2
    frequency = np.fft.fftfreq(len(iq), 1 / rate)
    first = float(frequency[np.argmax(power)])
    power[np.abs(frequency - first) < 1e3] = 0
    return [first, float(frequency[np.argmax(power)])]


@pytest.mark.parametrize("rate", [400e3, 1e6, 650_001.0])
def test_a_recording_is_resampled_and_placed(recorded: Path, rate: float) -> None:
    waveform = Recorded(path=recorded)
    iq, (burst,) = waveform.render(rate, 60_000, 70e3, np.random.default_rng(1))
    assert np.vdot(iq, iq).real / len(iq) == pytest.approx(1, rel=0.02)
    assert tones(iq, rate) == pytest.approx([120e3, -80e3], abs=30)
    assert (burst.low_hz, burst.high_hz, burst.count) == (70e3 - 200e3, 70e3 + 200e3, 60_000)
    seam = np.abs(np.diff(np.angle(iq[1:] * iq[:-1].conj())))
    assert np.median(seam) < 0.2  # it goes on, round and round


def test_a_recording_can_be_narrowed_and_ended(recorded: Path) -> None:
    narrow = Recorded(path=recorded, width_hz=200e3, start_s=0.05, loop=False)
    iq, (burst,) = narrow.render(400e3, 40_000, 0.0, np.random.default_rng(1))
    assert burst.count == 20_000 and np.abs(iq[20_600:]).max() < 0.02
    power = np.abs(np.fft.fft(iq[1000:19_000])) ** 2
    frequency = np.fft.fftfreq(18_000, 1 / 400e3)
    assert power[np.abs(frequency) > 110e3].sum() < 1e-4 * power.sum()
    beyond, _ = Recorded(path=recorded).render(1e6, 10_000, 400e3, np.random.default_rng(1))
    assert tones(beyond, 1e6)[0] == pytest.approx(450e3, abs=100)
    cut, _ = Recorded(path=recorded).render(1e6, 10_000, 480e3, np.random.default_rng(1))
    assert max(np.abs(tones(cut, 1e6))) < 500e3 and np.vdot(cut, cut).real < 0.05 * len(cut)


def test_scenes_take_recordings_relative_to_their_file(recorded: Path) -> None:
    file = recorded.with_name("mixed.toml")
    text = (
        "center_frequency_hz = 500e6\nslices = 4\nnoise_dbfs_per_hz = -100\n"
        'noise = { path = "tones.sigmf-meta" }\n[[emitters]]\nlabel = "found"\noffset_hz = 1e5\n'
        'power_dbfs = -30\nwaveform = { family = "recording", path = "tones.sigmf-meta" }\n'
    )
    file.write_text(text, "utf-8")
    scene = load_scene(str(file))
    antenna, (box,) = render(scene, 0, 4, CENTER, 400e3)
    assert box.label == "found" and box.power_dbfs == -30
    own = render(scene.model_copy(update={"emitters": ()}), 0, 4, CENTER, 400e3)[0].iq
    level = 10 * np.log10(np.vdot(own, own).real / len(own))
    assert level == pytest.approx(-100 + 10 * np.log10(400e3), abs=0.1)
    rest = antenna.iq - own
    assert 10 * np.log10(np.vdot(rest, rest).real / len(rest)) == pytest.approx(-30, abs=0.2)
    file.write_text(text.replace("tones", "gone"), "utf-8")
    with pytest.raises(RecordingError, match="gone"):
        load_scene(str(file))
    with pytest.raises(RadiofmError, match="400 kS/s"):
        render(scene, 0, 4, CENTER, 1e6)  # too narrow for the noise of such a receiver


def test_a_real_cell_is_acquired_where_a_scene_puts_it(shared_iq: Path) -> None:
    """Recorded at 19.2 MS/s, heard at 15.36, moved by 2 MHz."""
    real = shared_iq / "lte-fdd10-796M-hackrf.sigmf-meta"
    waveform = {"family": "recording", "path": str(real), "width_hz": 9e6, "start_s": 0.0}
    scene = Scene.model_validate(
        {
            "slices": 4, "center_frequency_hz": 796e6, "noise_dbfs_per_hz": -125.0,
            "emitters": [{"waveform": waveform, "label": "lte", "offset_hz": 2e6, "snr_db": 25.0}],
        }
    )  # fmt: skip
    rate = 15.36e6
    counts = ScenePlayer(scene).read(0, round(0.045 * rate), 796e6, rate).astype(np.float32)
    heard = receiver.narrow(counts.view(np.complex64)[:, 0], rate, 2e6)
    (found,) = receiver.search(heard)
    mib = receiver.decode_mib(heard, found)
    assert found.cell_id == 360 and mib is not None and (mib.prb, mib.ports) == (50, 2)


# --- pictures ---


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_a_preview_is_a_picture(scene_file: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"air.{suffix}"
    report = radiofm("simulate", "preview", str(scene_file), "--seconds", "60ms", "--out", str(out))
    head = out.read_bytes()[:200]
    assert head.startswith(b"\x89PNG") if suffix == "png" else b"<svg" in out.read_bytes()[:2000]
    assert report["boxes"] >= 2


def test_a_preview_says_what_it_needs(
    scene_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preview = ["simulate", "preview", str(scene_file), "--out"]
    with pytest.raises(UsageError, match=r"a \.png or a \.svg"):
        radiofm(*preview, str(tmp_path / "air.gif"))
    with pytest.raises(UsageError, match="1 s at most"):
        radiofm(*preview, str(tmp_path / "air.png"), "--seconds", "2s")
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(RadiofmError, match="matplotlib is not installed: pip install"):
        radiofm(*preview, str(tmp_path / "air.png"))


def test_scene_models_refuse_what_makes_no_sense() -> None:
    emitter = {"waveform": {"family": "nbfm"}, "offset_hz": 0.0, "snr_db": 1.0}
    for more, says in (
        ({"channel": "EPB"}, "channel"),
        ({"channel": {"profile": "EPA", "doppler_hz": 1, "speed_m_s": 1}}, "either doppler"),
        ({"traffic": {"kind": "periodic", "period_s": 1, "on_s": 1}}, "shorter than period"),
        ({"traffic": {"kind": "sometimes"}}, "sometimes"),
        ({"amplifier": {"backoff_db": 99}}, "backoff_db"),
    ):
        with pytest.raises(ValueError, match=says):
            Scene.model_validate({"emitters": [{**emitter, **more}]})
    with pytest.raises(ValueError, match="least, most"):
        Scene.model_validate({"drops": {"every_s": 1, "samples": [5, 2]}})
