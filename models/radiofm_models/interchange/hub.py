"""`radiofm models push` and `pull`: checkpoints and bundles on a hub, by huggingface_hub.

Only weights, graphs, predictions, JSON and the card travel, and nothing that comes runs: a pickle
or a script beside them is not fetched. What came is checked against the hub's hashes, then as a
bundle's or a checkpoint's files are, before it is put in place. Nothing is fetched but by `pull`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from safetensors import SafetensorError, safe_open

from radiofm import __version__
from radiofm.bundle import MANIFEST, load_bundle
from radiofm.errors import MissingDependencyError, RadiofmError, UsageError
from radiofm_models.checkpoint import (
    CONFIG,
    EMA,
    MODEL,
    OPTIMIZER,
    TRAINER,
    CheckpointError,
    read_json,
)
from radiofm_models.interchange.fetch import Choose, free, from_folder
from radiofm_models.predictions import PREDICTIONS

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Kind = Literal["bundle", "checkpoint"]

CARD = "README.md"
CHECKPOINT_FILES = (MODEL, EMA, OPTIMIZER, CONFIG, TRAINER, CARD)
TRAVELS = ["*.safetensors", "*.onnx", "*.onnx_adapter", "*.json", PREDICTIONS, CARD]


class HubError(RadiofmError):
    """A hub that refuses, is not there, or does not give what it names."""


@dataclass(frozen=True)
class Moved:
    """What was pushed or pulled: its kind, the commit on the hub, and the files."""

    kind: Kind
    commit: str
    files: tuple[str, ...]


def check(folder: Path) -> tuple[Kind, list[str]]:
    """What `folder` is and which of its files travel; BundleError or CheckpointError if not whole.

    Of a bundle every file is read and its hash checked; of a checkpoint the JSON and the header of
    the weights.
    """
    if (folder / MANIFEST).is_file():
        bundle = load_bundle(folder)
        for name in bundle.manifest.files:
            bundle.read(name)
        files = [MANIFEST, *bundle.manifest.files, CARD]
        return "bundle", [name for name in files if (folder / name).is_file()]
    if not (folder / CONFIG).is_file():
        raise UsageError(
            f"{folder} holds neither {MANIFEST} nor {CONFIG}: name a bundle or checkpoint"
        )
    for name in (CONFIG, TRAINER):
        if (folder / name).exists():
            read_json(folder / name)
    for name in (MODEL, EMA, OPTIMIZER):
        if name == MODEL or (folder / name).exists():
            _check_weights(folder / name)
    return "checkpoint", [name for name in CHECKPOINT_FILES if (folder / name).is_file()]


def _check_weights(file: Path) -> None:
    try:
        with safe_open(file, framework="pt") as opened:
            names = list(opened.keys())
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{file}: {error}: it is no whole safetensors file") from None
    if not names:
        raise CheckpointError(f"{file} holds no weights")


def push(
    folder: Path,
    repo: str,
    public: bool = False,
    endpoint: str | None = None,
    progress: bool = False,
) -> Moved:
    """Put a bundle or a checkpoint of ours on the hub as `repo`, OWNER/NAME, made where it is not.

    A new repository is private unless `public`. The token is the one that `hf auth login` stored or
    HF_TOKEN holds; `endpoint` is another hub than HF_ENDPOINT or huggingface.co.
    """
    kind, files = check(folder)
    with _hub(endpoint, progress) as api:
        api.create_repo(repo, private=not public, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo, folder_path=folder, allow_patterns=files,
            commit_message=f"radiofm {__version__}: {kind} {folder.resolve().name}",
        )  # fmt: skip
    return Moved(kind, commit.oid, tuple(files))


def pull(
    repo: str,
    folder: Path,
    revision: str | None = None,
    endpoint: str | None = None,
    progress: bool = False,
) -> Moved:
    """Fetch the bundle or checkpoint `repo`, at a branch, tag or commit, into the new `folder`."""
    free(folder).parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".pull-", dir=folder.parent) as scratch:
        fetched = Path(scratch) / folder.name
        with _hub(endpoint, progress) as api:
            commit = api.model_info(repo, revision=revision).sha
            if commit is None:
                raise HubError(f"hub: {repo} names no commit: push it again")
            api.snapshot_download(
                repo, revision=commit, allow_patterns=TRAVELS,
                local_dir=fetched, cache_dir=Path(scratch) / "cache",
            )  # fmt: skip
            checked = api.verify_repo_checksums(repo, revision=commit, local_dir=fetched)
        if checked.mismatches:
            name = checked.mismatches[0]["path"]
            raise HubError(f"{repo}: {name} is not the file that the hub names: pull again")
        shutil.rmtree(fetched / ".cache", ignore_errors=True)  # the library's notes
        kind, files = check(fetched)
        _keep(fetched, files)
        if folder.exists():
            folder.rmdir()
        fetched.rename(folder)
    return Moved(kind, commit, tuple(files))


def pull_bundle(
    repo: str,
    choose: Choose,
    revision: str | None = None,
    endpoint: str | None = None,
    progress: bool = False,
) -> tuple[Path, Moved]:
    """Fetch the bundle `repo` to the folder that `choose` names for it."""
    with tempfile.TemporaryDirectory() as scratch:
        fetched = Path(scratch) / "fetched"
        done = pull(repo, fetched, revision, endpoint, progress)
        if done.kind != "bundle":
            raise UsageError(f"{repo} is a {done.kind}: name a folder for it (--out)")
        return from_folder(fetched, choose)[0], done


def _keep(folder: Path, files: list[str]) -> None:
    """Remove what came along and is not of the bundle or checkpoint."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif str(path.relative_to(folder)) not in files:
            path.unlink()


@contextmanager
def _hub(endpoint: str | None, progress: bool) -> Iterator[HfApi]:
    """The hub's client, whose errors become one sentence."""
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import (  # type: ignore[attr-defined]
            HFValidationError,
            HTTPError,  # of httpx or httpx2, as the version has it
        )
        from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]
    except ImportError:
        raise MissingDependencyError("huggingface_hub", "pip install 'radiofm[train]'") from None
    if not progress:
        disable_progress_bars()
    try:
        yield HfApi(endpoint=endpoint, library_name="radiofm", library_version=__version__)
    except HFValidationError as error:
        raise UsageError(f"{str(error).splitlines()[0]}: name it OWNER/NAME") from None
    except (HTTPError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise HubError(f"hub: {reason}: check the name, your token and the network") from None
