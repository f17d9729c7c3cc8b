"""A .pth read as data: weights come out, and what would run is refused."""

import argparse
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from radiofm.errors import RadiofmError, UsageError
from radiofm_models.checkpoint import CheckpointError
from radiofm_models.interchange.pth import convert

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(3, dtype=torch.half)}


def checkpoint(model: Any = STATE, **more: Any) -> dict[str, Any]:
    """What MAE's training scripts save."""
    parameter = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([parameter])
    parameter.grad = torch.ones(3)
    optimizer.step()
    args = argparse.Namespace(lr=1e-3, model="mae_vit_small_patch16", resume=None)
    return {
        "model": model, "optimizer": optimizer.state_dict(), "epoch": 7,
        "scaler": {"scale": 65536.0}, "args": args,
    } | more  # fmt: skip


@pytest.mark.parametrize("zipped", [True, False])
def test_the_weights_of_a_training_checkpoint(tmp_path: Path, zipped: bool) -> None:
    path, out = tmp_path / "a.pth", tmp_path / "deep" / "a.safetensors"
    torch.save(checkpoint(), path, _use_new_zipfile_serialization=zipped)
    assert convert(path, out) == 9
    found = load_file(out)
    assert found.keys() == STATE.keys()
    assert all(torch.equal(found[name], value) for name, value in STATE.items())
    assert found["a.bias"].dtype == torch.half
    with pytest.raises(UsageError, match=r"a\.safetensors is there already"):
        convert(path, out)


def test_a_bare_state_dict_with_shared_and_strided_tensors(tmp_path: Path) -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    torch.save({"x": whole, "same": whole, "turned": whole.T, "part": whole[1:]}, tmp_path / "a.pt")
    convert(tmp_path / "a.pt", tmp_path / "a.safetensors")
    found = load_file(tmp_path / "a.safetensors")
    assert torch.equal(found["turned"], whole.T) and torch.equal(found["part"], whole[1:])


class Evil:
    """Would make a file where it is loaded."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.touch, (self.witness,)


class Sly(argparse.Namespace):
    """One name beside the one that is let through."""


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("place", ["model", "args", "epoch"])
def test_a_malicious_file_is_refused_and_does_nothing(
    tmp_path: Path, zipped: bool, place: str
) -> None:
    witness, path = tmp_path / "witness", tmp_path / "evil.pth"
    torch.save(checkpoint(**{place: Evil(witness)}), path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(
        CheckpointError, match=r"evil\.pth is refused: it would load \S+: only files of"
    ) as e:
        convert(path, tmp_path / "out.safetensors")
    assert "\n" not in str(e.value)
    assert not witness.exists() and not (tmp_path / "out.safetensors").exists()
    torch.load(path, weights_only=False)  # it would have
    assert witness.exists()


def test_only_namespace_itself_is_let_through(tmp_path: Path) -> None:
    torch.save(checkpoint(args=Sly(lr=1)), tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"is refused: it would load \S+Sly: "):
        convert(tmp_path / "a.pth", tmp_path / "out.safetensors")
    # and for no longer than it takes
    assert argparse.Namespace not in torch.serialization.get_safe_globals()


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({}, "holds no weights"),
        ([torch.ones(2)], "holds no weights"),
        ({"a": 1}, "'a' is no plain tensor"),
        ({1: torch.ones(2)}, "1 is no plain tensor"),
        ({"a": torch.ones(2, 2).to_sparse()}, "'a' is no plain tensor"),
        (checkpoint({"net": {"a": torch.ones(2)}}), "'net' is no plain tensor"),
    ],
)
def test_what_is_no_state_dict_is_named(tmp_path: Path, value: Any, says: str) -> None:
    torch.save(value, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=says):
        convert(tmp_path / "a.pth", tmp_path / "out.safetensors")


def test_other_files_are_one_sentence(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "zip.pth", "w") as archive:
        archive.writestr("a", "b")
    (tmp_path / "empty.pth").touch()
    (tmp_path / "text.pth").write_text("hello")
    for name in ("zip", "empty", "text", "gone"):
        with pytest.raises(CheckpointError, match=name) as raised:
            convert(tmp_path / f"{name}.pth", tmp_path / "out.safetensors")
        assert "\n" not in str(raised.value)


@settings(max_examples=100, deadline=None)
@given(cut=st.integers(0, 3000), at=st.integers(0, 3000), byte=st.integers(0, 255))
@example(cut=0, at=100, byte=0)
def test_damage_is_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, cut: int, at: int, byte: int
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    path = folder / "a.pth"
    torch.save(checkpoint(), path, _use_new_zipfile_serialization=bool(at % 2))
    data = bytearray(path.read_bytes())
    data[at % len(data)] = byte
    path.write_bytes(data[: len(data) - cut % len(data)])
    try:
        convert(path, folder / "out.safetensors")
    except RadiofmError as error:
        assert "\n" not in str(error)
