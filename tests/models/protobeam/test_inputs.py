"""Normalisation and augmentation, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radiofm.spectrogram import SpectrogramSpec
from radiofm_models.protobeam.inputs import (
    ImageInputs,
    IqInputs,
    min_max,
    turned,
)
from radiofm_models.protobeam.pictures import measured, spectrograms

BLOCK = np.array([[[0.0, 1.0, 4.0], [-3.0, -1.0, -2.0]]], np.float32)  # I and Q


def test_min_max_by_hand() -> None:
    assert min_max(BLOCK).tolist() == [[[-1, -0.5, 1], [-1, 1, 0]]]
    assert min_max(np.full((1, 2, 3), 7, np.float32)).tolist() == [[[-1] * 3] * 2]


def test_a_quarter_turn_by_hand() -> None:
    once = turned(BLOCK, np.array([np.pi / 2]))
    np.testing.assert_allclose(once, [[[3, 1, 2], [0, 1, 4]]], atol=1e-6)
    two = turned(np.concatenate([BLOCK, 2 * BLOCK], axis=1), np.array([np.pi / 2]))
    np.testing.assert_allclose(two[:, 2:], 2 * once, atol=1e-6)  # all channels alike


@settings(deadline=None)
@given(scale=st.floats(0.5, 1.4))
def test_min_max_undoes_the_scale(scale: float) -> None:
    np.testing.assert_allclose(min_max(BLOCK * np.float32(scale)), min_max(BLOCK), atol=1e-6)


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("augment", [False, True])
def test_each_can_be_switched_off(normalise: bool, augment: bool) -> None:
    inputs = IqInputs(np.repeat(BLOCK, 2, axis=0), normalise, augment)
    rows = np.array([1, 0])
    plain = min_max(inputs.iq) if normalise else inputs.iq
    np.testing.assert_array_equal(inputs(rows), plain)  # in tests nothing is drawn
    drawn = inputs(rows, np.random.default_rng(0)).numpy()
    assert np.array_equal(drawn, plain) == (not augment)
    assert np.array_equal(drawn[0], drawn[1]) == (not augment)  # each block its own
    np.testing.assert_array_equal(drawn, inputs(rows, np.random.default_rng(0)))
    assert not normalise or (drawn.min() == -1 and drawn.max() == 1)


def test_augmentation_scales_and_turns() -> None:
    inputs = IqInputs(np.repeat(BLOCK, 200, axis=0), normalise=False, augment=True)
    drawn = inputs(np.arange(200), np.random.default_rng(0)).numpy()
    samples = drawn[:, 0] + 1j * drawn[:, 1]
    change = samples / (BLOCK[0, 0] + 1j * BLOCK[0, 1])
    np.testing.assert_allclose(change, np.repeat(change[:, :1], 3, axis=1), rtol=1e-4)
    size = np.abs(change[:, 0])
    assert 0.5 <= size.min() < 0.6 and 1.3 < size.max() <= 1.4
    assert abs(np.mean(change[:, 0] / size)) < 0.2  # phases all around


SPEC = SpectrogramSpec(window_size=32, hop=32, fft_size=32, height=32, width=16)


def test_a_tone_is_a_row_of_0_db_whatever_its_level() -> None:
    tone = np.exp(2j * np.pi * np.arange(2048) * 4 / 32)  # 4 bins above the middle
    block = np.stack([tone.real, tone.imag])[None].astype(np.float32)
    one, same = spectrograms(block, SPEC), spectrograms(250 * block, SPEC)
    assert one.shape == (1, 32, 16) and set(one[0].argmax(axis=0)) == {20}
    np.testing.assert_allclose(one[0, 20], 0, atol=0.01)
    np.testing.assert_allclose(same[0, 20], one[0, 20], atol=1e-3)


def test_images_are_standardised_by_the_training_blocks() -> None:
    rng = np.random.default_rng(0)
    decibels = spectrograms(rng.normal(size=(4, 2, 2048)).astype(np.float32), SPEC)
    images = measured(decibels, SPEC).standardise(decibels)[:, None]
    assert abs(images.mean()) < 0.02 and abs(images.std() - 1) < 0.02
    np.testing.assert_array_equal(ImageInputs(images)(np.array([2])), images[[2]])
