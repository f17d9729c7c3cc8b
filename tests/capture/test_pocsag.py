"""Pages: the code's published words, and multimon-ng."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from radiofm_capture.scenes.coding import crc
from radiofm_capture.scenes.pocsag import (
    DEVIATION_HZ,
    GENERATOR,
    IDLE,
    PREAMBLE,
    SYNC,
    Page,
    Pocsag,
    codewords,
    transmission,
)  # fmt: skip
from tests.capture.air import energy_in, occupied, receiver, rng, run, turns, with_noise


@pytest.mark.parametrize("word", [IDLE, SYNC])
def test_the_recommendations_own_words_are_of_the_code(word: int) -> None:
    bits = np.array([word >> n & 1 for n in range(31, -1, -1)], np.uint8)
    assert not crc(bits[:31], GENERATOR, 10).any() and bits.sum() % 2 == 0


def test_an_address_is_sent_in_its_frame() -> None:
    page = Page(1234 * 8 + 5, "HELLO")
    sent = transmission([page])
    assert len(sent) == PREAMBLE + 17 * 32
    address, *_ = codewords(page)
    at = PREAMBLE + 32 + 5 * 2 * 32
    np.testing.assert_array_equal(sent[at : at + 32], address)
    assert int("".join(map(str, address[1:19])), 2) == 1234


@pytest.mark.parametrize("bit_rate", [512, 1200, 2400])
def test_multimon_reads_every_page(bit_rate: Literal[512, 1200, 2400], tmp_path: Path) -> None:
    program = receiver("multimon-ng")
    waveform = Pocsag(bit_rate=bit_rate, off_s=(0.2, 0.3))
    rate, seconds = 22_050, 12.0
    iq, bursts = waveform.render(rate, round(seconds * rate), 0, rng())
    assert energy_in(iq, bursts, rate) > 0.95
    audio = turns(with_noise(iq, waveform, rate, 30)) * rate / DEVIATION_HZ * 10_000
    np.clip(audio, -32_767, 32_767).astype("<i2").tofile(tmp_path / "audio.raw")
    heard = run(
        program, "-q", "-t", "raw", "-a", f"POCSAG{bit_rate}", "-f", "alpha", tmp_path / "audio.raw"
    )
    whole = [
        page
        for at, pages in waveform.transmissions(seconds, rng())
        if at >= 0 and at + len(transmission(pages)) / bit_rate < seconds
        for page in pages
    ]
    assert len(whole) >= 3
    for page in whole:
        (line,) = [text for text in heard.splitlines() if f"{page.address:7d}" in text]
        assert f"Alpha:   {page.text}<EOT>" in line


def test_it_stays_in_its_channel() -> None:
    iq, _ = Pocsag(off_s=(0.1, 0.1)).render(50e3, 100_000, 0, rng())
    assert 9e3 < occupied(iq, 50e3) < 12.5e3
    on = turns(iq[np.abs(iq) > 0.5]) * 50e3
    assert np.quantile(np.abs(on), 0.5) == pytest.approx(DEVIATION_HZ, rel=0.03)
