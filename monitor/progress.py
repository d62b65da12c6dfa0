"""Progress of long work: a bar on a terminal, plain lines elsewhere (at most one every few seconds)."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

PLAIN_EVERY_S = 5.0


class Advance(Protocol):
    """Called with how much is done of how much; `total` 0 = not known."""

    def __call__(self, done: int, total: int) -> None: ...


@contextmanager
def progress(what: str) -> Iterator[Advance]:
    """Shows how far `what` has come, on standard error."""
    with stages(what) as (advance,):
        yield advance


@contextmanager
def stages(*whats: str) -> Iterator[tuple[Advance, ...]]:
    """The same for stages that follow each other: a later one shows from its first call on."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield tuple(_plain(what) for what in whats)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=False) as bar:
        yield tuple(_bar(bar, what, visible=number == 0) for number, what in enumerate(whats))


def _bar(bar: Progress, what: str, *, visible: bool) -> Advance:
    task = bar.add_task(what, total=None, visible=visible)

    def advance(done: int, total: int) -> None:
        bar.update(task, completed=done, total=total or None, visible=True)

    return advance


def _plain(what: str) -> Advance:
    started = last = time.monotonic()

    def advance(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < PLAIN_EVERY_S and (not total or done < total):
            return
        if done == total and now - started < PLAIN_EVERY_S:
            return
        last = now
        share = f" ({100 * done / total:.0f} %)" if total else ""
        print(f"{what}: {done:,}{f' of {total:,}' if total else ''}{share}, {now - started:.0f} s", file=sys.stderr)

    return advance


def tell_set_aside(set_aside: Mapping[str, Sequence[str]]) -> None:
    """On stderr: how many rows of a feed's small tables were left out, by file, and the first of each."""
    for name, told in set_aside.items():
        print(f"{name}: {len(told)} rows set aside, such as {told[0]}", file=sys.stderr)
