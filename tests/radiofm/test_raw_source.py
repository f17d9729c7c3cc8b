"""Raw and WAV files: what their names say, what is given instead, and what is asked for."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from radiofm.errors import RecordingError
from radiofm.raw_source import Named, read_name
from radiofm.recording import Recording

NOON = 1577880000 * 10**9  # 2020-01-01T12:00:00Z


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("g001_433.92M_250k.cu8", Named("cu8", 250e3, 433.92e6)),
        ("cap_868MHz_1.024Msps.cs16", Named("ci16_le", 1.024e6, 868e6)),
        ("cap_2000000sps_915000000Hz.CF32", Named("cf32_le", 2e6, 915e6)),
        (
            "gqrx_20200101_120000_433920000_250000_fc.raw",
            Named("cf32_le", 250e3, 433.92e6, NOON),
        ),
        ("SDRSharp_20200101_120000Z_137500000Hz_IQ.wav", Named(None, None, 137.5e6, NOON)),
        ("HDSDR_20200101_120000Z_7100kHz_RF.wav", Named(None, None, 7.1e6, NOON)),
        ("SDRuno_20200101_120000Z_88110kHz.wav", Named(None, None, 88.11e6, NOON)),
        (
            "HackRF-20250411_183354-433_92MHz-2MSps-2MHz.complex16s",
            Named("ci8", 2e6, 433.92e6),
        ),
        (
            "2023-05-25_09-04-50_6000000SPS_1701300000Hz.cs16",
            Named("ci16_le", 6e6, 1701.3e6),
        ),
        ("cap.complex", Named("cf32_le")),
        ("cap20M.iq", Named()),
        ("v2.4G_99991301_120000Z.bin", Named()),  # no unit, and no date
    ],
)
def test_what_names_say(name: str, said: Named) -> None:
    assert read_name(Path(name)) == said


def test_a_name_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "gqrx_20200101_120000_433920000_250000_fc.raw"
    path.write_bytes(b"\x00\x00\x80\x3f\x00\x00\x00\xbf")
    recording = Recording.open(path)
    assert recording.read(0, 1).tolist() == [[1.0, -0.5]]
    assert recording.sample_rate_hz == 250e3
    assert recording.segments[0].center_frequency_hz == 433.92e6
    assert recording.segments[0].time_ns == NOON


def test_what_is_given_comes_before_the_name(tmp_path: Path) -> None:
    path = tmp_path / "g001_433.92M_250k.cu8"
    path.write_bytes(bytes(8))
    recording = Recording.open(path, datatype="cs16", sample_rate_hz=1e6, center_frequency_hz=868e6)
    assert recording.datatype == "ci16_le" and recording.count == 2
    assert recording.sample_rate_hz == 1e6
    assert recording.segments[0].center_frequency_hz == 868e6


def test_what_is_missing_is_asked_for_beside_what_the_name_gave(tmp_path: Path) -> None:
    path = tmp_path / "cap_433.92M.cu8"
    path.write_bytes(bytes(8))
    with pytest.raises(RecordingError, match=r"the name says cu8, centre 433.92 MHz.*--rate"):
        Recording.open(path)
    path = tmp_path / "cap_250k.dat"
    path.write_bytes(bytes(8))
    with pytest.raises(RecordingError, match=r"the name says 250 kS/s.*--datatype"):
        Recording.open(path)


def test_float64_is_rounded(tmp_path: Path) -> None:
    path = tmp_path / "cap_1k.cf64"
    np.array([[0.1, -1.0]]).tofile(path)
    recording = Recording.open(path)
    assert recording.datatype == "cf64_le" and recording.wire_datatype == "cf32_le"
    assert np.array_equal(recording.read(0, 1), np.array([[0.1, -1.0]], np.float32))


def test_wav_of_an_sdr_program(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).integers(-(2**15), 2**15, (5000, 2)).astype(np.int16)
    path = tmp_path / "SDRSharp_20200101_120000Z_137500000Hz_IQ.wav"
    wavfile.write(path, 250_000, samples)
    data = path.read_bytes()
    chunk = b"auxi" + (36).to_bytes(4, "little") + bytes(36)  # as these programs add
    path.write_bytes(data[:36] + chunk + data[36:])
    recording = Recording.open(path)
    assert (recording.datatype, recording.full_scale) == ("ci16_le", 32768.0)
    assert np.array_equal(recording.read(0, recording.count), samples)
    assert recording.sample_rate_hz == 250e3
    assert recording.segments[0].center_frequency_hz == 137.5e6
    assert recording.segments[0].time_ns == NOON
    assert Recording.open(path, sample_rate_hz=1e6).sample_rate_hz == 1e6
    with pytest.raises(ValueError, match="read-only"):
        recording.read(0, 2)[0, 0] = 1


@pytest.mark.parametrize(
    ("samples", "sentence"),
    [
        (np.zeros(10, np.int16), "has 1 channels: samples need two"),
        (np.zeros((10, 3), np.int16), "has 3 channels"),
        (np.zeros((10, 2), np.int32), "of type int32 are not read"),
    ],
)
def test_wav_files_that_hold_no_samples(tmp_path: Path, samples: np.ndarray, sentence: str) -> None:
    wavfile.write(tmp_path / "cap.wav", 48_000, samples)
    with pytest.raises(RecordingError, match=sentence):
        Recording.open(tmp_path / "cap.wav")


def test_a_broken_wav_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "cap.wav"
    wavfile.write(path, 48_000, np.zeros((1000, 2), np.int16))
    whole = path.read_bytes()
    for data in (b"", b"RIFF", b"not a wave file", whole[:30], whole[:-100]):
        path.write_bytes(data)
        with pytest.raises(RecordingError, match="is not read as WAV"):
            Recording.open(path)
