"""The view where there is no screen: a line a second, no control codes."""

from __future__ import annotations

from radiofm_services.view.canvas import clean
from radiofm_services.view.state import HeadView, ViewState
from radiofm_services.view.status_lines import SILENCE_S
from radiofm_services.view.words import number


def plain_line(state: ViewState, seconds: float) -> str:
    """`t=3.0s coverage 99.8 % lost 0 signals=ofdm 0.93 segmentation=12.0 % novelty 0.41`."""
    words = [f"t={seconds:.1f}s"]
    if not state.heard:
        return f"{words[0]} waiting for the first message"
    if (coverage := state.gauge("infer", "coverage")) is not None:
        words.append(f"coverage {100 * coverage:.1f} %")
    if samples := state.samples:
        words.append(f"lost {samples.lost}")
        if samples.lost_estimated:
            words.append(f"(~{samples.lost_estimated} estimated)")
    words += [f"{head.name}={_answer(head)}" for head in state.heads.values()]
    if state.novelty is not None:
        words.append(f"novelty {number(state.novelty, 2)}")
    if state.skipped:
        words.append(f"not drawn {state.skipped}")
    if state.ended:
        words.append("ended")
    elif state.silence_s >= SILENCE_S:
        words.append(f"no message for {state.silence_s:.0f} s")
    return clean(" ".join(words))


def _answer(head: HeadView) -> str:
    if head.best:
        return f"{head.best.label} {head.best.score:.2f}"
    if head.occupied is not None:
        return f"{100 * head.occupied:.1f} %"
    return ",".join(number(value, 2) for value in head.vector[:4]) or "–"
