"""The lines that are always there: who speaks, and what became of every sample and slice."""

from __future__ import annotations

from collections.abc import Iterator

from rich.style import Style

from radiofm.quantities import format_si
from radiofm.wire import SampleAccount
from radiofm_services.view.canvas import Item, Line, flow, item_width
from radiofm_services.view.palette import BAD, DIM, FAINT, GOOD, STRONG, TEXT, WARN
from radiofm_services.view.state import ViewState
from radiofm_services.view.words import count, number, size

SILENCE_S = 2.5  # heartbeats come each second
FOOTER_LINES = 4


def header(state: ViewState, width: int) -> list[Line]:
    """Two lines: the radio and its tuning, the encoder and its heads."""
    return [
        _two_sides(_radio(state), _recording(state), width),
        _two_sides(_model(state), _condition(state), width),
    ]


def footer(state: ViewState, width: int) -> list[Line]:
    """Four lines: samples, slices, times, the machine."""
    return flow([_samples(state), _slices(state), _times(state), _machine(state)], width)


def _two_sides(items: Iterator[Item], right: Item, width: int) -> Line:
    need = item_width(right) + 2 if right else 0
    left = Line(max(0, width - need))
    for item in items:
        left.add("   " if left.segments else " ").pieces(item)
    line = Line(width).extend(left.fill().segments, max(0, width - need))
    return line.add(" ").pieces(right).fill()


def _radio(state: ViewState) -> Iterator[Item]:
    yield [("radiofm", STRONG)]
    if state.tuning:
        yield [(format_si(state.tuning.center_frequency_hz, "Hz"), STRONG)]
        yield [(format_si(state.tuning.sample_rate_hz, "S/s"), TEXT)]
    gain = state.gauge("capture", "gain_db")
    if gain is not None:
        yield [(f"gain {gain:.0f} dB", TEXT)]
    capture = state.daemons.get("capture")
    device = capture.device if capture else ""
    recorded = state.tuning is not None and state.tuning.time_quality == "recorded"
    # What is not a radio on the air is not taken for one.
    words = f"{device} {'replay' if recorded else ''}".lower().split()
    for start, badge in (("replay", "REPLAY"), ("virtual", "VIRTUAL"), ("sim", "SIMULATED")):
        if any(word.startswith(start) for word in words):
            yield [(badge, WARN)]
    if device:
        yield [(device, DIM)]


def _recording(state: ViewState) -> Item:
    recorded = state.gauge("capture", "recorded_bytes")
    if state.gauge("capture", "recording") == 0:
        return [("REC STOPPED ", BAD), (size(recorded or 0), TEXT)]
    return [("● REC ", BAD), (size(recorded), TEXT)] if recorded else []


def _model(state: ViewState) -> Iterator[Item]:
    yield [("encoder ", FAINT), (state.encoder[:12] or "–", DIM)]
    for head in state.heads.values():
        yield [(head.name, DIM), (f" {head.version}", FAINT)]


def _condition(state: ViewState) -> Item:
    if not state.heard:
        return [("waiting for the first message", DIM)]
    if state.ended:
        return [("ended", DIM)]
    if state.silence_s >= SILENCE_S:
        return [(f"no message for {state.silence_s:.0f} s", WARN)]
    notes = [status.note for status in state.daemons.values() if status.note]
    return [(notes[-1], DIM)] if notes else []


def _samples(state: ViewState) -> Iterator[Item]:
    coverage = state.gauge("infer", "coverage")
    style = DIM if coverage is None else GOOD if coverage >= 0.99 else WARN
    percent = None if coverage is None else 100 * coverage
    yield [("coverage ", STRONG), (f"{number(percent, 1, 5)} %", style)]
    samples = state.samples or SampleAccount()
    lost: Item = [("lost ", DIM), (count(samples.lost), BAD if samples.lost else GOOD)]
    if samples.lost_estimated:
        lost = [*lost, (f" (~{count(samples.lost_estimated)} estimated)", WARN)]
    yield lost
    yield [("received ", DIM), (count(samples.received), TEXT)]
    if samples.untaken:
        yield [("untaken ", DIM), (count(samples.untaken), TEXT)]
    for stage, amount in sorted(samples.lost_by_stage.items()):
        yield [(f"lost at {stage} ", DIM), (count(amount), TEXT)]


def _slices(state: ViewState) -> Iterator[Item]:
    slices = state.slice_account
    if slices is None:
        yield [("slices ", DIM), ("–", TEXT)]
        return
    yield [
        *_figure("slices ", slices.slices),
        *_figure(" = inferred ", slices.inferred),
        *_figure(" + untaken ", slices.untaken, WARN),
        *_figure(" + skipped ", slices.skipped, WARN),
    ]


def _figure(name: str, value: int, style: Style = TEXT) -> Item:
    return [(name, DIM), (count(value), style if value else TEXT)]


def _times(state: ViewState) -> Iterator[Item]:
    p50, p99 = (state.gauge("infer", f"latency_{p}_ms") for p in ("p50", "p99"))
    yield [
        ("latency p50 ", DIM),
        (number(p50, 1, 5), TEXT),
        (" p99 ", DIM),
        (number(p99, 1, 5), TEXT),
        (" ms", DIM),
    ]
    yield from _gauge(state, "spectrogram", "lag_ms", "lag", "ms", 5)
    yield from _gauge(state, "infer", "slices_per_s", "", "slices/s", 5)
    patches = state.gauge("infer", "patches")
    if patches is not None and patches < 1:
        yield [("patches ", DIM), (f"{100 * patches:.0f}", TEXT), (" %", DIM)]


def _machine(state: ViewState) -> Iterator[Item]:
    rate = state.gauge("capture", "rate_msps")
    yield [("rate ", DIM), (number(rate, 2, 5), TEXT), (" MS/s", DIM)]
    disk = state.gauge("capture", "disk_free_bytes")
    if disk is not None:
        yield [("disk ", DIM), (size(disk), TEXT), (" left", DIM)]
    subscribers = state.gauge("capture", "subscribers")
    if subscribers is not None:
        yield [("subscribers ", DIM), (f"{subscribers:.0f}", TEXT)]
    yield from _gauge(state, "capture", "level_dbfs", "level", "dBFS", 6)
    clipped = state.gauge("capture", "clipped")
    if clipped:
        yield [("clipped ", DIM), (count(round(clipped)), WARN)]
    # The view's own failings belong beside the chain's.
    if state.skipped:
        yield [("not drawn ", DIM), (count(state.skipped), WARN)]
    if state.malformed:
        yield [("malformed ", DIM), (count(state.malformed), BAD)]
    yield from _gauge(state, "capture", "link_mbps", "link", "Mb/s", 5)
    yield from _gauge(state, "spectrogram", "slice_ms", "spectrogram", "ms", 4)


def _gauge(
    state: ViewState, daemon: str, gauge: str, name: str, unit: str, width: int, digits: int = 1
) -> Iterator[Item]:
    value = state.gauge(daemon, gauge)
    if value is not None:
        label = f"{name} " if name else ""
        yield [(label, DIM), (number(value, digits, width), TEXT), (f" {unit}", DIM)]
