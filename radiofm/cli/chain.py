"""A whole chain under one supervisor: device -> spectrogram -> inference, the view beside it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from radiofm.cli.stopping import on_stop
from radiofm.errors import RadiofmError
from radiofm.topics import endpoint_for

if TYPE_CHECKING:
    from radiofm_services.supervisor import Supervisor


class Collector(Protocol):
    """Follows the results of a run in a thread of its own."""

    def run(self, endpoint: str, done: threading.Event) -> None: ...


@dataclass
class Chain:
    """What to run: the arguments of each stage, in the order of the data."""

    capture: list[str]
    spectrogram: list[str]
    infer: list[str]
    virtual_pluto: list[str] | None = None  # a radio to start first, and to capture from
    quiet: bool = False
    picture: Path | None = None
    collect: Collector | None = None  # is given every result

    @property
    def shows(self) -> bool:
        """Whether there is a view."""
        return self.picture is not None or not self.quiet


def run(chain: Chain) -> dict[str, Any]:
    """Run the chain to its end and return its account; a stage's failure is raised.

    Where the capture failed under way, what it said is in the account as `failure`.
    """
    from radiofm_services.supervisor import Supervisor

    stopped = threading.Event()
    with on_stop(stopped.set), Supervisor() as supervisor:
        radio = _radio(supervisor, chain, stopped)
        # Each stage waits for all of its readers, so that none misses the beginning.
        views = int(chain.shows)
        infer = supervisor.start(
            "infer", "infer", "--json", *_readers(views + bool(chain.collect)), *chain.infer
        )
        spectrogram = supervisor.start(
            "spectrogram", "spectrogram", "--json", *_readers(views + 1), *chain.spectrogram
        )
        capture = supervisor.start(
            "capture", "capture", "--json", *_readers(1), *chain.capture, *radio
        )
        with _beside(chain):
            while capture.process.poll() is None and not stopped.wait(0.1):
                supervisor.check(but=capture)
            # One that closes its account has told its readers: they run dry and close theirs.
            failure = capture.failure()
            capture.excused = bool(failure and capture.report())
            supervisor.finish([capture, spectrogram, infer])
    report = account(capture.report(), spectrogram.report(), infer.report())
    return report | ({"failure": str(failure)} if failure else {})


def _readers(count: int) -> list[str]:
    return ["--readers", str(count)]


def _radio(supervisor: Supervisor, chain: Chain, stopped: threading.Event) -> list[str]:
    """Start the virtual Pluto, if there is one, and return the options that lead to it."""
    if chain.virtual_pluto is None:
        return []
    stage = supervisor.start(
        "virtual-pluto", "virtual-pluto", "--json", "--port", "0", *chain.virtual_pluto
    )
    while not stopped.wait(0.05):
        supervisor.check()
        if uri := stage.report().get("uri"):
            return ["--uri", uri]
    return []


def raise_failure(report: dict[str, Any]) -> None:
    """Raise what an account has as its `failure`, once the account was shown."""
    if failure := report.get("failure"):
        raise RadiofmError(failure)


@contextmanager
def _beside(chain: Chain) -> Iterator[None]:
    """The view and the collector, in threads of their own."""
    done = threading.Event()
    threads: list[threading.Thread] = []
    if chain.collect:
        threads.append(
            threading.Thread(target=chain.collect.run, args=(endpoint_for("result"), done))
        )
    if chain.shows:
        from rich.console import Console

        from radiofm_services.view.watch import run_view

        endpoints = [endpoint_for(name) for name in ("iq", "slice", "result")]
        view = partial(run_view, endpoints, done, Console(quiet=chain.quiet), picture=chain.picture)
        threads.append(threading.Thread(target=view))
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def account(
    capture: dict[str, Any], spectrogram: dict[str, Any], infer: dict[str, Any]
) -> dict[str, Any]:
    """One account of the chain; its samples are the worker's: lost by the device or the bus."""
    slices = infer["slices"]
    return {
        "device": capture["device"],
        "center_frequency_hz": capture["center_frequency_hz"],
        "sample_rate_hz": capture["sample_rate_hz"],
        "samples_span": spectrogram["samples_span"],
        "samples_received": spectrogram["samples_received"],
        "samples_lost": spectrogram["samples_lost"],
        "samples_lost_estimated": spectrogram["samples_lost_estimated"],
        "samples_untaken": spectrogram["samples_untaken"],
        "slices": slices,
        "slices_inferred": infer["slices_inferred"],
        "slices_untaken": infer["slices_untaken"],
        "slices_skipped": infer["slices_skipped"],
        "coverage": infer["coverage"],
        "patches": infer["patches"],
        "latency_ms": infer["latency_ms"],
        "heads": infer["heads"],
        "recordings": capture["recordings"],
        "stages": {"capture": capture, "spectrogram": spectrogram, "infer": infer},
    }
