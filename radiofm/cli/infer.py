"""`radiofm infer`: the service that says what each slice holds."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from radiofm.cli import options
from radiofm.cli.stopping import on_stop


def infer(
    slices: Annotated[str | None, typer.Option(help="Endpoint of `radiofm spectrogram`.")] = None,
    results: Annotated[str | None, typer.Option(help="Endpoint of the results.")] = None,
    control: Annotated[str | None, typer.Option(help="Endpoint of `radiofm heads`.")] = None,
    bundle: options.BundleName = None,
    heads: options.HeadNames = None,
    threads: options.Threads = None,
    provider: options.Provider = None,
    patches: options.PatchShare = None,
    choose: options.Choose = None,
    deadline: options.Deadline = None,
    precision: Annotated[
        Literal["fp32", "int8"],
        typer.Option(help="int8: the bundle's 8-bit encoder, where it has one."),
    ] = "fp32",
    incomplete: options.Incomplete = None,
    policy: options.Policy = None,
    depth: Annotated[int, typer.Option(min=1, max=1000, help="latest: slices that may wait.")] = 32,
    patience: options.Patience = None,
    wait: options.Wait = None,
    readers: options.Readers = None,
    profile: options.Profile = None,
    as_json: options.Json = False,
) -> None:
    """Run the encoder and its heads on every slice."""
    from radiofm.cli.bundles import bundle_path
    from radiofm.quantities import parse_duration
    from radiofm.settings import load_settings
    from radiofm.topics import endpoint_for
    from radiofm_services.inference import InferenceConfig, InferenceService
    from radiofm_services.runtime import Runtime

    names = [name.strip() for text in heads or [] for name in text.split(",") if name.strip()]
    flags = options.given(
        bundle=bundle, heads=names or None, threads=threads, provider=provider, patches=patches,
        choose=choose, deadline=deadline, incomplete=incomplete, policy=policy, patience=patience,
    )  # fmt: skip
    settings = load_settings(profile, {"infer": flags}).infer
    service = InferenceService(
        InferenceConfig(
            bundle=bundle_path(settings.bundle),
            slices=slices or endpoint_for("slice"),
            results=results or endpoint_for("result"),
            control=control or endpoint_for("control"),
            heads=settings.heads,
            runtime=Runtime(settings.threads, settings.provider),
            precision=precision,
            patches=settings.patches,
            choose=settings.choose,
            deadline_s=settings.deadline,
            policy=settings.policy,
            depth=depth,
            incomplete=settings.incomplete,
            patience_s=settings.patience,
            first_message_s=parse_duration(wait, "wait") if wait else None,
            readers=readers or 0,
        )
    )
    with on_stop(service.stop):
        summary = service.run()
    if as_json:
        typer.echo(json.dumps({"command": "infer", **summary.to_json()}))
        return
    typer.echo(
        f"{summary.slices_inferred} of {summary.slices} slices inferred "
        f"({summary.slices_skipped} skipped, {summary.slices_untaken} untaken), "
        f"coverage {summary.coverage:.1%}, latency p50 {summary.latency_ms['p50']:.1f} ms, "
        f"p99 {summary.latency_ms['p99']:.1f} ms"
        + (f", on {summary.patches:.0%} of the patches" if summary.patches < 1 else ""),
        err=True,
    )
