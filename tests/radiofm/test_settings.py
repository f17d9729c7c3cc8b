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


def test_speed_max_is_zero() -> None:
    assert load_settings(flags={"capture": {"speed": "max"}}).capture.speed == 0
