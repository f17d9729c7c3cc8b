"""The column beside the waterfall: what each head says now, and said over the last seconds."""

from __future__ import annotations

from radiofm_services.view import palette
from radiofm_services.view.canvas import Line
from radiofm_services.view.palette import DIM, FAINT, STRONG, TEXT, WARN
from radiofm_services.view.state import SHARE_SECONDS, HeadView, ViewState
from radiofm_services.view.waterfall import label_colour
from radiofm_services.view.words import number

NOVELTY_SCALE = 2.0  # the gauge's end; 1 is the 99th percentile of the training data
AMBER = palette.OCCUPIED + 3 * palette.STEPS // 4
BLUE = palette.FREE + 2 * palette.STEPS // 3


def panel(state: ViewState, width: int, height: int) -> list[Line]:
    """Exactly `height` lines of `width` cells."""
    lines: list[Line] = []
    heads = list(state.heads.values())
    if not heads:
        lines.append(Line(width).add("no results yet", DIM))
    labelled = sum(1 for head in heads if head.best)
    fixed = 5 * labelled + 3 * (len(heads) - labelled) + 2
    legend = max(1, (height - fixed) // max(1, labelled))
    for head in heads:
        lines += _labels(state, head, width, legend) if head.best else _figure(head, width)
        lines.append(Line(width))
    if state.novelty is not None:
        lines += _novelty(state.novelty, width)
    if len(lines) > height:
        lines = [*lines[: height - 1], Line(width).add("more in a taller terminal", FAINT)]
    lines += [Line(width) for _ in range(height - len(lines))]
    return [line.fill() for line in lines]


def _labels(state: ViewState, head: HeadView, width: int, legend: int) -> list[Line]:
    best = head.best
    assert best is not None
    colour = label_colour(state, best.label)
    now = Line(width).add(best.label[: width - 6], palette.ink(colour, bold=True))
    lines = [
        Line(width).add(head.name, DIM),
        now.fill(5).add(f" {best.score:.2f}", STRONG),
        bar(Line(width), best.score, colour, width),
    ]
    shares = head.shares()
    stack = Line(width)
    edge = 0.0
    for label, share in shares:
        edge += share * width
        stack.add("▄" * (round(edge) - width + stack.left), palette.ink(label_colour(state, label)))
    lines.append(stack)
    for label, share in shares[:legend]:
        entry = Line(width).add("▪ ", palette.ink(label_colour(state, label)))
        percent = f"{share:5.0%} of {SHARE_SECONDS:.0f} s"
        room = max(0, width - 2 - len(percent))
        lines.append(entry.add(label[:room]).fill(len(percent)).add(percent, DIM))
    return lines


def _figure(head: HeadView, width: int) -> list[Line]:
    line = Line(width).add(head.name, DIM)
    if head.occupied is not None:
        share = f"{head.occupied:.1%}"
        words = "  occupied " if line.left > 11 + len(share) else " "
        line.fill(len(words + share)).add(words, DIM).add(share, STRONG)
        return [line, bar(Line(width), head.occupied, AMBER, width)]
    figures = "  ".join(number(value, 2) for value in head.vector[:8]) or "–"
    if len(figures) < line.left:
        return [line.fill(len(figures)).add(figures, STRONG)]
    return [line, Line(width).add(figures, STRONG)]


def _novelty(novelty: float, width: int) -> list[Line]:
    word, style, colour = ("familiar", TEXT, BLUE) if novelty <= 1 else ("unfamiliar", WARN, AMBER)
    line = Line(width).add("novelty ", DIM).add(word, style)
    line.fill(6).add(number(novelty, 2, 6), STRONG)
    return [line, bar(Line(width), novelty / NOVELTY_SCALE, colour, width, 1 / NOVELTY_SCALE)]


def bar(line: Line, share: float, colour: int, width: int, mark: float | None = None) -> Line:
    """A bar that fills `share` (0 to 1, clipped) of `width` cells, with a tick at share `mark`."""
    share = min(max(share, 0.0), 1.0) if share == share else 0.0
    whole, half = divmod(round(share * width * 2), 2)
    cells = ["━"] * width
    if half:
        cells[whole] = "╸"
    if mark is not None:
        cells[min(width - 1, round(mark * width))] = "┿"
    filled = whole + half
    line.add("".join(cells[:filled]), palette.ink(colour))
    return line.add("".join(cells[filled:]), palette.ink(palette.BAND))
