"""received + lost = span, and inferred + untaken + skipped = slices, whatever happens."""

from hypothesis import given
from hypothesis import strategies as st

from radiofm.ledger import SampleLedger, SliceLedger
from radiofm.wire import Loss


@st.composite
def schedules(draw: st.DrawFn) -> list[tuple[int, int, tuple[Loss, ...]]]:
    """Messages as a device makes them: contiguous but for declared losses."""
    messages: list[tuple[int, int, tuple[Loss, ...]]] = []
    at = 0
    for _ in range(draw(st.integers(1, 30))):
        lost = draw(st.integers(0, 50)) if draw(st.booleans()) else 0
        exact, untaken = draw(st.booleans()), draw(st.booleans())
        loss = Loss(samples=max(1, lost), exact=exact, stage="device", untaken=untaken)
        losses = (loss,) if lost else ()
        at += lost
        count = draw(st.integers(1, 20))
        messages.append((at, count, losses))
        at += count
    return messages


@given(st.lists(schedules(), min_size=1, max_size=4), st.data())
def test_samples_tile_the_span(
    streams: list[list[tuple[int, int, tuple[Loss, ...]]]], data: st.DataObject
) -> None:
    ledger = SampleLedger()
    span = received = 0
    for messages in streams:
        ledger.restart()
        keep = data.draw(st.lists(st.booleans(), min_size=len(messages), max_size=len(messages)))
        arriving = [m for m, kept in zip(messages, keep, strict=True) if kept]
        swaps = data.draw(st.lists(st.integers(0, max(0, len(arriving) - 2)), max_size=3))
        for i in swaps:
            if i + 1 < len(arriving) and i > 0:
                arriving[i], arriving[i + 1] = arriving[i + 1], arriving[i]
        repeats = data.draw(st.lists(st.sampled_from(arriving), max_size=2)) if arriving else []
        seen: set[int] = set()
        for start, count, lost in arriving + repeats:
            new = ledger.take(start, count, lost)
            fresh = {i for a, b in new for i in range(a, b)}
            assert not fresh & seen
            assert fresh | seen >= set(range(start, start + count))
            seen |= fresh
        end = messages[-1][0] + messages[-1][1]
        ledger.finish(end)
        first = arriving[0][0] - sum(x.samples for x in arriving[0][2]) if arriving else 0
        span += end - max(0, first)
        received += len(seen)
    account = ledger.account()
    assert account.span == span
    assert account.received == received
    assert account.received + account.lost + account.untaken == account.span
    assert sum(account.lost_by_stage.values()) == account.lost
    assert 0 <= account.lost_estimated <= account.lost


def test_declared_losses_keep_their_stage_and_the_rest_is_the_queues() -> None:
    ledger = SampleLedger()
    ledger.take(0, 100)
    ledger.take(180, 20, (Loss(samples=30, exact=False, stage="device"),))
    account = ledger.account()
    assert account.lost_by_stage == {"device": 30, "queue": 50}
    assert account.lost_estimated == 30
    assert (account.received, account.lost, account.span) == (120, 80, 200)


def test_air_between_bursts_is_untaken_not_lost() -> None:
    ledger = SampleLedger()
    ledger.take(0, 100)
    ledger.take(400, 100, (Loss(samples=300, exact=False, stage="device", untaken=True),))
    ledger.take(1000, 100)  # the message between the two never came
    account = ledger.account()
    assert (account.received, account.untaken, account.lost) == (300, 300, 500)
    assert (account.lost_estimated, account.lost_by_stage) == (0, {"queue": 500})


def test_a_late_message_fills_its_hole() -> None:
    ledger = SampleLedger()
    ledger.take(0, 10)
    ledger.take(20, 10)
    assert ledger.take(10, 10) == [(10, 20)]
    assert ledger.take(10, 10) == []
    account = ledger.account()
    assert (account.received, account.lost, account.duplicated) == (30, 0, 10)


@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(0, 60), st.sampled_from(["inferred", "skipped", "untaken"])),
            max_size=40,
        ),
        max_size=4,
    )
)
def test_slices_are_settled_once(streams: list[list[tuple[int, str]]]) -> None:
    ledger = SliceLedger()
    slices = answered = 0
    for settled in streams:
        ledger.restart()
        first: dict[int, str] = {}
        for index, outcome in settled:
            if ledger.settle(index, outcome):  # type: ignore[arg-type]
                assert index not in first or first[index] == "untaken"
                first[index] = outcome
        ledger.finish(61)
        slices += 61
        answered += sum(outcome != "untaken" for outcome in first.values())
    account = ledger.account()
    assert account.slices == slices
    assert account.inferred + account.untaken + account.skipped == account.slices
    assert account.inferred + account.skipped == answered
