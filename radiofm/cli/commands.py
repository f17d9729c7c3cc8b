"""Every command, in the order of the help page."""

from __future__ import annotations

import typer

from radiofm.cli import (
    adapt,
    annotate,
    bench,
    capture,
    corpus,
    demo,
    devices,
    doctor,
    enroll,
    evaluate,
    export,
    feed,
    finetune,
    heads,
    infer,
    live,
    models,
    pretrain,
    profiles,
    reproduce,
    simulate,
    spectrogram,
    status,
    virtual_pluto,
    watch,
)


def register(app: typer.Typer) -> None:
    """Add the commands to the app."""
    whole, stages, learning, tools = "The whole", "Stages, each alone", "Learning", "Tools"
    app.command(rich_help_panel=whole)(demo.demo)
    app.command(rich_help_panel=whole)(live.live)
    app.command(rich_help_panel=stages)(capture.capture)
    app.command(rich_help_panel=stages)(spectrogram.spectrogram)
    app.command(rich_help_panel=stages)(feed.feed)
    app.command(rich_help_panel=stages)(infer.infer)
    app.command(rich_help_panel=stages)(watch.watch)
    app.command(rich_help_panel=stages)(status.status)
    app.add_typer(heads.app, name="heads", rich_help_panel=stages)
    app.command(rich_help_panel=learning)(annotate.annotate)
    app.add_typer(corpus.app, name="corpus", rich_help_panel=learning)
    app.add_typer(simulate.app, name="simulate", rich_help_panel=learning)
    app.command(rich_help_panel=learning)(pretrain.pretrain)
    app.command(rich_help_panel=learning)(finetune.finetune)
    app.command(rich_help_panel=learning)(enroll.enroll)
    app.command(rich_help_panel=learning)(adapt.adapt)
    app.command(rich_help_panel=learning)(evaluate.evaluate)
    app.command(rich_help_panel=learning)(export.export)
    app.command(rich_help_panel=learning)(reproduce.reproduce)
    app.add_typer(models.app, name="models", rich_help_panel=learning)
    app.add_typer(devices.app, name="devices", rich_help_panel=tools)
    app.command(rich_help_panel=tools)(doctor.doctor)
    app.command(rich_help_panel=tools)(bench.bench)
    app.command("virtual-pluto", rich_help_panel=tools)(virtual_pluto.virtual_pluto)
    app.add_typer(profiles.app, name="profiles", rich_help_panel=tools)
