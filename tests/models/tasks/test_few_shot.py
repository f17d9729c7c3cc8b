"""`radiofm finetune --task beams|aoa`, and the prototypes and reports that it leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from radiofm.array_set_writer import write_array_set
from radiofm.errors import UsageError
from radiofm.spectrogram import SpectrogramSpec
from radiofm_capture.sets import aoa, beams
from radiofm_models.checkpoint import CONFIG, latest_checkpoint, load_weights
from radiofm_models.evaluation.run import evaluate
from radiofm_models.export import TOLERANCE, to_onnx
from radiofm_models.protobeam.embeddings import DENSENET, PROTOTYPES, FewShotRecipe
from radiofm_models.protobeam.encoder import EncoderEmbedding
from radiofm_models.protobeam.pictures import spectrograms
from radiofm_models.protobeam.sources import open_angles, open_beams
from radiofm_models.prototypes import PrototypeHead
from radiofm_models.served import OnnxGraph
from radiofm_models.tasks.own import RUNS, run_own
from radiofm_models.tasks.presets import OWN, TASKS
from radiofm_models.vit import Encoder, ViTConfig
from tests.models.datasets import written

SETTINGS: dict[str, Any] = {
    "preset": "nano", "ways": 4, "support": 1, "query": 1, "epochs": 1, "steps": 2, "shots": [1],
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    write_array_set(folder / "beams", beams.PRESETS["line"], 24 * 9 * 2, 0, "made by a test")
    write_array_set(folder / "aoa", aoa.PRESETS["three"], 1024, 0, "made by a test")
    return folder


def test_every_own_task_has_a_run() -> None:
    assert tuple(RUNS) == OWN and not set(OWN) & set(TASKS)


def test_beams_by_densenet_and_their_report(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    report = run_own("beams", str(made / "beams"), DENSENET, SETTINGS, out, False)
    assert list(report["test"]) == ["model", "untrained network", "samples", "most frequent beam"]
    assert set(report["test"]["model"]) == {
        "TTSA 1-shot", "TTSA 1-shot std", "TOTA 1-shot", "TOTA 1-shot std", "score"
    }  # fmt: skip
    assert report["test"]["most frequent beam"]["TOTA 0-shot"] == pytest.approx(1 / 24)
    assert report["blocks"] == {
        "train": 72, "test, same domain": 72, "test, antenna 1": 144, "test, antenna 2": 144
    }  # fmt: skip
    assert load_file(out / PROTOTYPES)["prototypes"].shape == (24, 64)
    assert json.loads((out / "run.json").read_text("utf-8")) == report
    shown = evaluate(out, tmp_path / "report", "radiofm evaluate run", "here")
    (table,) = shown.tables()
    assert [column.title for column in table.columns] == [
        "by", "TTSA 1-shot", "TOTA 1-shot", "TTSA 0-shot", "TOTA 0-shot"
    ]  # fmt: skip
    assert table.texts()[3][1:] == ["–", "–", "4.2%", "4.2%"]
    other = SETTINGS | {"shots": [1, 2]}  # asked again of the same weights
    again = run_own("beams", str(made / "beams"), DENSENET, other, out, False)
    assert again["test"]["model"]["TTSA 1-shot"] == report["test"]["model"]["TTSA 1-shot"]
    assert "TOTA 2-shot" in again["test"]["model"]


def test_a_prototype_head_of_what_the_shared_encoder_leaves(made: Path, tmp_path: Path) -> None:
    """Read again, weights and prototypes answer as the nearest prototype does; in ONNX, too."""
    report = run_own("beams", str(made / "beams"), "random", SETTINGS, tmp_path, False)
    assert {"encoder, frozen", "spectrogram pixels"} < set(report["test"])
    found = latest_checkpoint(tmp_path)
    assert found is not None
    config = json.loads((found / CONFIG).read_text("utf-8"))
    embedding = EncoderEmbedding(Encoder(ViTConfig.model_validate(config["vit"])))
    load_weights(found, embedding)
    vectors = load_file(tmp_path / PROTOTYPES)["prototypes"]
    head = PrototypeHead(vectors, "avg")
    spec = SpectrogramSpec.model_validate(config["spec"])
    train = open_beams(str(made / "beams"), seed=0).train
    images = torch.from_numpy(spec.standardise(spectrograms(train.iq, spec))[:, None])
    with torch.no_grad():
        tokens = embedding.eval().encoder(images)
        embeddings, answers = embedding(images).double(), head(tokens).double()
    near, middle = -torch.cdist(embeddings, vectors.double()).square(), vectors.double().mean(0)
    near += (embeddings - middle).square().sum(dim=1, keepdim=True)
    assert torch.allclose(answers, near, atol=1e-4)
    means = torch.stack([embeddings[train.classes == c].mean(dim=0) for c in range(24)])
    assert torch.allclose(vectors, torch.nn.functional.normalize(means, dim=1).float(), atol=1e-5)
    graph = OnnxGraph(to_onnx(head, tokens[:4], "tokens", "output"))
    assert np.abs(graph(tokens[:4].numpy()) - answers[:4].numpy()).max() < TOLERANCE


def test_angles_beside_array_processing(made: Path, tmp_path: Path) -> None:
    settings = SETTINGS | {"shots": [2]}
    report = run_own("aoa", str(made / "aoa"), DENSENET, settings, tmp_path / "run", False)
    assert report["prototypes"] == ["-45", "0", "45"]  # ways are no more than classes
    assert set(report["test"]["model"]) == {"all 2-shot", "all 2-shot std", "score"}
    assert report["test"]["middle angle"]["all 0-shot"] == pytest.approx(30, abs=0.5)
    assert report["test"]["covariance of the channels"]["score"] > -5
    (table,) = evaluate(tmp_path / "run", tmp_path / "r", "radiofm evaluate", "here").tables()
    assert "degrees" in table.title
    with pytest.raises(UsageError, match="encoder random: blocks have 4 channels"):
        run_own("aoa", str(made / "aoa"), "random", SETTINGS, tmp_path / "other", False)


def test_milestones_move_with_the_epochs() -> None:
    assert FewShotRecipe().episodes(24).milestones == (50, 80)
    recipe = FewShotRecipe(epochs=11).episodes(3)
    assert recipe.milestones == (5, 8) and recipe.ways == 3


def test_shots_that_there_are_not(made: Path, tmp_path: Path) -> None:
    """Said before anything is trained."""
    settings = SETTINGS | {"shots": [99]}
    with pytest.raises(UsageError, match="99 shots need"):
        run_own("beams", str(made / "beams"), DENSENET, settings, tmp_path / "run", False)
    assert not (tmp_path / "run").exists()


def test_deepbeams_files(tmp_path: Path) -> None:
    """Trained on is the lowest antenna; of two set-ups none is chosen."""
    for antenna in (3, 0, 10):
        written.deepbeam(tmp_path / f"srf-basic-config-24-beams-tx-ant-{antenna}-rx-ant-0.h5")
    material = open_beams(f"deepbeam:{tmp_path}", 0, every=(20, 15))
    assert list(material.other) == ["antenna 3", "antenna 10"] and len(material.train) == 9
    written.deepbeam(tmp_path / "srf-basic-config-24-beams-tx-ant-0-rx-ant-1.h5")
    with pytest.raises(UsageError, match=r"several set-ups \(.*rx-ant-0.h5, .*rx-ant-1.h5\)"):
        open_beams(f"deepbeam:{tmp_path}", 0)


def test_deepbeams_angles(tmp_path: Path) -> None:
    import h5py

    path = written.deepbeam(tmp_path / "srf-basic-config-24-beams-aoa-rx-ant-0.h5")
    with h5py.File(path, "a") as file:
        file["angle"] = np.repeat(np.tile(np.repeat([-45, 0, 45], 30), 2), 2048).astype(np.float32)
    material = open_angles(f"deepbeam:{tmp_path}", 0, every=(20, 15))
    (asked,) = material.other.values()
    assert asked.labels == ("-45", "0", "45") and len(asked) == 3
    written.deepbeam(tmp_path / "another-aoa.h5")
    with pytest.raises(UsageError, match=r"holds 2 files \*aoa\*.h5"):
        open_angles(f"deepbeam:{tmp_path}", 0)


def test_one_antenna_is_not_enough(tmp_path: Path) -> None:
    written.deepbeam(tmp_path / "tx-ant-0.h5")
    with pytest.raises(UsageError, match="files of two transmitting antennas or more"):
        open_beams(f"deepbeam:{tmp_path}", 0)
    write_array_set(tmp_path / "set", beams.PRESETS["line"], 24, 0, "made by a test")
    with pytest.raises(UsageError, match="is of one antenna: make more blocks"):
        open_beams(str(tmp_path / "set"), 0)
    with pytest.raises(UsageError, match="is no set of `radiofm simulate aoa`"):
        open_angles(str(tmp_path / "set"), 0)
