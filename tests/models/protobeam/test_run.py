"""The recipe, and a run from nothing to the tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from radiofm.errors import UsageError
from radiofm.spectrogram import SpectrogramSpec
from radiofm_models.protobeam.densenet import DenseNetConfig
from radiofm_models.protobeam.episodes import EpisodeRecipe
from radiofm_models.protobeam.recipe import EncoderRecipe, ProtoBeamRecipe, load_recipe
from radiofm_models.protobeam.run import joined, run
from radiofm_models.protobeam.supervised import CnnConfig

NAME = "protobeam-table-1"


def test_the_papers_recipe() -> None:
    recipe = load_recipe(NAME, "paper")
    assert recipe.beams.network == DenseNetConfig() and recipe.beams.cnn == CnnConfig()
    assert recipe.beams.episodes == EpisodeRecipe() and recipe.angles.skip == 3
    assert recipe.beams.shots == (2, 8, 16, 32, 64, 128) and recipe.angles.shots == (4, 32)
    assert recipe.encoder.spec == load_recipe(NAME, "smoke").encoder.spec


def test_the_paper_needs_the_recordings(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"needs --data beams=FOLDER .*tx-ant-N"):
        run(NAME, "paper", None, tmp_path)


def test_seeds_are_joined_by_hand() -> None:
    name = "data normalisation"
    first = {name: {"TTSA 2-shot": 0.5, "TTSA 2-shot std": 0.1, "TTSA 4-shot": 1.0}}
    second = {name: {"TTSA 2-shot": 0.7, "TTSA 2-shot std": 0.3, "TTSA 4-shot": 1.0}}
    (row,) = joined([first, second])
    assert row["setup"] == name and list(row["figures"]) == ["TTSA 2-shot", "TTSA 4-shot"]
    assert row["figures"]["TTSA 2-shot"] == pytest.approx(
        {"mean": 0.6, "std": 0.02**0.5, "folds_std": 0.2, "paper": 0.773}
    )
    assert row["figures"]["TTSA 4-shot"]["paper"] is None


def tiny() -> ProtoBeamRecipe:
    """Too small to learn anything: that it runs is the matter."""
    recipe = load_recipe(NAME, "smoke")
    few = EpisodeRecipe(ways=4, support=1, query=1, epochs=1, steps=2)
    beams = recipe.beams.model_copy(
        update={
            "data": recipe.beams.data.model_copy(update={"count": 24 * 9 * 2}),
            "samples": 1024, "shots": (1,), "episodes": few, "supervised": few,
        }
    )  # fmt: skip
    angles = recipe.angles.model_copy(
        update={"count": 1024, "samples": 64, "held_out": 1, "shots": (2,), "episodes": few}
    )
    spec = SpectrogramSpec(window_size=32, hop=32, fft_size=32, height=32, width=16)
    encoder = EncoderRecipe(preset="nano", spec=spec, episodes=few)
    return recipe.model_copy(
        update={"beams": beams, "angles": angles, "encoder": encoder, "seeds": (1,)}
    )


def test_from_nothing_to_the_tables_and_again(tmp_path: Path) -> None:
    result = run(tiny(), "smoke", None, tmp_path)
    beams, angles = (
        {row["setup"]: row["figures"] for row in table["rows"]} for table in result["tables"]
    )
    assert list(beams)[:4] == [
        "no normalisation, no augmentation",
        "data normalisation",
        "data normalisation and augmentation",
        "data and prototype normalisation, augmentation",
    ]
    assert set(beams["samples"]) == {"TTSA 1-shot", "TOTA 1-shot"}
    assert beams["most frequent beam"]["TOTA 0-shot"]["mean"] == pytest.approx(1 / 24)
    assert beams["DeepBeam's CNN, as it is"]["TTSA 0-shot"]["paper"] == 0.8591
    assert all(0 <= f["mean"] <= 1 for row in beams.values() for f in row.values())
    assert angles["covariance of the channels"]["all 2-shot"]["mean"] < 5
    assert angles["middle angle"]["all 0-shot"]["mean"] == pytest.approx(30.7, abs=0.5)
    again = run(tiny(), "smoke", None, tmp_path)  # nothing is left to train
    assert again == result
