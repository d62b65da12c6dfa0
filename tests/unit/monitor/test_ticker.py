"""The live ticker: one tick per interval, after the grace, by one owner, never backwards."""

from __future__ import annotations

from metering.archive import Archive, Meter
from metering.messages import Tick
from monitor.ticker import Ticker
from storage.memory import MemoryStore

ARCHIVE = Archive("live", 15, "UTC", (Meter("M1", "SP1", "C1", "A1", "customer"),))
NOON_S = 1_767_268_800


class Clock:
    now_s: float = NOON_S

    def __call__(self) -> float:
        return self.now_s


def test_an_interval_is_ticked_once_its_grace_is_over() -> None:
    sent: list[Tick] = []
    clock = Clock()
    ticker = Ticker(MemoryStore(), ARCHIVE, "w1", sent.append, 120.0, clock)
    clock.now_s = NOON_S + 119
    ticker.tick()
    assert sent == [Tick(NOON_S - 900)]
    clock.now_s = NOON_S + 120
    ticker.tick()
    ticker.tick()
    assert sent == [Tick(NOON_S - 900), Tick(NOON_S)]


def test_two_workers_send_each_tick_once() -> None:
    store, sent, clock = MemoryStore(), list[Tick](), Clock()
    tickers = [Ticker(store, ARCHIVE, owner, sent.append, 0.0, clock) for owner in ("w1", "w2")]
    for step in range(4):
        clock.now_s = NOON_S + 900 * step
        for ticker in tickers:
            ticker.tick()
    assert sent == [Tick(NOON_S + 900 * step) for step in range(4)]


def test_a_clock_set_back_sends_nothing() -> None:
    sent: list[Tick] = []
    clock = Clock()
    ticker = Ticker(MemoryStore(), ARCHIVE, "w1", sent.append, 0.0, clock)
    ticker.tick()
    clock.now_s -= 7200
    ticker.tick()
    assert len(sent) == 1
