"""Progress bars: on stderr, and only where a person looks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")


def tracked(items: Sequence[T], title: str) -> Iterable[T]:
    """`items`, with a bar that follows them."""
    console = Console(stderr=True)
    return track(items, title, console=console, disable=not console.is_terminal)
