"""`radiofm models pull` of bundles from a folder, an archive or a URL.

Only bundle.json, the files that it names, and the card are read, whatever else is there; they are
put in place when every hash is right. Nothing that comes runs, and no name leads out of the folder:
the manifest's names are relative paths without dots.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import lzma
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from rich.console import Console
from rich.progress import wrap_file

from radiofm import __version__
from radiofm.bundle import MANIFEST, BundleManifest, file_record, parse_manifest
from radiofm.errors import BundleError, UsageError

CARD = "README.md"
MAX_BYTES = 2**30  # of a bundle, and of an archive of one
MAX_TEXT_BYTES = 16 * 2**20  # of bundle.json and of the card
TIMEOUT_S = 30.0

UNREADABLE = (  # what the archives' readers raise of damaged, locked and strange ones
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError,
    RuntimeError,
)  # fmt: skip

Read = Callable[[str, int], bytes | None]  # a file by its name, if it is there and not larger
Choose = Callable[[BundleManifest], Path]  # the folder for a bundle


def from_folder(folder: Path, choose: Choose) -> tuple[Path, BundleManifest]:
    """Copy the bundle in `folder` to where `choose` says; BundleError if it is not whole."""

    def read(name: str, most: int) -> bytes | None:
        file = folder / name
        if file.is_symlink() or not file.is_file() or file.stat().st_size > most:
            return None
        return file.read_bytes()

    return _install(read, str(folder), choose, card=True)


def from_archive(
    data: bytes, where: str, choose: Choose, sha256: str | None = None
) -> tuple[Path, BundleManifest]:
    """Put the bundle in a zip or tar archive, `data` of the hash `sha256`, where `choose` says."""
    _expect(data, sha256, where)
    try:
        if zipfile.is_zipfile(io.BytesIO(data)):
            with zipfile.ZipFile(io.BytesIO(data)) as packed:
                return _install(_zipped(packed, where), where, choose, card=True)
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:*") as archive:
            return _install(_tarred(archive, where), where, choose, card=True)
    except UNREADABLE as error:
        raise BundleError(
            f"{where}: {_reason(error)}: it is no whole zip or tar archive of a bundle"
        ) from None


def from_url(
    url: str, sha256: str | None, choose: Choose, progress: bool = False
) -> tuple[Path, BundleManifest]:
    """Fetch the bundle at `url`, an archive or its bundle.json, whose hash has to be `sha256`.

    The files of a bundle.json lie beside it; its card, of which no hash is known, is left there.
    """
    if sha256 is None:
        raise UsageError(f"--sha256 is missing: give the hash of {url}, told by one whom you trust")
    archive = not urlsplit(url).path.endswith(".json")
    data = _download(url, MAX_BYTES if archive else MAX_TEXT_BYTES, progress)
    if archive:
        return from_archive(data, url, choose, sha256)
    _expect(data, sha256, url)

    def read(name: str, most: int) -> bytes | None:
        return data if name == MANIFEST else _download(urljoin(url, name), most, progress)

    return _install(read, url, choose, card=False)


def _expect(data: bytes, sha256: str | None, where: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if sha256 is not None and found != sha256.lower():
        raise BundleError(f"{where}: its SHA-256 is {found}, not {sha256}: it is not that bundle")


def free(folder: Path) -> Path:
    """`folder`, or UsageError where something is in it already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there already: name another folder (--out) or name (--name)")
    return folder


def _install(read: Read, where: str, choose: Choose, card: bool) -> tuple[Path, BundleManifest]:
    text = read(MANIFEST, MAX_TEXT_BYTES)
    if text is None:
        raise BundleError(f"{where} holds no {MANIFEST}: name a bundle")
    manifest = parse_manifest(text, where)
    if sum(record.size for record in manifest.files.values()) > MAX_BYTES:
        raise BundleError(f"{where}: its files have more than {MAX_BYTES} bytes: it is not fetched")
    target = free(choose(manifest))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".pull-", dir=target.parent) as scratch:
            made = Path(scratch) / target.name
            for name, record in manifest.files.items():
                data = read(name, record.size)
                if data is None or file_record(data) != record:
                    raise BundleError(
                        f"{where}: {name} is missing or not the file that {MANIFEST} names"
                    )
                _write(made / name, data)
            about = read(CARD, MAX_TEXT_BYTES) if card else None
            if about is not None:
                _write(made / CARD, about)
            _write(made / MANIFEST, text)
            if target.exists():
                target.rmdir()
            made.rename(target)
    except OSError as error:
        raise BundleError(f"{where} cannot be brought to {target}: {_reason(error)}") from None
    return target, manifest


def _write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)


def _root(names: list[str], where: str) -> str:
    """The folder of an archive in which its bundle lies, `` or one that ends on /."""
    found = [name for name in names if name.rpartition("/")[2] == MANIFEST]
    if not found:
        raise BundleError(f"{where} holds no {MANIFEST}: name a bundle")
    return min(found, key=len).removesuffix(MANIFEST)


def _zipped(packed: zipfile.ZipFile, where: str) -> Read:
    members = {member.filename: member for member in packed.infolist() if not member.is_dir()}
    root = _root(list(members), where)

    def read(name: str, most: int) -> bytes | None:
        member = members.get(root + name)
        if member is None or member.file_size > most:
            return None
        with packed.open(member) as file:
            return file.read(most + 1)

    return read


def _tarred(archive: tarfile.TarFile, where: str) -> Read:
    members: dict[str, tarfile.TarInfo] = {}
    unpacked = 0
    for member in archive:
        unpacked += member.size
        if unpacked > MAX_BYTES:
            raise BundleError(f"{where} has more than {MAX_BYTES} bytes unpacked: it is not read")
        if member.isreg():
            members[member.name.removeprefix("./")] = member
    root = _root(list(members), where)

    def read(name: str, most: int) -> bytes | None:
        member = members.get(root + name)
        file = None if member is None or member.size > most else archive.extractfile(member)
        return None if file is None else file.read(most + 1)

    return read


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(":")


def _download(url: str, most: int, progress: bool) -> bytes:
    """The bytes at `url`, or BundleError."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise UsageError(f"{url}: only http and https are fetched")
    request = urllib.request.Request(url, headers={"User-Agent": f"radiofm/{__version__}"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            total = int(answer.headers.get("Content-Length") or 0)
            with wrap_file(
                answer, total, description=urlsplit(url).path.rpartition("/")[2],
                console=Console(stderr=True), disable=not progress,
            ) as file:  # fmt: skip
                data: bytes = file.read(most + 1)
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # the answer's connection
        raise BundleError(f"{url}: {_reason(error)}: check the address and the network") from None
    if len(data) > most:
        raise BundleError(f"{url} has more than {most} bytes: it is not what it should be")
    return data
