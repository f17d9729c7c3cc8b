"""How the air is taken: without gaps, in bursts or by a plan; `auto` lets the link decide."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from radiofm.errors import UsageError
from radiofm.settings import CaptureSettings
from radiofm_capture.device import Bursts, Device, Gauged, Retunable, Tuning
from radiofm_capture.plan import SLICES, Dwell, Plan, load_plan, parse_sweep
from radiofm_capture.plan_device import PlanDevice
from radiofm_capture.pluto import PlutoDevice
from radiofm_capture.pluto_link import Link

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Taking:
    """What the daemon reads, and what is to be said of it."""

    radio: Device
    mode: str
    link: Link | None = None  # where it was asked
    plan: PlanDevice | None = None  # that retunes the radio

    @property
    def device(self) -> Device:
        return self.plan or self.radio

    def note(self) -> str:
        """One line for the heartbeat."""
        parts = [f"plan: dwell {self.plan.begun}"] if self.plan else []
        return "; ".join([*parts, *([self.link.verdict] if self.link else [])])

    def gauges(self) -> dict[str, float]:
        """What the heartbeat adds."""
        own = self.radio.gauges() if isinstance(self.radio, Gauged) else {}
        return own | ({"dwells": self.plan.begun} if self.plan else {})

    def report(self) -> dict[str, Any]:
        """What the closing line adds."""
        carried = self.link.carried_hz if self.link else None
        shuffled = self.plan and self.plan.plan.order == "shuffled"
        return {
            "mode": self.mode,
            "link_msps": None if carried is None else round(carried / 1e6, 3),
            "dwells": self.plan.begun if self.plan else None,
            "plan_seed": self.plan.plan.seed if self.plan and shuffled else None,
        }


def plan_of(settings: CaptureSettings) -> Plan | None:
    """The plan that the settings name, if they do."""
    if not settings.plan and not settings.sweep:
        for name in ("dwell", "dwells", "repeat"):
            if getattr(settings, name) is not None:
                raise UsageError(f"{name} is a plan's: add --plan or --sweep, or leave it out")
        return None
    if settings.plan and settings.sweep:
        raise UsageError("plan and sweep both say where to tune: leave one out")
    if settings.fc:
        raise UsageError(f"fc {settings.fc:g} has no place beside a plan: leave one out")
    if settings.sweep:
        if settings.rate is None:
            raise UsageError(f"sweep {settings.sweep!r} needs a sample rate: add --rate 20e6")
        plan = parse_sweep(settings.sweep, settings.rate, settings.dwell or SLICES)
    else:
        assert settings.plan
        for name in ("rate", "dwell"):
            if getattr(settings, name) is not None:
                raise UsageError(f"{name} is in the plan {settings.plan}: leave it out")
        plan = load_plan(settings.plan)
    return plan if settings.repeat is None else plan.model_copy(update={"repeat": settings.repeat})


def take(
    radio: Device,
    settings: CaptureSettings,
    plan: Plan | None,
    tuning: Callable[[Dwell], Tuning],
) -> Taking:
    """Put the plan on the opened radio, and let the link decide where it is to. Mode `burst`
    without a plan is how the radio was opened."""
    mode = settings.mode or (plan.mode if plan else None) or "stream"
    if (plan or mode != "stream") and not isinstance(radio, Retunable):
        what = "a plan" if plan else f"--mode {mode}"
        raise UsageError(f"{what} is not for --device {settings.device}: use pluto, uhd or sim")
    if settings.bursts and (plan or mode == "stream"):
        raise UsageError(f"bursts {settings.bursts} is for --mode burst or auto without a plan")
    link = _link(radio, settings) if mode == "auto" else None
    if plan:
        assert isinstance(radio, Retunable)
        streams = link.carries if link else lambda _: True
        by_plan = PlanDevice(radio, plan, tuning, mode=mode, streams=streams, most=settings.dwells)
        return Taking(radio, mode, link, by_plan)
    if link and isinstance(radio, PlutoDevice):
        mode = "stream" if link.carries(radio.tuning) else "burst"
        if mode == "burst":
            log.warning("%s: bursts, with untaken air between", link.verdict)
            radio.retune(radio.tuning, bursts_of(settings))
    return Taking(radio, mode, link)


def bursts_of(settings: CaptureSettings) -> Bursts:
    """The bursts that the settings ask for."""
    return Bursts(settings.burst_slices, settings.bursts)


def _link(radio: Device, settings: CaptureSettings) -> Link:
    if not isinstance(radio, PlutoDevice):
        raise UsageError(
            f"--mode auto measures the link to a Pluto, and --device {settings.device} has none:"
            " use stream or burst"
        )
    return Link(radio.measure_link)
