"""The terminal view, fed with a synthetic stream: a wandering OFDM band, hops, and lost samples."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from radiofm.bus import Publisher
from radiofm.errors import RadiofmError, UsageError
from radiofm.wire import (
    HeadResult,
    LabelScore,
    Loss,
    Message,
    ResultHeader,
    SampleAccount,
    SliceAccount,
    SliceHeader,
    Stage,
    StatusHeader,
)
from radiofm_services.view import palette
from radiofm_services.view.history import Row
from radiofm_services.view.picture import picture
from radiofm_services.view.plain import plain_line
from radiofm_services.view.render import render
from radiofm_services.view.state import ViewState
from radiofm_services.view.watch import KEPT_SLICES, drain, follow, run_view
from radiofm_services.view.waterfall import draw

COUNT = 64_000  # samples a slice: 16 ms at 4 MS/s
RATE = 4e6
LABELS = ("ofdm", "gfsk", "noise", "chirp")


@dataclass
class Feed:
    """Makes the messages of a chain that loses what `lost` says, before the slice it names."""

    lost: dict[int, Loss] = field(default_factory=dict)
    seed: int = 1
    stream: UUID = field(default_factory=uuid4)
    size: int = 64

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)
        self.index = 0
        self._sequence = 0
        self._statuses = 0
        self._received = 0
        self._losses: list[Loss] = []

    def run(self, slices: int) -> Iterator[Message]:
        """All messages of the next `slices` slices."""
        for _ in range(slices):
            loss = self.lost.get(self._sequence)
            if loss:
                self.index += loss.samples
                self._losses.append(loss)
            yield from self.slice(() if loss is None else (loss,))
            if self._sequence % 62 == 1:
                yield from self.statuses()

    def slice(self, lost: Sequence[Loss] = (), complete: bool = True) -> Iterator[Message]:
        image, mask, label = self._scene(self.index / RATE)
        place: dict[str, Any] = dict(
            stream=self.stream,
            sequence=self._sequence,
            sample_index=self.index,
            sample_count=COUNT,
            time_ns=1_700_000_000_000_000_000 + round(self.index / RATE * 1e9),
            time_quality="device",
            center_frequency_hz=2.44e9,
            sample_rate_hz=RATE,
            lost=tuple(lost),
            slice_index=self.index // COUNT,
            host_time_ns=1,
        )
        yield Message(
            SliceHeader(spec="0123456789abcdef", shape=image.shape, complete=complete, **place),
            image,
        )
        scores = {name: 0.02 for name in LABELS}
        scores[label] = 0.90 + 0.05 * float(self._rng.random())
        best = sorted(scores.items(), key=lambda item: -item[1])
        heads = (
            HeadResult(
                name="signals",
                version="1.0",
                task="classification",
                labels=tuple(LabelScore(label=n, score=s) for n, s in best),
            ),
            HeadResult(
                name="segmentation", version="1.0", task="segmentation", mask_shape=mask.shape
            ),
            HeadResult(name="anomaly", version="1.0", task="reconstruction", vector=(0.41,)),
        )
        yield Message(
            ResultHeader(
                encoder="9f3c21ab55d0e7c1",
                heads=heads,
                novelty=0.4 + 0.9 * (label == "chirp"),
                complete_ns=2,
                taken_ns=3,
                answered_ns=4,
                **place,
            ),
            mask.reshape(-1),
        )
        self._sequence += 1
        self.index += COUNT
        self._received += COUNT

    def statuses(self, state: Literal["running", "ended"] = "running") -> Iterator[Message]:
        untaken = sum(loss.samples for loss in self._losses if loss.untaken)
        lost = sum(loss.samples for loss in self._losses) - untaken
        stages: dict[Stage, int] = {}
        for loss in self._losses:
            stages[loss.stage] = stages.get(loss.stage, 0) + loss.samples
        samples = SampleAccount(
            span=self._received + lost + untaken,
            received=self._received,
            untaken=untaken,
            lost=lost,
            lost_estimated=sum(x.samples for x in self._losses if not x.exact),
            lost_by_stage=stages,
        )
        slices = SliceAccount(
            slices=self._sequence + 3, inferred=self._sequence, untaken=2, skipped=1
        )
        for daemon, gauges in {
            "capture": dict(
                rate_msps=4.0,
                level_dbfs=-12.34,
                clipped=0.0,
                subscribers=2.0,
                disk_free_bytes=123.4e9,
                recorded_bytes=1.2e9,
                link_mbps=128.0,
                gain_db=40.0,
            ),
            "spectrogram": dict(slice_ms=3.1, lag_ms=5.6),
            "infer": dict(
                latency_p50_ms=15.0, latency_p99_ms=19.4, coverage=0.998, slices_per_s=62.5
            ),
        }.items():
            yield Message(
                StatusHeader(
                    stream=self.stream,
                    sequence=self._statuses,
                    sample_index=self.index,
                    sample_count=0,
                    time_ns=1,
                    time_quality="host",
                    center_frequency_hz=2.44e9,
                    sample_rate_hz=RATE,
                    daemon=daemon,
                    state=state,
                    samples=samples if daemon != "infer" else None,
                    slices=slices if daemon == "infer" else None,
                    gauges=gauges,
                    device="virtual Pluto at ip:127.0.0.1:30431" if daemon == "capture" else "",
                ),
                np.zeros(0, np.uint8),
            )
        self._statuses += 1

    def _scene(self, seconds: float) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8], str]:
        """A slice float32 [size, size], its mask, and the name of what is strongest in it."""
        rng, size = self._rng, self.size
        power = rng.exponential(size=(size, size)) + rng.exponential(size=(size, size))
        mask = np.zeros((size, size), np.uint8)
        row = np.arange(size)[:, None]
        label = "noise"
        phase = seconds % 6
        if phase < 3.2:
            middle = size * (0.36 + 0.07 * np.sin(seconds))
            band = abs(row - middle) < size * 0.12
            bursts = (np.arange(size) // 37 + int(seconds * 7)) % 4 > 0
            mask |= (band & bursts[None, :]).astype(np.uint8)
            power += 60 * (band & bursts[None, :]) * rng.exponential(size=(size, size))
            label = "ofdm"
        elif phase < 5:
            label = "gfsk"
        elif phase < 5.6:
            at = (phase - 5) / 0.6 * size
            band = abs(row - at - np.arange(size)[None, :] / 10) < 2
            power += 400 * band
            mask |= band.astype(np.uint8)
            label = "chirp"
        if 2 < phase < 5:
            hop = int(rng.integers(8, size - 8))
            power[hop - 2 : hop + 3, 20:170] += rng.choice((60, 200, 900))
            mask[hop - 2 : hop + 3, 20:170] = 1
        decibels = 10 * np.log10(power) - 75
        return ((decibels / 110 + 1 - 0.5) / 0.125).astype(np.float32), mask, label


def fed(slices: int, **feed: Any) -> ViewState:
    state = ViewState()
    for message in Feed(**feed).run(slices):
        state.update(message)
    return state


def lines_of(state: ViewState, width: int, height: int) -> list[str]:
    return ["".join(s.text for s in line.segments) for line in render(state, width, height).lines]


def kinds_of(state: ViewState, rows: int) -> list[Row]:
    """The kinds of the newest `rows` rows, oldest first."""
    assert state.history is not None
    return [Row(int(k)) for k in state.history.window(rows, 1).kinds[::-1]]


EXACT = Loss(samples=3 * COUNT, exact=True, stage="link")
ABOUT = Loss(samples=2 * COUNT, exact=False, stage="device")
PART = Loss(samples=COUNT // 4, exact=True, stage="queue")
UNTAKEN = Loss(samples=50 * COUNT, exact=False, stage="device", untaken=True)
STATES = {"empty": ViewState(), "full": fed(70, lost={40: EXACT})}


def test_each_slice_is_a_row_and_bursts_survive() -> None:
    (message, _) = Feed(size=224).slice()
    image = message.payload.copy()
    image[50, 7] = 99.0  # one cell of 224 x 224
    state = ViewState()
    state.update(Message(message.header, image))
    assert state.history is not None and state.slices == 1
    assert state.history.window(1, 1).values[0, 50] == 99.0


def test_lost_time_keeps_its_place_and_its_kind() -> None:
    state = fed(12, lost={5: EXACT, 8: ABOUT})
    data = [Row.DATA]
    gaps = 5 * data + 3 * [Row.LOST] + 3 * data + 2 * [Row.LOST_ESTIMATED] + 4 * data
    assert kinds_of(state, 17) == gaps
    assert state.history is not None and state.history.newest + 1 == 17


def test_a_loss_smaller_than_a_row_is_marked_on_its_slice() -> None:
    state = fed(4, lost={2: PART})
    assert kinds_of(state, 4) == [Row.DATA, Row.DATA, Row.LOST, Row.DATA]
    assert state.history and np.isfinite(state.history.window(4, 1).values).all()


def test_a_loss_told_with_an_earlier_slice_keeps_its_estimate() -> None:
    feed, state = Feed(), ViewState()
    torn = [*feed.slice((ABOUT,), complete=False)]
    feed.index += 2 * COUNT
    for message in [*torn, *feed.slice(complete=False)]:
        state.update(message)
    assert kinds_of(state, 4) == 4 * [Row.LOST_ESTIMATED]


def test_untaken_air_takes_one_row() -> None:
    state = fed(9, lost={3: UNTAKEN, 6: UNTAKEN})
    burst = 3 * [Row.DATA]
    assert kinds_of(state, 11) == [*burst, Row.SEAM, *burst, Row.SEAM, *burst]
    assert state.history and (state.history.window(11, 1).labels >= 0).sum() == 9
    text = "\n".join(lines_of(state, 120, 30))
    assert "lost at" not in text


def test_slices_the_view_did_not_take_are_skipped_not_lost() -> None:
    state = ViewState()
    for message in Feed().run(10):
        header = message.header
        if not (isinstance(header, SliceHeader) and 3 <= header.sequence < 7):
            state.update(message)
    assert state.skipped == 4
    assert kinds_of(state, 10) == 3 * [Row.DATA] + 4 * [Row.SKIPPED] + 3 * [Row.DATA]


def test_a_new_stream_goes_on_above_a_line() -> None:
    state = fed(5)
    for message in Feed(seed=2).run(3):
        state.update(message)
    assert kinds_of(state, 9) == 5 * [Row.DATA] + [Row.SEAM] + 3 * [Row.DATA]


def test_results_are_written_on_their_slices() -> None:
    state = fed(210)
    assert state.history is not None
    window = state.history.window(210, 1)
    named = [state.label_order[n] for n in window.labels[::-1]]
    assert named[0] == "ofdm" and named[-1] == "gfsk"  # at 0 s and at 3.2 s of the scene
    assert window.occupied.any(axis=1).all()


def test_label_shares_are_of_the_last_seconds() -> None:
    state = fed(900)  # 14.4 s; the scene repeats each 6 s
    head = state.heads["signals"]
    assert 9.9e9 < head.recent[-1][0] - head.recent[0][0] <= 10e9
    shares = dict(head.shares())
    assert sum(shares.values()) == pytest.approx(1)
    counted = sum(1 for _, label in head.recent if label == "ofdm")
    assert shares["ofdm"] == counted / len(head.recent)


@pytest.mark.parametrize("size", [(80, 24), (120, 32), (200, 50), (60, 16), (79, 23)])
def test_every_line_has_the_width_of_the_screen(size: tuple[int, int]) -> None:
    lines = lines_of(fed(130, lost={40: EXACT, 80: ABOUT}), *size)
    assert len(lines) == size[1]
    assert {cell_len(line) for line in lines} == {size[0]}


@given(width=st.integers(1, 260), height=st.integers(1, 90))
@settings(max_examples=40, deadline=None)
def test_any_size_can_be_drawn(width: int, height: int) -> None:
    for state in STATES.values():
        lines = lines_of(state, width, height)
        assert len(lines) == height and {cell_len(line) for line in lines} == {width}


def test_gaps_are_drawn_and_estimates_marked() -> None:
    state = fed(130, lost={60: EXACT, 100: ABOUT})
    lines = lines_of(state, 120, 32)
    gutter = [line[:7].strip() for line in lines]
    assert gutter.count("~lost") == 1 and gutter.count("lost") == 1
    pixels = draw(state, 80, 22).pixels
    hatched = (pixels == palette.HATCH).any(axis=1)
    assert 2 <= hatched.sum() <= 5  # 3 and 2 slices of 16 ms, in rows of 48 ms
    assert not (pixels[hatched] == palette.HATCH).all(axis=1).any()  # stripes, not a bar
    assert "(~128,000 estimated)" in "".join(lines)


def test_a_pooled_row_shows_the_loss_within_it() -> None:
    one = Loss(samples=COUNT, exact=True, stage="queue")
    assert Row.LOST in draw(fed(60, lost={50: one}), 60, 15).marks


def test_the_counts_shown_are_the_accounts() -> None:
    state = fed(125, lost={60: EXACT, 100: ABOUT})
    text = " ".join(lines_of(state, 120, 32)[-4:])
    samples, slices = state.samples, state.slice_account
    assert samples and slices and samples.lost == 5 * COUNT
    assert f"received {samples.received:,} " in text
    assert f"lost {samples.lost:,} (~{samples.lost_estimated:,} estimated) " in text
    for stage, amount in samples.lost_by_stage.items():
        assert f"lost at {stage} {amount:,}" in text
    assert (
        f"slices {slices.slices:,} = inferred {slices.inferred:,} + untaken {slices.untaken:,} "
        f"+ skipped {slices.skipped:,}" in text
    )
    assert "coverage  99.8 %" in text and "p99  19.4 ms" in text


def test_the_small_screen_shows_the_loss_by_stage_and_what_is_virtual() -> None:
    text = "\n".join(lines_of(fed(125, lost={60: EXACT, 100: ABOUT}), 80, 24))
    assert "lost at device 128,000" in text and "lost at link 192,000" in text
    assert "VIRTUAL" in text and "REC 1.2 GB" in text
    assert "9f3c21ab55d0" in text and "2.44 GHz" in text
    assert "disk 123.4 GB left" in text and "subscribers 2" in text


def test_a_recording_that_stopped_says_so() -> None:
    feed, state = Feed(), ViewState()
    for message in feed.run(3):
        if isinstance(message.header, StatusHeader) and message.header.daemon == "capture":
            gauges = {**message.header.gauges, "recording": 0.0}
            note = {"gauges": gauges, "note": "the floor is 1 GB"}
            message = Message(message.header.model_copy(update=note), message.payload)
        state.update(message)
    text = "\n".join(lines_of(state, 120, 24)[:2])
    assert "REC STOPPED 1.2 GB" in text and "the floor is 1 GB" in text


def test_a_replay_says_so() -> None:
    (message, _) = Feed().slice()
    state = ViewState()
    header = message.header.model_copy(update={"time_quality": "recorded"})
    state.update(Message(header, message.payload))
    assert "REPLAY" in lines_of(state, 80, 24)[0]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1e30])
def test_levels_survive_impossible_values(value: float) -> None:
    feed, state = Feed(), ViewState()
    for message in feed.run(3):
        state.update(message)
    (message, _) = feed.slice()
    state.update(Message(message.header, np.full((64, 64), value, np.float32)))
    assert state.slices == 4 and state.levels is not None
    assert np.isfinite(state.levels).all() and state.levels[1] > state.levels[0]
    lines_of(state, 80, 24)


def test_a_flat_picture_is_dark() -> None:
    (message, _) = Feed().slice()
    state = ViewState()
    state.update(Message(message.header, np.full((64, 64), -3.0, np.float32)))
    assert draw(state, 50, 10).pixels[0, :-2].max() < palette.STEPS // 4


def test_silence_is_said() -> None:
    state = fed(70)
    state.tick(7.2)
    assert "no message for 7 s" in lines_of(state, 80, 24)[1]
    assert "no message for 7 s" in plain_line(state, 9.0)


def test_the_chain_ends_with_inference() -> None:
    feed, state = Feed(), ViewState()
    for message in [*feed.run(3), *feed.statuses()]:
        state.update(message)
    assert not state.ended
    for message in feed.statuses("ended"):
        state.update(message)
    assert state.ended and lines_of(state, 80, 24)[1].rstrip().endswith("ended")


def test_heads_that_are_unloaded_leave() -> None:
    feed, state = Feed(), ViewState()
    for message in feed.run(2):
        state.update(message)
    (_, message) = feed.slice()
    header = message.header
    assert isinstance(header, ResultHeader) and len(state.heads) == 3
    fewer = header.model_copy(update={"heads": header.heads[:1]})
    state.update(Message(fewer, np.zeros(0, np.uint8)))
    assert list(state.heads) == ["signals"]


def test_text_from_the_wire_cannot_steer_the_terminal() -> None:
    state = fed(2)
    status = state.daemons["capture"]
    state.daemons["capture"] = status.model_copy(update={"device": "\x1b[2J電波\x07 radio"})
    lines = lines_of(state, 120, 32)
    assert all(line.isprintable() for line in lines)
    assert "·[2J電波· radio" in lines[0] and {cell_len(line) for line in lines} == {120}


def test_plain_lines_say_the_same_without_control_codes() -> None:
    line = plain_line(fed(125, lost={100: ABOUT}), 3.0)
    assert line.startswith("t=3.0s coverage 99.8 % lost 128000 (~128000 estimated) signals=ofdm")
    assert line.isprintable() and "segmentation=" in line and "anomaly=0.41" in line


def test_the_ramps_rise_in_lightness() -> None:
    luminance = (palette.TABLE / 255.0) ** 2.2 @ [0.2126, 0.7152, 0.0722]
    for first in (palette.FREE, palette.OCCUPIED):
        assert (np.diff(luminance[first : first + palette.STEPS]) > 0).all()


def test_the_picture_is_written(tmp_path: Path) -> None:
    path = tmp_path / "view.svg"
    picture(fed(70, lost={60: ABOUT}), path, 100, 30)
    root = ElementTree.parse(path).getroot()
    text = "".join(root.itertext()).replace("\xa0", " ")
    assert root.tag.endswith("svg")
    assert "~lost" in text and "coverage" in text and "▀" not in text


def test_a_picture_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none/view.svg: no such file"):
        picture(ViewState(), tmp_path / "none" / "view.svg")


class Listed:
    """A source that has all its messages waiting."""

    def __init__(self, messages: Iterable[Message]) -> None:
        self.malformed = 0
        self._messages = iter(messages)

    def receive(self, timeout_s: float) -> Message | None:
        return next(self._messages, None)


def test_the_view_drains_to_the_newest_and_counts_the_rest() -> None:
    feed, state = Feed(), ViewState()
    drain(Listed(feed.run(10)), state, 1.0)
    drain(Listed(feed.run(200)), state, 2.0)
    assert state.slices == 10 + KEPT_SLICES and state.skipped == 200 - KEPT_SLICES
    assert state.results == 210 and state.slices + state.skipped == 210


def test_following_stops_when_asked_and_when_time_is_over() -> None:
    stop = threading.Event()
    shown: list[float] = []

    def show(state: ViewState, seconds: float) -> None:
        shown.append(seconds)
        if len(shown) == 3:
            stop.set()

    state = follow(Listed(Feed().run(3)), stop, show, fps=100)
    assert len(shown) == 4 and state.slices == 3
    began = time.monotonic()
    follow(Listed([]), threading.Event(), show, fps=50, seconds=0.1)
    assert 0.1 <= time.monotonic() - began < 5


def test_a_chain_over_the_bus_ends_in_plain_lines(tmp_path: Path) -> None:
    feed = Feed(lost={5: ABOUT})
    publisher = Publisher(f"ipc://{tmp_path}/result", message_bytes=8192)
    output, found = io.StringIO(), list[ViewState]()

    def watch() -> None:
        console = Console(file=output, width=40)  # narrower than the lines: they do not wrap
        found.append(run_view([publisher.endpoint], threading.Event(), console, patience_s=10))

    thread = threading.Thread(target=watch)
    thread.start()
    assert publisher.wait_for_subscribers("status", 1, 5)
    for message in [*feed.run(20), *feed.statuses(), *feed.statuses("ended")]:
        publisher.send(message.header, np.ascontiguousarray(message.payload))
    thread.join(10)
    publisher.close()
    (state,) = found
    assert state.ended and state.slices == 20 and state.results == 20
    last = output.getvalue().splitlines()[-1]
    assert last.endswith("ended") and "lost 128000 (~128000 estimated)" in last
    assert "\x1b" not in output.getvalue()


def test_a_dead_publisher_is_one_sentence(tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/nobody"
    with pytest.raises(RadiofmError, match=f"nothing came from {endpoint}") as caught:
        run_view([endpoint], threading.Event(), Console(quiet=True), patience_s=0.2)
    assert caught.value.exit_code == 1


def test_a_screen_is_drawn_and_given_back(tmp_path: Path) -> None:
    output, stop = io.StringIO(), threading.Event()
    console = Console(
        file=output, force_terminal=True, color_system="truecolor", width=80, height=24
    )
    stop.set()
    path = tmp_path / "view.svg"
    run_view([f"ipc://{tmp_path}/nobody"], stop, console, picture=path, patience_s=1)
    text = output.getvalue()
    assert "\x1b[?1049h" in text and "\x1b[?1049l" in text  # the other screen, and back
    assert "\x1b[?25h" in text and path.exists()  # the cursor is back too
