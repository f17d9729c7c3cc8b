"""`radiofm models list|verify|pull`: bundles that are at hand, and how they come."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from radiofm.cli import complete, options
from radiofm.cli.models_weights import Endpoint, shown

if TYPE_CHECKING:
    from radiofm.bundle import BundleManifest


def list_(as_json: options.Json = False) -> None:
    """List the bundles that have a name: those that came with radiofm, and those pulled."""
    from radiofm.bundle import load_bundle
    from radiofm.cli.bundles import named_bundles, shipped_bundles
    from radiofm.errors import BundleError
    from radiofm_models.verify import headline

    found: list[dict[str, Any]] = []
    for name, folder in named_bundles().items():
        about = {"name": name, "folder": str(folder), "shipped": folder.parent == shipped_bundles()}
        try:
            bundle = load_bundle(folder)
        except BundleError as error:
            found.append({**about, "error": str(error)})
            continue
        manifest = bundle.manifest
        heads = {
            head.name: {"task": head.task, "labels": len(head.labels),
                        "figure": headline(bundle, head)}
            for head in manifest.heads
        }  # fmt: skip
        size = sum(record.size for record in manifest.files.values())
        found.append({**about, "encoder": manifest.encoder.preset, "bytes": size, "heads": heads})
    if as_json:
        typer.echo(json.dumps({"command": "models list", "bundles": found}))
    else:
        _show(found)


def _show(bundles: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("bundle", "from", "encoder", "MB", "head", "task", "labels", "figure")
    for bundle in bundles:
        start = [bundle["name"], "radiofm" if bundle["shipped"] else "pulled"]
        if "error" in bundle:
            table.add_row(*start, bundle["error"])
            continue
        start += [bundle["encoder"], f"{bundle['bytes'] / 1e6:.1f}"]
        for name, head in bundle["heads"].items():
            figure = head["figure"]
            shown = f"{figure[0].replace('_', ' ')} {figure[1]:.3f}" if figure else ""
            table.add_row(*start, name, head["task"], str(head["labels"] or ""), shown)
            start = [""] * len(start)
    Console().print(table)


def verify(
    bundle: Annotated[
        str,
        typer.Argument(help="A bundle's name or folder.", autocompletion=complete.bundles),
    ],
    as_json: options.Json = False,
) -> None:
    """Check a bundle's files by their hashes, and its figures by its stored predictions."""
    from radiofm.bundle import load_bundle
    from radiofm.cli.bundles import bundle_path
    from radiofm_models.verify import verify as run

    folder = bundle_path(bundle)
    found = run(load_bundle(folder))
    if as_json:
        report = {"command": "models verify", "folder": str(folder), "files": found.files}
        report |= {"figures": found.figures, "without": found.without, "unlisted": found.unlisted}
        typer.echo(json.dumps(report))
        return
    typer.echo(f"{folder}: {found.files} files, each as its hash says")
    for name in found.unlisted:
        typer.echo(f"{name} is not of the bundle: it is never loaded")
    for head, figures in found.figures.items():
        single = [f"{key} {value:.4f}" for key, value in figures.items() if type(value) is float]
        typer.echo(f"{head}: as its predictions say: {', '.join(single)}")
    if found.without:
        typer.echo(f"no predictions are stored of {', '.join(found.without)}: figures not checked")


def pull(
    source: Annotated[
        str,
        typer.Argument(
            help="A bundle: its folder or archive, the URL of an archive or of its bundle.json; or "
            "OWNER/NAME on a Hugging Face hub, of a checkpoint, too."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="The folder to make. (default: one that `--bundle NAME` finds)",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="What to call the bundle here. (default: its own)", show_default=False),
    ] = None,
    sha256: Annotated[
        str | None,
        typer.Option(
            help="Of a URL or an archive: the hash that it must have, 64 hex digits.",
            show_default=False,
        ),
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option(help="Of a hub: branch, tag or commit. (default: main)", show_default=False),
    ] = None,
    endpoint: Endpoint = None,
    as_json: options.Json = False,
) -> None:
    """Fetch a bundle or a checkpoint: weights, graphs and JSON only, each by its hash."""
    from radiofm_models.interchange import fetch

    kind = _kind(source)
    _fits(source, kind, {"--sha256": sha256, "--revision": revision, "--endpoint": endpoint})
    choose = _chooser(out, name)
    progress = shown(as_json)
    report: dict[str, Any] = {"command": "models pull"}
    if kind == "URL":
        folder, manifest = fetch.from_url(source, sha256, choose, progress)
    elif kind == "folder":
        folder, manifest = fetch.from_folder(Path(source), choose)
    elif kind == "archive":
        folder, manifest = fetch.from_archive(Path(source).read_bytes(), source, choose, sha256)
    else:
        from radiofm_models.interchange import hub

        if out is None:
            folder, done = hub.pull_bundle(source, choose, revision, endpoint, progress)
        else:
            folder, done = out, hub.pull(source, out, revision, endpoint, progress)
        report |= {"folder": str(folder), "repo": source, "kind": done.kind, "commit": done.commit}
        if as_json:
            typer.echo(json.dumps({**report, "files": done.files}))
        else:
            typer.echo(f"{folder}: {done.kind} of {len(done.files)} files, commit {done.commit}")
        return
    report |= {"folder": str(folder), "source": source, "kind": "bundle"}
    if as_json:
        typer.echo(json.dumps({**report, "files": list(manifest.files)}))
    else:
        typer.echo(f"{folder}: bundle of {len(manifest.files)} files, each as its hash says")


def _kind(source: str) -> Literal["URL", "folder", "archive", "hub"]:
    if "://" in source:
        return "URL"
    if Path(source).is_dir():
        return "folder"
    return "archive" if Path(source).is_file() else "hub"


def _fits(source: str, kind: str, given: dict[str, str | None]) -> None:
    """No option goes unheard."""
    from radiofm.errors import UsageError

    heard = {"URL": ("--sha256",), "archive": ("--sha256",), "hub": ("--revision", "--endpoint")}
    for option, value in given.items():
        if value is not None and option not in heard.get(kind, ()):
            what = "is taken for one of a hub" if kind == "hub" else f"is a {kind}"
            raise UsageError(f"{option}: {source} {what}: leave the option out")


def _chooser(out: Path | None, name: str | None) -> Callable[[BundleManifest], Path]:
    """The folder for a bundle: `out`, or one that is found by its name."""
    from radiofm.cli.bundles import pulled_bundles, shipped_bundles
    from radiofm.errors import UsageError

    if name is not None and out is not None:
        raise UsageError(f"--name {name}: with --out the bundle is where that says: leave one out")
    if name is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", name):
        raise UsageError(f"--name {name!r}: write letters, digits, dots, - and _")

    def choose(manifest: BundleManifest) -> Path:
        if out is not None:
            return out
        called = name or manifest.name
        if (shipped_bundles() / called).exists():
            raise UsageError(f"bundle {called} comes with radiofm: give another name (--name)")
        return pulled_bundles() / called

    return choose
