"""`radiofm spectrogram`: the worker that makes slices of samples."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from radiofm.cli import options
from radiofm.cli.stopping import on_stop
from radiofm.errors import UsageError

if TYPE_CHECKING:
    from radiofm.spectrogram import SpectrogramSpec


def spectrogram(
    iq: Annotated[str | None, typer.Option(help="Endpoint of `radiofm capture`.")] = None,
    slices: Annotated[str | None, typer.Option(help="Endpoint of the slices made.")] = None,
    bundle: options.BundleName = None,
    spec: Annotated[
        str | None, typer.Option(help="A preset of slices in place of the bundle's: table-i.")
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            help="What computes: numba, fftw, mkl, scipy or reference. (default: the fastest)",
            show_default=False,
        ),
    ] = None,
    policy: options.Policy = None,
    depth: Annotated[
        int, typer.Option(min=1, max=1000, help="latest: messages that may wait.")
    ] = 8,
    patience: options.Patience = None,
    wait: options.Wait = None,
    readers: options.Readers = None,
    profile: options.Profile = None,
    as_json: options.Json = False,
) -> None:
    """Cut samples into slices and compute their spectrograms."""
    from radiofm.quantities import parse_duration
    from radiofm.settings import load_settings
    from radiofm.topics import endpoint_for
    from radiofm_services.spectrogram import SpectrogramWorker, WorkerConfig

    flags = options.given(policy=policy, patience=patience, backend=backend)
    model = options.given(bundle=bundle)
    settings = load_settings(profile, {"spectrogram": flags, "infer": model})
    worker = SpectrogramWorker(
        WorkerConfig(
            spec=_spec(spec, settings.infer.bundle),
            iq=iq or endpoint_for("iq"),
            slices=slices or endpoint_for("slice"),
            policy=settings.spectrogram.policy,
            depth=depth,
            backend=settings.spectrogram.backend,
            patience_s=settings.spectrogram.patience,
            first_message_s=parse_duration(wait, "wait") if wait else None,
            readers=readers or 0,
        )
    )
    with on_stop(worker.stop):
        summary = worker.run()
    if as_json:
        typer.echo(json.dumps({"command": "spectrogram", **summary.to_json()}))
        return
    typer.echo(
        f"{summary.samples_received} samples received, {summary.samples_lost} lost; "
        f"{summary.slices_made} of {summary.slices} slices made "
        f"({summary.slices_incomplete} incomplete, {summary.slices_untaken} untaken), "
        f"by {summary.backend or 'no backend'}",
        err=True,
    )


def _spec(preset: str | None, bundle: str) -> SpectrogramSpec:
    from radiofm.bundle import load_bundle
    from radiofm.cli.bundles import bundle_path
    from radiofm.spectrogram import PRESETS

    if preset is None:
        return load_bundle(bundle_path(bundle)).manifest.spec
    if preset not in PRESETS:
        raise UsageError(f"spec {preset!r} is unknown: take one of {', '.join(PRESETS)}")
    return PRESETS[preset]
