import pytest
from hypothesis import given
from hypothesis import strategies as st

from radiofm.errors import UsageError
from radiofm.quantities import (
    format_duration,
    format_si,
    parse_duration,
    parse_frequency,
    parse_gain,
    parse_offset,
    parse_rate,
    parse_size,
)


@pytest.mark.parametrize(
    "text",
    ["2.44e9", "2.44G", "2440M", "2440 MHz", "2.44 GHz", "2_440_000_000", "2440MHZ", "2.44g"],
)
def test_frequencies_as_people_write_them(text: str) -> None:
    assert parse_frequency(text) == pytest.approx(2.44e9, rel=1e-12)


@pytest.mark.parametrize("text", ["4e6", "4M", "4 MS/s", "4Msps", "4 MHz", "4000k", "4000000"])
def test_rates_as_people_write_them(text: str) -> None:
    assert parse_rate(text) == 4e6


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("30", 30), ("1.5m", 90), ("2h", 7200), ("16 ms", 0.016), ("12:34", 754),
     ("1:00:00", 3600), ("5 us", 5e-6), ("1d", 86400)],
)  # fmt: skip
def test_durations_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


def test_gains_sizes_and_offsets() -> None:
    assert [parse_gain(t) for t in ("40", "40dB", "-3 dB", "0.5DB")] == [40, 40, -3, 0.5]
    assert [parse_size(t) for t in ("64M", "2 GB", "100")] == [64e6, 2e9, 100]
    assert parse_offset("-1.5M") == -1.5e6


@pytest.mark.parametrize("text", ["", "fast", "2.4.4G", "2.44 parsec", "-1M", "0", "nan", "1e999"])
def test_what_is_no_frequency_is_named(text: str) -> None:
    with pytest.raises(UsageError, match="fc") as error:
        parse_frequency(text, "fc")
    assert "\n" not in str(error.value)


@given(st.floats(1e3, 9e9))
def test_formatting_and_parsing_agree(value: float) -> None:
    assert parse_frequency(format_si(value, "Hz")) == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 ms"), (0.0961, "96.1 ms"), (1, "1 s"), (90, "1.5 min"), (5400, "1.5 h")],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
