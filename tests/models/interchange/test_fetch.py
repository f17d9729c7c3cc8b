"""Bundles from folders, archives and URLs: whole, by their hashes, or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from radiofm.bundle import MANIFEST, BundleManifest, file_record, load_bundle, write_manifest
from radiofm.errors import BundleError, RadiofmError, UsageError
from radiofm_models.interchange import fetch
from radiofm_models.interchange.fetch import from_archive, from_folder, from_url

NANO = Path(str(resources.files("radiofm_models"))) / "zoo" / "nano"
FILES = {"trunk.onnx": b"trunk", "heads/a/head.onnx": b"head"}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """As small a bundle as there is, with a card and what does not belong to it."""
    folder = tmp_path / "theirs"
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    records = {name: file_record(data) for name, data in FILES.items()}
    manifest = load_bundle(NANO).manifest.model_copy(update={"files": records, "name": "mine"})
    write_manifest(folder, manifest)
    (folder / "README.md").write_text("a card")
    (folder / "run.py").write_text("import os")
    return folder


@pytest.fixture
def choose(tmp_path: Path) -> Callable[[BundleManifest], Path]:
    return lambda manifest: tmp_path / "ours" / manifest.name


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def whole(bundle: Path) -> dict[str, bytes]:
    return {name: data for name, data in contents(bundle).items() if name != "run.py"}


def zipped(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return file.getvalue()


def tarred(files: dict[str, bytes], mode: str = "w:gz", links: dict[str, str] = {}) -> bytes:  # noqa: B006
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as packed:  # type: ignore[call-overload]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            packed.addfile(member, io.BytesIO(data))
        for name, target in links.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            packed.addfile(member)
    return file.getvalue()


def below(root: str, files: dict[str, bytes]) -> dict[str, bytes]:
    return {root + name: data for name, data in files.items()}


def test_from_a_folder(bundle: Path, choose: Any, tmp_path: Path) -> None:
    target, manifest = from_folder(bundle, choose)
    assert target == tmp_path / "ours" / "mine" and manifest.name == "mine"
    assert contents(target) == whole(bundle)
    assert [path.name for path in target.parent.iterdir()] == ["mine"]
    with pytest.raises(UsageError, match="is there already: name another"):
        from_folder(bundle, choose)


@pytest.mark.parametrize("root", ["", "./", "nano-1.0/", "a/b/"])
@pytest.mark.parametrize("pack", [zipped, tarred, lambda files: tarred(files, "w")])
def test_from_an_archive(bundle: Path, choose: Any, root: str, pack: Any) -> None:
    """Whatever else is in it, and wherever that would go."""
    evil = {"../../evil": b"x", "/tmp/radiofm-evil": b"x", root + "../evil.sh": b"x"}
    data = pack(below(root, contents(bundle)) | evil)
    target, _ = from_archive(data, "x.zip", choose)
    assert contents(target) == whole(bundle)
    assert not (bundle.parent / "evil.sh").exists() and not (bundle.parent / "evil").exists()


def test_an_archive_of_another_hash(bundle: Path, choose: Any) -> None:
    data = zipped(contents(bundle))
    with pytest.raises(BundleError, match="its SHA-256 is"):
        from_archive(data, "x.zip", choose, "0" * 64)
    assert from_archive(data, "x.zip", choose, hash_of(data))[1].name == "mine"


def test_a_link_is_no_file(bundle: Path, choose: Any, tmp_path: Path) -> None:
    files = contents(bundle)
    (tmp_path / "secret").write_bytes(files.pop("trunk.onnx"))
    data = tarred(files, links={"trunk.onnx": str(tmp_path / "secret")})
    with pytest.raises(BundleError, match=r"trunk\.onnx is missing or not the file"):
        from_archive(data, "x.tar", choose)
    (bundle / "trunk.onnx").unlink()
    (bundle / "trunk.onnx").symlink_to(tmp_path / "secret")
    with pytest.raises(BundleError, match=r"trunk\.onnx is missing or not the file"):
        from_folder(bundle, choose)


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", ".hidden", "a//b", "a\\b"])
def test_names_that_lead_elsewhere_are_refused(
    bundle: Path, choose: Any, tmp_path: Path, name: str
) -> None:
    document = json.loads((bundle / MANIFEST).read_text())
    document["files"][name] = document["files"]["trunk.onnx"]
    files = contents(bundle) | {MANIFEST: json.dumps(document).encode(), name: b"trunk"}
    with pytest.raises(BundleError, match="bundle.json: files"):
        from_archive(zipped(files), "x.zip", choose)
    assert not (tmp_path / "ours").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"trunk.onnx": b"other"}, "trunk.onnx is missing or not the file that bundle.json names"),
        ({"trunk.onnx": b"longer than it is"}, "trunk.onnx is missing or not the file"),
        ({"trunk.onnx": None}, "trunk.onnx is missing or not the file"),
        ({MANIFEST: None}, "holds no bundle.json"),
        ({MANIFEST: b"{"}, "bundle.json: "),
    ],
)
def test_what_is_not_whole_leaves_nothing_behind(
    bundle: Path, choose: Any, tmp_path: Path, change: dict[str, bytes | None], says: str
) -> None:
    changed = {name: data for name, data in (contents(bundle) | change).items() if data is not None}
    for pack in (zipped, tarred):
        with pytest.raises(BundleError, match=says) as raised:
            from_archive(pack(changed), "x", choose)
        assert "\n" not in str(raised.value)
    assert not list(tmp_path.glob("ours/*"))


@pytest.mark.parametrize("cut", [0, 1, 10, 100, 400])
def test_a_damaged_archive_is_one_sentence(bundle: Path, choose: Any, cut: int) -> None:
    for pack in (zipped, tarred):
        with pytest.raises(BundleError) as raised:
            from_archive(pack(contents(bundle))[:cut], "x", choose)
        assert "\n" not in str(raised.value)


def test_what_is_too_large_is_not_read(
    bundle: Path, choose: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "MAX_BYTES", 20_000)
    with pytest.raises(BundleError, match="more than 20000 bytes unpacked"):
        from_archive(tarred(contents(bundle) | {"zeros": bytes(10**6)}), "x", choose)
    monkeypatch.setattr(fetch, "MAX_BYTES", 8)
    with pytest.raises(BundleError, match="its files have more than 8 bytes"):
        from_folder(bundle, choose)


class Site(BaseHTTPRequestHandler):
    files: dict[str, bytes]

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        data = self.files.get(self.path)
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "file:///etc/hostname")
        else:
            self.send_response(404 if data is None else 200)
        self.end_headers()
        self.wfile.write(data or b"")


@pytest.fixture
def site(bundle: Path) -> Iterator[str]:
    """Serves the bundle, file by file and as an archive."""
    archive = {"nano.tar.gz": tarred(contents(bundle)), "other.json": b"{}"}
    files = below("/a/", contents(bundle) | archive)
    handler = type("Serving", (Site,), {"files": files})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/a/"
        server.shutdown()
        thread.join()


def hash_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_from_a_url(bundle: Path, choose: Any, site: str) -> None:
    sha256 = hash_of((bundle / MANIFEST).read_bytes())
    target, _ = from_url(f"{site}{MANIFEST}", sha256, choose)
    assert contents(target) == {k: v for k, v in whole(bundle).items() if k != "README.md"}


def test_from_the_url_of_an_archive(bundle: Path, choose: Any, site: str) -> None:
    sha256 = hash_of(tarred(contents(bundle))).upper()
    target, _ = from_url(f"{site}nano.tar.gz", sha256, choose)
    assert contents(target) == whole(bundle)


@pytest.mark.parametrize(
    ("url", "sha256", "says", "code"),
    [
        ("nano.tar.gz", None, "--sha256 is missing: give the hash of http", 2),
        ("nano.tar.gz", "0" * 64, "its SHA-256 is [0-9a-f]{64}, not 0000", 1),
        (MANIFEST, "0" * 64, "its SHA-256 is", 1),
        ("other.json", hash_of(b"{}"), "bundle.json: ", 1),
        ("gone.zip", "0" * 64, "404.*: check the address and the network", 1),
        ("../elsewhere", "0" * 64, "check the address and the network", 1),
    ],
)
def test_a_url_that_gives_no_bundle(
    choose: Any, site: str, tmp_path: Path, url: str, sha256: str, says: str, code: int
) -> None:
    where = f"{site.removesuffix('a/')}elsewhere" if url.startswith("..") else site + url
    with pytest.raises(RadiofmError, match=says) as raised:
        from_url(where, sha256, choose)
    assert raised.value.exit_code == code and "\n" not in str(raised.value)
    assert not list(tmp_path.glob("ours/*"))


def test_only_http_is_fetched(choose: Any, bundle: Path) -> None:
    with pytest.raises(UsageError, match="only http and https are fetched"):
        from_url(f"file://{bundle}/x.tar", "0" * 64, choose)
