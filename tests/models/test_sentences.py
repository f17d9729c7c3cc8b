"""Radio sentences: their image, where they may come from, and that draws depend on seeds alone."""

import json
from pathlib import Path

import numpy as np
import pytest

from radiofm.corpus.build import build
from radiofm.corpus.split import split
from radiofm.errors import UsageError
from radiofm.spectrogram import PRESETS, Spectrogram
from radiofm_models.material import Material, open_material
from radiofm_models.sentences import Sentences, SentenceShape, image_of, sentence, tokens_of

RATE = 512e3  # 2 ms are two windows
SMALL = SentenceShape(tokens=8, rows=16, columns=4)


def write_recording(path: Path, milliseconds: list[int], rng: np.random.Generator) -> None:
    """A recording in captures of so many milliseconds each, with a second between them."""
    count = round(sum(milliseconds) * 1e-3 * RATE)
    rng.normal(scale=2000, size=(count, 2)).astype("<i2").tofile(path.with_suffix(".sigmf-data"))
    captures, start = [], 0
    for number, length in enumerate(milliseconds):
        captures.append(
            {"core:sample_start": start, "core:frequency": 2.4e9,
             "core:datetime": f"2026-01-01T00:00:{number:02d}.000000Z"}
        )  # fmt: skip
        start += round(length * 1e-3 * RATE)
    meta = {
        "global": {"core:datatype": "ci16_le", "core:sample_rate": RATE, "core:version": "1.2.0"},
        "captures": captures,
        "annotations": [],
    }
    path.with_suffix(".sigmf-meta").write_text(json.dumps(meta))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """Three recordings of 50 ms, the last in two parts; one in each part of the split."""
    folder, rng = tmp_path_factory.mktemp("corpus"), np.random.default_rng(0)
    for number, lengths in enumerate([[50], [50], [20, 30]]):
        write_recording(folder / f"r{number}", lengths, rng)
    build(folder, PRESETS["convlstm"], workers=1)
    split(folder, fractions=(0.4, 0.3, 0.3))
    return open_material(str(folder), folder / "cache")


def test_sentence() -> None:
    slices = np.random.default_rng(0).normal(size=(8, 128, 64)).astype(np.float32)
    image = sentence(slices)
    assert image.shape == (256, 256) and image.dtype == np.float32
    # 8 slices of 64 columns in 256: two columns in one, and two rows of each.
    np.testing.assert_allclose(
        image[::2, :32], slices[0].reshape(128, 32, 2).mean(axis=2), atol=1e-5
    )
    np.testing.assert_array_equal(image[::2], image[1::2])


def test_tokens_follow_each_other() -> None:
    image = np.arange(2 * 3 * 8, dtype=np.float32).reshape(2, 3, 8)
    tokens = tokens_of(image, 2)
    assert tokens.shape == (2, 4, 1, 3, 2)
    np.testing.assert_array_equal(tokens[1, 3, 0], image[1, :, 6:])
    np.testing.assert_array_equal(image_of(tokens), image)


def test_slices_are_the_papers() -> None:
    """2 ms, a Hann window of 512, 1024 bins, the logarithm before the resize."""
    spec = PRESETS["convlstm"]
    assert (spec.duration_s, spec.window_size, spec.hop, spec.fft_size) == (0.002, 512, 512, 1024)
    rng = np.random.default_rng(0)
    iq = rng.normal(size=(spec.slice_samples(20e6), 2)).astype(np.float32)
    # White noise in decibels has a mean below the power's: 10 log10 after averaging has not.
    after = Spectrogram(spec, 20e6).decibels(iq, 1.0).mean()
    before = Spectrogram(spec.model_copy(update={"log_first": False}), 20e6).decibels(iq, 1.0)
    assert 1 < before.mean() - after < 3  # 2.5 dB for single bins


def test_lengths(corpus: Material) -> None:
    sentences = Sentences(corpus, np.arange(len(corpus)), SentenceShape())
    assert sentences.slices(0) == (5, 10)
    assert sentences.slices(4) == (7, 12)  # of what is seen, 4/5


def test_no_sentence_crosses_a_gap_or_leaves_its_rows(corpus: Material) -> None:
    rows = np.arange(50, 75)  # of the recording in two parts: 10 and 15 slices
    sentences = Sentences(corpus, rows, SMALL)
    _, starts = sentences.spread(100, 8)
    assert starts.tolist() == [50, 51, 52, *range(60, 68)]
    half = Sentences(corpus, np.arange(50, 58), SMALL)
    assert half.spread(100, 8)[1].tolist() == [50]
    with pytest.raises(UsageError, match="no 9 slices of 2 ms in a row"):
        half.spread(100, 9)
    with pytest.raises(UsageError, match="no recording has 5 slices of 2 ms in a row"):
        Sentences(corpus, np.arange(50, 54), SMALL)


def test_draws_depend_on_their_seeds(corpus: Material) -> None:
    sentences = Sentences(corpus, corpus.split.train, SMALL)
    batch = sentences.batch((3, 7), range(4), ahead=2)
    assert batch.shape == (4, 10, 1, 16, 4) and batch.dtype == np.float32
    np.testing.assert_array_equal(batch[2:], sentences.batch((3, 7), range(2, 4), ahead=2))
    assert not np.array_equal(batch, sentences.batch((3, 8), range(4), ahead=2))
    assert not np.array_equal(batch[0], batch[1])
    assert abs(batch.mean()) < 0.2  # standardised by the corpus's statistics


def test_other_slices_are_refused(tmp_path: Path) -> None:
    for number in range(3):
        write_recording(tmp_path / f"r{number}", [200], np.random.default_rng(number))
    build(tmp_path, PRESETS["table-i"], workers=1)
    material = open_material(str(tmp_path), tmp_path / "cache")
    with pytest.raises(UsageError, match="build --spec convlstm"):
        Sentences(material, material.split.train, SMALL)
