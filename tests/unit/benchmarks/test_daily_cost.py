"""The benchmark of a day's close times functions that exist, and only while a day closes."""

from __future__ import annotations

from benchmarks.daily_cost import AREA_CLOSE, GATES, ClosesClock, points
from benchmarks.stage_clock import place_of
from detectors.day.bank import EXPERTS


def test_every_timed_place_exists_and_every_expert_is_timed() -> None:
    for point in points():
        place_of(point)
    stages = {point.stage for point in points()}
    assert set(GATES) <= stages
    assert {f"expert {name}" for name in EXPERTS} <= stages


def test_a_part_is_counted_inside_a_close_only() -> None:
    clock = ClosesClock()
    part = clock.timed("part", lambda: sum(range(1_000)))
    part()
    assert clock.seconds() == {}
    assert clock.calls == 0
    clock.timed(AREA_CLOSE, part)()
    assert set(clock.seconds()) == {AREA_CLOSE, "part"}
    assert clock.calls == 2
    assert {gate: len(passings) for gate, passings in clock.passings.items() if passings} == {AREA_CLOSE: 1}
