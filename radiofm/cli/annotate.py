"""`radiofm annotate`: recordings labelled in bulk by a bundle's heads."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radiofm.cli import complete, options
from radiofm.cli.bars import bar

if TYPE_CHECKING:
    from radiofm_services.annotate.bulk import Report

OUT = Path("annotated")


def annotate(
    bundle: Annotated[
        str,
        typer.Argument(help="A shipped bundle or a folder.", autocompletion=complete.bundles),
    ],
    recordings: Annotated[
        list[Path],
        typer.Argument(
            metavar="RECORDING", help="SigMF recordings, or folders of them, at any depth."
        ),
    ],
    heads: options.HeadNames = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of what is written: metadata with the annotations, beside links to the "
            f"samples. (default: {OUT})",
            show_default=False,
        ),
    ] = None,
    in_place: Annotated[
        bool,
        typer.Option("--in-place", help="Add them to the recordings' own metadata instead."),
    ] = False,
    again: Annotated[
        bool,
        typer.Option("--again", help="Also what these heads have annotated before."),
    ] = False,
    least: Annotated[
        float,
        typer.Option("--least", min=0, max=1, help="Leave out labels with a lower score."),
    ] = 0.0,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads. (default: one a core)", show_default=False)
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            help="What computes spectrograms: numba, fftw, mkl, scipy or reference. (default: the "
            "fastest)",
            show_default=False,
        ),
    ] = None,
    provider: options.Provider = None,
    as_json: options.Json = False,
) -> None:
    """Write what the heads say of recordings as SigMF annotations.

    The same label in slices that follow each other is one annotation, of the frequencies that a
    mask of the bundle gives it, else of the band, with `radiofm:confidence` or `radiofm:novelty`.
    Annotations by others stay as they are; a head's own of before give way.
    """
    from contextlib import closing

    from radiofm.cli.bundles import bundle_path
    from radiofm.errors import UsageError
    from radiofm.settings import load_settings
    from radiofm_services.annotate.annotator import AnnotateConfig, Annotator
    from radiofm_services.annotate.bulk import annotate as run
    from radiofm_services.runtime import Runtime

    if in_place and out:
        raise UsageError("--in-place writes no folder: leave --out out, or --in-place")
    names = [name.strip() for text in heads or [] for name in text.split(",") if name.strip()]
    settings = load_settings(None, {"infer": options.given(provider=provider)}).infer
    config = AnnotateConfig(
        bundle=bundle_path(bundle),
        heads=tuple(names),
        least=least,
        runtime=Runtime(1, settings.provider),
        workers=workers or len(os.sched_getaffinity(0)),
        backend=backend or "auto",
    )
    folder = None if in_place else out or OUT
    began = time.monotonic()
    with closing(Annotator(config)) as annotator, bar("MB", quiet=as_json) as progress:
        if annotator.fallback:
            typer.echo(annotator.fallback, err=True)
        report = run(
            recordings, annotator, folder, again=again,
            progress=lambda done, of: progress(done // 10**6, of // 10**6),
        )  # fmt: skip
        by, computed = annotator.by, annotator.backend
    seconds = time.monotonic() - began
    if as_json:
        line = {
            "command": "annotate", "bundle": bundle, "out": str(folder) if folder else None,
            "by": by, "backend": computed, "recordings": report.recordings,
            "annotated": report.annotated, "unchanged": report.unchanged, "unread": report.unread,
            "slices": report.slices, "coverage": report.coverage,
            "annotations": dict(report.annotations.most_common()), "seconds": round(seconds, 3),
            "slices_per_s": round(report.slices / seconds, 1),
        }  # fmt: skip
        typer.echo(json.dumps(line))
    else:
        _tell(report, folder, seconds)
    if report.unread:
        raise typer.Exit(1)


def _tell(report: Report, folder: Path | None, seconds: float) -> None:
    for reason in report.unread.values():
        typer.echo(f"not read: {reason}", err=True)
    labels = ", ".join(f"{count} {name}" for name, count in report.annotations.most_common())
    typer.echo(
        f"{report.recordings} recordings ({report.annotated} annotated, {report.unchanged} "
        f"unchanged, {len(report.unread)} not readable): {labels or 'nothing found'}; "
        f"{report.slices} slices, {report.coverage:.1%} of the samples, "
        f"{report.slices / seconds:.0f} slices/s; written to {folder or 'their own metadata'}",
        err=True,
    )
