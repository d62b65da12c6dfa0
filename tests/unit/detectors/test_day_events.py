"""What is remembered of a meter's own events."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.day.events import DayEvents
from detectors.examples import day
from tests.unit.detectors.days import HOMES, Day, days, homes, live, row


def _opened(day: Day) -> None:
    if day.number in {20, 22}:
        day.event_strength[0] = 1.0 if day.number == 20 else 0.4


def test_the_strongest_event_is_remembered_and_fades() -> None:
    said = live(DayEvents(homes()), days(40, _opened))
    assert row(said[19], 0) == {"event_strength": 0, "event_days": 0, "days_since_event": 90}
    assert row(said[20], 0) == {"event_strength": 1, "event_days": 1, "days_since_event": 0}
    later = row(said[30], 0)
    assert later["event_strength"] == pytest.approx(0.97**10)
    assert (later["event_days"], later["days_since_event"]) == (2, 8)
    assert row(said[30], 1) == {"event_strength": 0, "event_days": 0, "days_since_event": 90}


def test_events_are_counted_over_thirty_days() -> None:
    said = live(DayEvents(homes()), days(60, _opened))
    assert [int(figures["event_days"][0]) for figures in said[49:54]] == [2, 1, 1, 0, 0]


def test_events_count_in_warm_up_and_on_days_without_readings() -> None:
    def early(day: Day) -> None:
        if day.number == 3:
            day.event_strength[0] = 1.0
            day.kwh[:] = np.nan

    figures = live(DayEvents(homes()), days(15, early))[-1]
    assert figures["event_strength"][0] == pytest.approx(0.97**11)
    assert figures["days_since_event"][0] == 11


def test_silent_days_of_the_area_pass_as_days() -> None:
    events = DayEvents(homes())
    live(events, days(25, _opened))
    kwh = np.ones((24, HOMES + 1))
    later = row(events.describe(day(kwh, number=50)), 0)
    assert later["event_strength"] == pytest.approx(0.97**30, rel=1e-5)
    assert (later["event_days"], later["days_since_event"]) == (1, 28)
    assert row(events.describe(day(kwh, number=500)), 0)["event_days"] == 0


def test_an_unknown_strength_is_no_event() -> None:
    def unknown(day: Day) -> None:
        day.event_strength[:] = np.nan

    figures = live(DayEvents(homes()), days(20, unknown))[-1]
    assert (figures["event_strength"][:HOMES] == 0).all()
    assert (figures["event_days"][:HOMES] == 0).all()
