"""What was read a moment ago is given to all who ask meanwhile."""

from __future__ import annotations

import threading

import pytest

from desk.moments import Moments
from metering.errors import StoreUnavailable


def test_a_moment_is_read_once_until_it_is_over_or_another_is_asked_for() -> None:
    now, read = [100.0], iter(range(9))
    moments = Moments(lambda: now[0])

    def ask(key: str = "all") -> int:
        return moments.get("overview", 2.0, lambda: next(read), key)

    assert [ask(), ask()] == [0, 0]
    now[0] += 1.9
    assert ask() == 0
    assert ask("some") == 1
    now[0] += 2.0
    assert ask("some") == 2
    assert moments.get("other", 2.0, lambda: -1) == -1


def test_a_store_that_was_away_is_asked_again() -> None:
    moments, away = Moments(), [True]

    def read() -> str:
        if away[0]:
            raise StoreUnavailable("postgresql does not answer")
        return "here"

    with pytest.raises(StoreUnavailable):
        moments.get("overview", 2.0, read)
    away[0] = False
    assert moments.get("overview", 2.0, read) == "here"


def test_who_asks_meanwhile_waits_for_the_same_reading() -> None:
    moments, begun, go, got = Moments(), threading.Event(), threading.Event(), list[str]()

    def slow() -> str:
        begun.set()
        assert go.wait(30)
        return "first"

    def ask() -> None:
        got.append(moments.get("overview", 60.0, slow))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    threads[0].start()
    assert begun.wait(30)
    begun.clear()
    for thread in threads[1:]:
        thread.start()
    go.set()
    for thread in threads:
        thread.join(30)
    assert got == ["first"] * 4
    assert not begun.is_set(), "it was read once"
