"""`radiofm feed`: items of a data set as slices."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from radiofm.cli import options
from radiofm.cli.stopping import on_stop
from radiofm.errors import UsageError


def feed(
    items: Annotated[
        str,
        typer.Argument(help="NAME:PATH of a data set, or the folder of a `radiofm simulate` set."),
    ],
    modality: Annotated[str, typer.Option(help="The bundle's modality that the items are of.")],
    bundle: options.BundleName = None,
    slices: Annotated[
        str | None,
        typer.Option(
            "--publish", help="Endpoint of the slices. (default: that of `radiofm spectrogram`)"
        ),
    ] = None,
    rate: Annotated[
        str, typer.Option(help="Slices a second, or max: as fast as readers take them.")
    ] = "10",
    count: Annotated[
        int | None, typer.Option(min=1, help="Items to publish, from the first on. (default: all)")
    ] = None,
    readers: Annotated[
        int, typer.Option(min=0, help="Readers to wait for before the first slice.")
    ] = 1,
    profile: options.Profile = None,
    as_json: options.Json = False,
) -> None:
    """Publish a data set's items, scaled as the bundle takes them, for `radiofm infer`."""
    from radiofm.cli.bundles import bundle_path
    from radiofm.settings import load_settings
    from radiofm.topics import endpoint_for
    from radiofm_models.feed import Feed, FeedConfig

    settings = load_settings(profile, {"infer": options.given(bundle=bundle)}).infer
    source = Feed(
        FeedConfig(
            items=items,
            bundle=bundle_path(settings.bundle),
            modality=modality,
            slices=slices or endpoint_for("slice"),
            rate=_rate(rate),
            count=count,
            policy="lossless",
            readers=readers,
        )
    )
    with on_stop(source.stop):
        summary = source.run()
    if as_json:
        typer.echo(json.dumps({"command": "feed", **summary.to_json()}))
        return
    typer.echo(
        f"{summary.slices_made} of {summary.slices} slices of {modality} published "
        f"({summary.slices_untaken} untaken)",
        err=True,
    )


def _rate(text: str) -> float | None:
    if text == "max":
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise UsageError(f"--rate {text!r} is no rate: give slices a second, like 10, or max")
    return value
