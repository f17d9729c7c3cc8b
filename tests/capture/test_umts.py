"""UMTS: the three steps of cell search, the pilot's quality, and the spectrum."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pytest

from radiofm_capture.scenes.pulse import root_raised_cosine
from radiofm_capture.scenes.signal import Iq
from radiofm_capture.scenes.umts import Umts
from radiofm_capture.scenes.umts.codes import (
    allocation,
    channelisation,
    primary_sync,
    scrambling,
    secondary_sync,
)
from tests.capture.air import density_db, occupied, rng, with_noise

CHIP_RATE = 3.84e6
SLOT, FRAME = 2560, 38_400
CELL = Umts(code=317, load=0.5)


@lru_cache(1)
def chips() -> Iq:
    """Through the matched filter, at the best of two samples a chip."""
    rate = 2 * CHIP_RATE
    iq, (burst,) = CELL.render(rate, round(0.025 * rate), 0, rng())
    assert burst.count == len(iq)
    noisy = with_noise(iq, CELL, rate, 15)
    filtered = np.convolve(noisy, root_raised_cosine(0.22, 2, 16), "same")
    phases = [filtered[n::2].astype(np.complex64) for n in range(2)]
    return max(phases, key=lambda x: float(folded(x).max()))


def folded(received: npt.NDArray[np.complex64]) -> npt.NDArray[np.float64]:
    """Step 1: the primary sync code's correlation, summed over slots."""
    size = len(received) // SLOT * SLOT
    spectrum = np.fft.fft(received[:size])
    code = np.fft.fft(primary_sync(), size)
    power = np.abs(np.fft.ifft(spectrum * code.conj())) ** 2
    return np.asarray(power.reshape(-1, SLOT).sum(0))


def test_a_phone_finds_slots_frame_and_scrambling_code() -> None:
    received = chips()
    profile = folded(received)
    slot = int(profile.argmax())
    assert profile[slot] > 3 * np.delete(profile, slot).max()
    starts = slot + SLOT * np.arange((len(received) - slot - 256) // SLOT)
    heard = np.array([received[s : s + 256] @ secondary_sync().conj().T for s in starts[:15]])
    primary = np.array([received[s : s + 256] @ primary_sync().conj() for s in starts[:15]])
    score = (heard * primary.conj()[:, None]).real  # both are sent with one phase
    match = {
        (group, shift): sum(score[n, allocation(group)[(n + shift) % 15]] for n in range(15))
        for group in range(64)
        for shift in range(15)
    }
    group, shift = max(match, key=lambda key: match[key])
    assert group == CELL.code // 8
    frame = starts[(15 - shift) % 15]
    frame = frame if frame + FRAME <= len(received) else frame - FRAME
    pilots = {
        code: np.abs(despread(received[frame : frame + FRAME], code, 256, 0)).mean()
        for code in range(8 * group, 8 * group + 8)
    }
    assert max(pilots, key=lambda code: pilots[code]) == CELL.code
    others = [level for code, level in pilots.items() if code != CELL.code]
    assert pilots[CELL.code] > 2 * max(others)
    pilot = despread(received[frame : frame + FRAME], CELL.code, 256, 0)[0]
    error = np.std(pilot) / np.abs(pilot.mean())  # the pilot is one symbol, for ever
    assert error < 0.1
    reference = pilot.mean() * np.exp(-0.25j * np.pi)
    data = despread(received[frame : frame + FRAME], CELL.code, 256, 1)[0].reshape(15, 10)[:, 1:]
    turned = (data / reference / np.abs(data / reference).mean()).reshape(-1)
    assert np.abs(np.abs(turned.real) - 0.5**0.5).mean() < 0.15  # QPSK in the P-CCPCH
    assert {(round(np.sign(z.real)), round(np.sign(z.imag))) for z in turned} == {
        (1, 1), (1, -1), (-1, 1), (-1, -1),
    }  # fmt: skip


def despread(frame: Iq, code: int, factor: int, number: int) -> npt.NDArray[np.complex128]:
    plain = (frame * scrambling(code).conj()).reshape(1, -1, factor)
    return np.asarray(plain @ channelisation(factor, number) / factor)


@pytest.mark.parametrize("primary", [0, 317])
def test_the_scrambling_code_is_the_standards_recursion(primary: int) -> None:
    """TS 25.213, 5.2.2, to the letter, at both ends of the frame."""
    period, n = 2**18 - 1, 16 * primary
    x, y = [1] + [0] * 17, [1] * 18
    for i in range(period - 18):
        x.append(x[i + 7] ^ x[i])
        y.append(y[i + 10] ^ y[i + 7] ^ y[i + 5] ^ y[i])

    def z(i: int) -> int:
        return 1 - 2 * (x[(i + n) % period] ^ y[i % period])

    code = scrambling(primary)
    for i in (*range(40), *range(38_390, 38_400)):
        assert code[i] == z(i) + 1j * z((i + 131_072) % period)


def test_codes_are_orthogonal_and_the_groups_comma_free() -> None:
    codes = [channelisation(16, n) for n in range(16)]
    np.testing.assert_array_equal(np.array(codes) @ np.array(codes).T, 16 * np.eye(16))
    np.testing.assert_array_equal(channelisation(4, 1), [1, 1, -1, -1])
    sync = np.concatenate([secondary_sync(), primary_sync()[None]])
    gram = np.abs(sync @ sync.conj().T) / 512
    np.testing.assert_allclose(gram[:16, :16], np.eye(16), atol=1e-5)
    words = [tuple(np.roll(allocation(g), s).tolist()) for g in range(64) for s in range(15)]
    assert len(set(words)) == 64 * 15


def test_the_spectrum_is_that_of_a_base_station() -> None:
    """TS 25.104: 99 % within 5 MHz (6.6.1), the neighbour at least 45 dB down (6.6.2.2.1)."""
    rate = 16e6
    iq, _ = Umts(load=1.0).render(rate, round(0.02 * rate), 0, rng())
    assert 4.0e6 < occupied(iq, rate) < 5e6
    frequency, level = density_db(iq, rate, 30e3)
    power = 10 ** (level / 10)
    own, near = (np.abs(frequency - c) < CHIP_RATE / 2 for c in (0, 5e6))
    assert 10 * np.log10(power[near].sum() / power[own].sum()) < -45
    ratio = 10 * np.log10(np.mean(np.abs(iq) ** 4) / np.mean(np.abs(iq) ** 2) ** 2)
    assert ratio == pytest.approx(3, abs=0.4)  # many codes make it like noise
