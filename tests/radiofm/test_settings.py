from pathlib import Path

import pytest

from radiofm.errors import UsageError
from radiofm.settings import load_settings, origins, profile_names


def test_defaults_profile_environment_flags_in_that_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = tmp_path / "mine.toml"
    profile.write_text("[capture]\nfc='100M'\nrate='1M'\ngain='10dB'\n[infer]\nthreads=2\n")
    monkeypatch.setenv("RADIOFM_CAPTURE__RATE", "2 MS/s")
    monkeypatch.setenv("RADIOFM_CAPTURE__GAIN", "20")
    settings = load_settings(str(profile), {"capture": {"gain": "30dB"}})
    assert settings.capture.fc == 100e6
    assert settings.capture.rate == 2e6
    assert settings.capture.gain == 30
    assert settings.infer.threads == 2
    assert settings.spectrogram.patience == 10
    came = origins(str(profile))
    assert came["capture.fc"] == (100e6, "profile")
    assert came["capture.rate"] == (2e6, "environment")
    assert came["capture.loops"] == (1, "default")


@pytest.mark.parametrize(
    ("text", "wrong", "hint"),
    [
        ("[capture]\nraet='1M'", "capture.raet", "'rate'"),
        ("[capure]\nrate='1M'", "capure", "'capture'"),
        ("[capture]\nrate='1 furlong'", "rate", "4 MS/s"),
        ("[infer]\npolicy='newest'", "infer.policy", "latest, lossless"),
        ("[capture]\nmode='often'", "capture.mode", "stream, burst, auto"),
        ("[infer]\nthreads=0", "infer.threads", "greater"),
        ("[capture]\nspeed='fast'", "speed", "max"),
        ("[capture]\ndisk_full='overwrite'", "capture.disk_full", "stop, delete-oldest"),
        ("[capture]\nsplit='10M'", "split '10M'", "10MB, or 10m"),
        ("[capture]\nname='{place}'", "{place}", "{utc}, {device}"),
        ("[capture\n", "mine.toml", ""),
        ("rate=1", "rate", "tables"),
    ],
)
def test_a_wrong_key_or_value_is_one_sentence(
    tmp_path: Path, text: str, wrong: str, hint: str
) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(UsageError) as error:
        load_settings(str(tmp_path / "mine.toml"))
    assert wrong in str(error.value) and hint in str(error.value)
    assert "\n" not in str(error.value)


def test_every_shipped_profile_loads() -> None:
    names = profile_names()
    assert {"ism24", "adsb"} <= set(names)
    for name, about in names.items():
        assert load_settings(name).capture.fc, name
        assert about
    with pytest.raises(UsageError, match="ism24"):
        load_settings("nowhere")


# Downlinks: 3GPP TS 36.101 table 5.5-1, TS 38.101-1 table 5.2-1
BANDS = {
    "fm": (87.5e6, 108e6),
    "srd433": (433.05e6, 434.79e6),
    "srd868": (863e6, 870e6),
    "lte-band20": (791e6, 821e6),
    "lte-band3": (1805e6, 1880e6),
    "lte-band7": (2620e6, 2690e6),
    "nr-n78": (3300e6, 3800e6),
    "bluetooth": (2400e6, 2483.5e6),
    "wifi-2g4": (2427e6, 2447e6),
}


@pytest.mark.parametrize("name", BANDS)
def test_a_profile_lies_in_its_band_at_a_rate_that_usb_2_carries(name: str) -> None:
    low, high = BANDS[name]
    capture = load_settings(name).capture
    assert capture.fc and low < capture.fc < high
    assert capture.rate and capture.rate <= 4e6
    assert capture.gain is not None  # an AGC would make levels of different slices unlike


def test_speed_max_is_zero() -> None:
    assert load_settings(flags={"capture": {"speed": "max"}}).capture.speed == 0
