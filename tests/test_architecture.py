"""The walls of the house: who may import whom, and who alone may do what."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "radiofm": ROOT / "radiofm",
    "radiofm_capture": ROOT / "capture" / "radiofm_capture",
    "radiofm_models": ROOT / "models" / "radiofm_models",
    "radiofm_services": ROOT / "services" / "radiofm_services",
}


def sources(package: str) -> Iterator[tuple[Path, ast.Module]]:
    for file in sorted(PACKAGES[package].rglob("*.py")):
        yield file, ast.parse(file.read_text("utf-8"))


def imports(tree: ast.Module) -> set[str]:
    """Top-level names of everything that a module imports, wherever it does."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_components_meet_on_the_wire_and_on_disk(package: str) -> None:
    others = set(PACKAGES) - {package, "radiofm"}
    for file, tree in sources(package):
        if package == "radiofm" and file.parent.name == "cli":
            continue  # the command line starts the components, lazily: see below
        assert not imports(tree) & others, f"{file} imports another component"


def test_only_models_imports_torch_and_capture_no_runtime() -> None:
    for package in ("radiofm", "radiofm_capture", "radiofm_services"):
        for file, tree in sources(package):
            assert "torch" not in imports(tree), f"{file} imports torch"
    for file, tree in sources("radiofm_capture"):
        assert not imports(tree) & {"onnxruntime", "onnx"}, f"{file} imports a runtime"


def test_the_command_line_imports_components_inside_functions_only() -> None:
    for file, tree in sources("radiofm"):
        if file.parent.name != "cli":
            continue
        top = ast.Module([n for n in tree.body if not isinstance(n, ast.If)], [])
        names = {
            name
            for node in top.body
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for name in imports(ast.Module([node], []))
        }
        assert not names & (set(PACKAGES) - {"radiofm"}), f"{file} imports a component on load"
        assert not names & {"numpy", "scipy", "zmq", "pydantic", "sigmf"}, f"{file} loads heavily"


def calls(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def test_one_place_opens_sockets() -> None:
    for package in PACKAGES:
        for file, tree in sources(package):
            if file.name != "bus.py":
                assert "zmq" not in imports(tree), f"{file} must go through radiofm.bus"


RIVALS = {  # of `radiofm bench`
    PACKAGES["radiofm_services"] / "bench" / "short_time_fft.py",
    PACKAGES["radiofm_models"] / "rivals" / "torch_stft.py",
}


def test_one_place_computes_spectrograms() -> None:
    allowed = PACKAGES["radiofm"] / "spectrogram"
    forbidden = ("stft", "ShortTimeFFT", "spectrogram")
    for package in PACKAGES:
        for file, tree in sources(package):
            if allowed in file.parents or file in RIVALS:
                continue
            for call in calls(tree):
                module, _, name = call.rpartition(".")
                assert not (name in forbidden and ("signal" in module or "torch" in module)), file


CONVERTER = PACKAGES["radiofm_models"] / "interchange" / "pth.py"


def test_nothing_loads_pickles() -> None:
    for package in PACKAGES:
        for file, tree in sources(package):
            if file == CONVERTER:
                continue  # see the next test
            assert not imports(tree) & {"pickle", "joblib", "dill"}, file
            for call in calls(tree):
                assert call not in ("torch.load", "torch.save"), file
            assert "weights_only" not in ast.unparse(tree), file


def test_the_converter_loads_weights_only() -> None:
    """Of pickle it has the error's name; torch loads by its own unpickler, with one class more."""
    tree = ast.parse(CONVERTER.read_text("utf-8"))
    from_pickle = [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "pickle"
        for alias in node.names
    ]
    assert from_pickle == ["UnpicklingError"]
    found = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert [call for call in found if call.startswith("torch.load")] == [
        "torch.load(file, map_location='cpu', weights_only=True)"
    ]
    assert [call for call in found if "safe_globals" in call] == [
        "torch.serialization.safe_globals([argparse.Namespace])"
    ]
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.alias)}
    assert not names & {"pickle", "joblib", "dill"}


def test_files_stay_small() -> None:
    for package in PACKAGES:
        for file, _ in sources(package):
            lines = len(file.read_text("utf-8").splitlines())
            assert lines <= 800, f"{file} has {lines} lines"


def run(*code: str) -> str:
    done = subprocess.run(
        [sys.executable, *code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def test_capture_loads_neither_torch_nor_a_runtime() -> None:
    loaded = run(
        "-c",
        "import sys, radiofm_capture.session, radiofm_capture.pluto, radiofm_capture.replay, "
        "radiofm_capture.sim, radiofm_capture.uhd; "
        "print([m for m in ('torch', 'onnxruntime', 'adi', 'uhd') "
        "if m in sys.modules])",
    )
    assert loaded.strip() == "[]"


def test_help_answers_in_half_a_second() -> None:
    best = 9.0
    for _ in range(5):  # processor time: what an idle machine takes, also on a busy one
        before = os.times()
        assert "capture" in run("-m", "radiofm", "--help")
        after = os.times()
        used = after.children_user + after.children_system
        best = min(best, used - before.children_user - before.children_system)
    assert 0 < best < 0.5
