"""What the view knows: fed message by message, drawn by `render`. No terminal, no sockets."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
import numpy.typing as npt

from radiofm.wire import (
    HeadResult,
    LabelScore,
    Message,
    ResultHeader,
    SampleAccount,
    SliceAccount,
    SliceHeader,
    StatusHeader,
    Task,
    masks,
)
from radiofm_services.view.history import History, Row

SHARE_SECONDS = 10.0
PIPELINE = ("capture", "spectrogram", "infer")  # in the order samples pass them
HEADROOM = 0.25  # above the strongest, as a share of the span: bright, not glaring
MIN_SPAN = 1.0  # standardised units from black to white: 14 dB at the default spec
ABSURD = 1e4  # standardised units; what is beyond is drawn as no data
SEAMS = 256  # more than the history has room for
WIDEN, NARROW = 0.1, 0.003  # weight of the newest slice in the levels: 0.2 s, 5 s


@dataclass
class HeadView:
    """The newest answer of one head, and its answers over the last seconds."""

    name: str
    version: str = ""
    task: Task = "classification"
    labels: tuple[LabelScore, ...] = ()  # best first
    vector: tuple[float, ...] = ()
    occupied: float | None = None  # share of the mask's cells
    recent: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=4096))

    @property
    def best(self) -> LabelScore | None:
        """The newest label with its score."""
        return self.labels[0] if self.labels else None

    def update(self, result: HeadResult, time_ns: int, mask: npt.NDArray[np.uint8] | None) -> None:
        """Take up the answer for the slice at `time_ns`."""
        self.version, self.task = result.version, result.task
        self.labels, self.vector = result.labels[: result.present], result.vector
        self.occupied = None if mask is None else float(np.count_nonzero(mask) / mask.size)
        if self.best:
            self.recent.append((time_ns, self.best.label))
        oldest = time_ns - SHARE_SECONDS * 1e9
        while self.recent and not oldest <= self.recent[0][0] <= time_ns:
            self.recent.popleft()

    def shares(self) -> list[tuple[str, float]]:
        """(label, share of the slices of the last seconds), the largest first."""
        counts = Counter(label for _, label in self.recent)
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return [(label, count / len(self.recent)) for label, count in ordered]


class ViewState:
    """All that is on the screen. Feed it with `update`; tell it the time with `tick`."""

    def __init__(self) -> None:
        self.history: History | None = None
        self.tuning: SliceHeader | ResultHeader | None = None  # the newest message that has one
        self.slice_seconds = 0.016
        self.levels: tuple[float, float] | None = None  # darkest and brightest, as in the slices
        self.heads: dict[str, HeadView] = {}  # of the newest result, in its order
        self.label_order: list[str] = []  # as first heard: it decides their colours
        self.daemons: dict[str, StatusHeader] = {}
        self.encoder = ""
        self.novelty: float | None = None
        self.slices = 0  # drawn
        self.results = 0
        self.skipped = 0  # slices that this view did not draw
        self.malformed = 0
        self.silence_s = 0.0
        self._heard_s: float | None = None
        self._stream: UUID | None = None
        # Row of position 0, for the positions from each key on: untaken air takes one row.
        self._first_rows: dict[int, int] = {}
        self._sequence: int | None = None
        self._lost_kind = Row.LOST

    def update(self, message: Message, now_s: float = 0.0) -> None:
        """Take up one message, received at `now_s` (any clock that `tick` shares)."""
        self._heard_s, self.silence_s = now_s, 0.0
        match message.header:
            case SliceHeader(modality="spectrogram") as header:
                self.tuning = header
                self._slice(header, message.payload)
            case ResultHeader() as header:
                self.tuning = self.tuning or header
                self._result(header, message)
            case StatusHeader() as header:
                self.daemons[header.daemon] = header
            case _:
                pass

    def tick(self, now_s: float) -> None:
        """Let time pass without a message."""
        if self._heard_s is not None:
            self.silence_s = max(0.0, now_s - self._heard_s)

    @property
    def heard(self) -> bool:
        """Whether any message has come yet."""
        return self._heard_s is not None

    @property
    def ended(self) -> bool:
        """Whether the chain's last stage has said its last word."""
        if infer := self.daemons.get("infer"):
            return infer.state == "ended"
        # Without inference the others' last word counts, once nothing follows it.
        states = {status.state for status in self.daemons.values()}
        return states == {"ended"} and self.silence_s > 2

    @property
    def samples(self) -> SampleAccount | None:
        """The sample account of the stage furthest down the chain: it knows every loss before."""
        accounts = [d.samples for n in PIPELINE if (d := self.daemons.get(n)) and d.samples]
        return accounts[-1] if accounts else None

    @property
    def slice_account(self) -> SliceAccount | None:
        """What inference took, came too late for, or passed over."""
        infer = self.daemons.get("infer")
        return infer.slices if infer else None

    def gauge(self, daemon: str, name: str) -> float | None:
        """A daemon's gauge, or None where it was not told."""
        status = self.daemons.get(daemon)
        return status.gauges.get(name) if status else None

    def label_number(self, label: str) -> int:
        """A small number that stays with the label."""
        if label not in self.label_order:
            if len(self.label_order) >= 1000:
                return 0
            self.label_order.append(label)
        return self.label_order.index(label)

    def _slice(self, header: SliceHeader, image: npt.NDArray[np.float32]) -> None:
        history = self.history
        if history is None or history.bins != header.shape[0]:
            history = self.history = History(header.shape[0])
            self._stream = self.levels = None
        row, lost_rows = self._place(header, history)
        if row <= history.newest:
            return  # said twice, or too late
        if header.lost:  # told with the first slice after it began; it may reach on to the next
            exact = all(loss.exact for loss in header.lost if not loss.untaken)
            self._lost_kind = Row.LOST if exact else Row.LOST_ESTIMATED
        lost = self._lost_kind
        gap = row - history.newest - 1
        if gap > lost_rows:
            history.append(Row.SKIPPED, gap - lost_rows)
        if lost_rows:
            history.append(lost, lost_rows)
        # Less than a row is lost: the slice next to it shows that.
        told = any(not loss.untaken for loss in header.lost)
        torn = not header.complete or (told and not lost_rows)
        sane = np.where(np.abs(image) < ABSURD, image, np.nan)
        values = np.fmax.reduce(sane, axis=1)  # the maximum, so that bursts survive
        history.append(lost if torn else Row.DATA, values=values)
        self.slices += 1
        self._settle(values)

    def _place(self, header: SliceHeader, history: History) -> tuple[int, int]:
        """The slice's row, and how many of the rows missing before it are lost samples."""
        position = header.sample_index // max(header.sample_count, 1)
        if header.stream != self._stream:
            if history.newest >= 0:
                history.append(Row.SEAM)
            self._first_rows = {0: history.newest + 1 - position}
            self._stream = header.stream
        elif untaken := sum(loss.samples for loss in header.lost if loss.untaken):
            rows = untaken // max(header.sample_count, 1)
            if rows > 1 and position not in self._first_rows:
                while len(self._first_rows) >= SEAMS:
                    del self._first_rows[min(self._first_rows)]
                self._first_rows[position] = self._row(position) - position - rows + 1
                history.append(Row.SEAM)
        last = header.sequence - 1 if self._sequence is None else self._sequence
        missed = max(0, header.sequence - last - 1)
        self._sequence = header.sequence
        self.skipped += missed
        if header.sample_count and header.sample_rate_hz:
            self.slice_seconds = header.sample_count / header.sample_rate_hz
        row = self._row(position)
        return row, max(0, row - history.newest - 1 - missed)

    def _row(self, position: int) -> int:
        """The row of a slice of the stream, by its position in it."""
        start = max((at for at in self._first_rows if at <= position), default=None)
        return -1 if start is None else self._first_rows[start] + position

    def _settle(self, values: npt.NDArray[np.float32]) -> None:
        """Let the levels follow: quickly to wider contrast, slowly back, so that nothing pumps."""
        finite = values[np.isfinite(values)]
        if not finite.size:
            return
        low, high = (float(p) for p in np.percentile(finite, (20, 99.5)))
        high = max(high + HEADROOM * (high - low), low + MIN_SPAN)
        if self.levels is None:
            self.levels = low, high
            return
        old_low, old_high = self.levels
        low = old_low + (low - old_low) * (WIDEN if low < old_low else NARROW)
        high = old_high + (high - old_high) * (WIDEN if high > old_high else NARROW)
        self.levels = low, max(high, low + MIN_SPAN)

    def _result(self, header: ResultHeader, message: Message) -> None:
        self.results += 1
        self.encoder, self.novelty = header.encoder, header.novelty
        found = masks(message)
        heads: dict[str, HeadView] = {}
        for result in header.heads:
            view = self.heads.get(result.name) or HeadView(result.name)
            view.update(result, header.time_ns, found.get(result.name))
            heads[result.name] = view
        self.heads = heads
        if self.history and header.stream == self._stream:
            best = next((view.best for view in heads.values() if view.best), None)
            mask = next(iter(found.values()), None)
            row = self._row(header.sample_index // max(header.sample_count, 1))
            self.history.annotate(
                row,
                self.label_number(best.label) if best else -1,
                None if mask is None else np.logical_or.reduce(mask, axis=1),
            )
