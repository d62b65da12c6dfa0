"""Where along a line voltages fell more than its metered load explains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from detectors.area.line_drops import LineDrops, Place
from detectors.day.voltage import DayVoltage
from detectors.pages import StatePages
from tests.unit.detectors.electric_days import (
    HOMES,
    LINE,
    PHASE,
    SEGMENT_OHM,
    STEP,
    VOLTS,
    Change,
    Load,
    area,
    days,
    from_day,
)

EVENT = 30


def places(
    alter: Change | None, count: int = 42, usual: Callable[[int], bool] = lambda number: number < EVENT
) -> list[Place | None]:
    """What is said day by day; days of a loss are not learnt."""
    told = area()
    voltage, drops = DayVoltage(told), LineDrops(told.area)
    store = StatePages("drops/1", {"lines": drops.layout()})
    pages = {name: store.array("lines", name) for name in drops.layout()}
    said = []
    for number, curves in enumerate(days(count, alter=alter)):
        seen = drops.look_at(pages, voltage.explained(curves))
        said.append(drops.place(pages, seen) if number >= 20 else None)
        drops.learn(pages, seen, usual=usual(number))
        voltage.learn(curves, np.ones(HOMES + 1, dtype=np.bool_))
    return said


def tapped(line: int, step: int, phase: int, amperes: float) -> Change:
    """So much current leaves a line at a step; volts as the neutral that the phases share makes them."""

    def tap(load: Load) -> None:
        own = np.where(phase == PHASE, 2.0, np.where(PHASE >= 0, -0.5, 0.5))
        shared = np.where(line == LINE, np.minimum(STEP, step) + 1, 0)
        fallen_v = SEGMENT_OHM * amperes * own * shared
        for letter in "abc":
            load.hourly[f"voltage_{letter}"][:, :HOMES] -= fallen_v

    return from_day(EVENT, tap)


def test_nothing_falls_in_quiet_days() -> None:
    assert not any(place is not None and place.fallen_v > 0.3 for place in places(None))


def test_a_tap_is_placed_on_its_segment_and_phase() -> None:
    last = places(tapped(0, 1, 1, 15.0))[-1]
    assert last is not None
    assert (last.segment, last.phases) == ("TA-L1-2", "b")
    assert 1.5 < last.fallen_v < 4.0


def test_a_tap_at_the_end_is_not_placed_at_the_head() -> None:
    last = places(tapped(1, 2, 0, 15.0))[-1]
    assert last is not None
    assert last.segment == "TA-L2-3"


def test_a_bad_joint_at_the_head_lowers_the_whole_line() -> None:
    def joint(load: Load) -> None:
        on_line = np.append(LINE == 0, False)
        current = load.drawn[:, LINE == 0].sum(axis=1) * 1000 / VOLTS / 3
        for letter in "abc":
            load.hourly[f"voltage_{letter}"] -= 0.15 * current[:, None] * on_line

    last = places(from_day(EVENT, joint))[-1]
    assert last is not None
    assert (last.segment, last.phases) == ("TA-L1-1", "abc")


def test_what_is_learnt_becomes_usual_and_what_is_not_stays() -> None:
    stays = places(tapped(0, 1, 1, 15.0), 70)[-1]
    learnt = places(tapped(0, 1, 1, 15.0), 70, usual=lambda _: True)[-1]
    assert stays is not None
    assert stays.fallen_v > (0.0 if learnt is None else 1.5 * learnt.fallen_v)


def test_an_archive_without_segments_places_nothing() -> None:
    told = area(archive={"segment": None})
    voltage, drops = DayVoltage(told), LineDrops(told.area)
    store = StatePages("drops/1", {"lines": drops.layout()})
    pages = {name: store.array("lines", name) for name in drops.layout()}
    for number, curves in enumerate(days(42, alter=tapped(0, 1, 1, 15.0))):
        seen = drops.look_at(pages, voltage.explained(curves))
        assert drops.place(pages, seen) is None
        drops.learn(pages, seen, usual=number < EVENT)
        voltage.learn(curves, np.ones(HOMES + 1, dtype=np.bool_))


def test_without_voltages_nothing_is_said() -> None:
    told = area()
    voltage, drops = DayVoltage(told), LineDrops(told.area)
    store = StatePages("drops/1", {"lines": drops.layout()})
    pages = {name: store.array("lines", name) for name in drops.layout()}
    for curves in days(25, only=["energy_kwh", "export_kwh"]):
        dark = replace(curves)
        seen = drops.look_at(pages, voltage.explained(dark))
        drops.learn(pages, seen, usual=True)
        assert drops.place(pages, seen) is None
        voltage.learn(dark, np.ones(HOMES + 1, dtype=np.bool_))
