"""Bundles and checkpoints to a hub and back, against one on loopback."""

import shutil
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from radiofm.bundle import load_bundle
from radiofm.errors import BundleError, MissingDependencyError, RadiofmError, UsageError
from radiofm_models.checkpoint import CheckpointError
from radiofm_models.interchange.hub import HubError, check, pull, push
from tests.models.interchange.hub_server import Hub, serving

pytest.importorskip("huggingface_hub")

NANO = Path(str(resources.files("radiofm_models"))) / "zoo" / "nano"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with serving() as hub:
        yield hub


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "run" / "step-0000007"
    folder.mkdir(parents=True)
    save_file({"a": torch.arange(4.0)}, folder / "model.safetensors")
    (folder / "config.json").write_text('{"vit": {}}')
    (folder / "trainer.json").write_text('{"step": 7}')
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_checkpoint_goes_and_comes_back(hub: Hub, checkpoint: Path, tmp_path: Path) -> None:
    whole = contents(checkpoint)
    (checkpoint / "notes.txt").write_text("mine")  # does not travel
    sent = push(checkpoint, "me/run", endpoint=hub.url)
    assert sent.kind == "checkpoint" and hub.repos["me/run"] == whole
    assert hub.created["me/run"]["visibility"] == "private"
    got = pull("me/run", tmp_path / "new" / "copy", endpoint=hub.url)
    assert got == sent and contents(tmp_path / "new" / "copy") == whole
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["copy"]


def test_a_bundle_goes_and_comes_back(hub: Hub, tmp_path: Path) -> None:
    sent = push(NANO, "me/nano", public=True, endpoint=hub.url)
    assert sent.kind == "bundle" and hub.created["me/nano"]["visibility"] == "public"
    (tmp_path / "nano").mkdir()  # an empty folder will do
    assert pull("me/nano", tmp_path / "nano", "main", hub.url) == sent
    assert contents(tmp_path / "nano") == contents(NANO)
    assert load_bundle(tmp_path / "nano").read("trunk.onnx")


def test_nothing_that_could_run_is_fetched(hub: Hub, checkpoint: Path, tmp_path: Path) -> None:
    push(checkpoint, "me/run", endpoint=hub.url)
    more = {"pytorch_model.bin": b"\x80", "modeling.py": b"import os", "other.json": b"{}"}
    hub.repos["me/run"] |= more
    got = pull("me/run", tmp_path / "copy", endpoint=hub.url)
    assert got.files == ("model.safetensors", "config.json", "trainer.json")
    assert contents(tmp_path / "copy") == contents(checkpoint)
    asked = " ".join(hub.requests)
    assert "modeling.py" not in asked and "pytorch_model.bin" not in asked


def test_what_is_altered_on_the_way_is_refused(hub: Hub, checkpoint: Path, tmp_path: Path) -> None:
    push(checkpoint, "me/run", endpoint=hub.url)
    data = bytearray(hub.repos["me/run"]["model.safetensors"])
    data[-1] ^= 1  # of the same size, and a valid file
    hub.altered["model.safetensors"] = bytes(data)
    with pytest.raises(HubError, match=r"model\.safetensors is not the file that the hub names"):
        pull("me/run", tmp_path / "copy", endpoint=hub.url)
    assert not (tmp_path / "copy").exists() and not list(tmp_path.glob(".pull-*"))


def test_a_bundle_that_was_bad_on_the_hub_is_refused(hub: Hub, tmp_path: Path) -> None:
    """The hub's hashes are right, the manifest's are not."""
    push(NANO, "me/nano", endpoint=hub.url)
    hub.repos["me/nano"]["tail.onnx"] += b"\0"
    with pytest.raises(BundleError, match=r"tail\.onnx is not the file that bundle\.json names"):
        pull("me/nano", tmp_path / "nano", endpoint=hub.url)
    assert not (tmp_path / "nano").exists()


def test_what_is_not_whole_is_not_pushed(hub: Hub, checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="neither bundle.json nor config.json"):
        push(tmp_path, "me/run", endpoint=hub.url)
    (checkpoint / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(CheckpointError, match="no whole safetensors file"):
        push(checkpoint, "me/run", endpoint=hub.url)
    shutil.copytree(NANO, tmp_path / "nano")
    (tmp_path / "nano" / "trunk.onnx").unlink()
    with pytest.raises(BundleError, match=r"trunk\.onnx is missing"):
        push(tmp_path / "nano", "me/nano", endpoint=hub.url)
    assert hub.requests == []


@pytest.mark.parametrize(
    ("repo", "says", "code"),
    [("me/gone", "hub: .*: check the name, your token", 1), ("a/b/c", "name it OWNER/NAME", 2)],
)
def test_a_wrong_name_is_one_sentence(
    hub: Hub, tmp_path: Path, repo: str, says: str, code: int
) -> None:
    with pytest.raises(RadiofmError, match=says) as raised:
        pull(repo, tmp_path / "copy", endpoint=hub.url)
    assert "\n" not in str(raised.value) and raised.value.exit_code == code


def test_a_hub_that_is_not_there_is_one_sentence(checkpoint: Path, tmp_path: Path) -> None:
    with serving() as gone:
        url = gone.url
    with pytest.raises(HubError, match="hub: .*network") as pulled:
        pull("me/run", tmp_path / "copy", endpoint=url)
    with pytest.raises(HubError, match="hub: .*network") as pushed:
        push(checkpoint, "me/run", endpoint=url)
    assert "\n" not in str(pulled.value) + str(pushed.value)


def test_a_taken_folder_stays(checkpoint: Path) -> None:
    with pytest.raises(UsageError, match="is there already: name another folder"):
        pull("me/run", checkpoint)


def test_without_the_library_the_remedy_is_named(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'radiofm\[train\]'"):
        push(checkpoint, "me/run")


def test_a_folder_is_a_bundle_or_a_checkpoint(checkpoint: Path) -> None:
    assert check(NANO)[0] == "bundle" and "README.md" in check(NANO)[1]
    assert check(checkpoint) == ("checkpoint", ["model.safetensors", "config.json", "trainer.json"])
