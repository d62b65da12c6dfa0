"""A usual week's figures of a customer, out of what the area's day stage learnt; doubted readings say nothing of use."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from metering.archive import Archive, Meter
from metering.frame import ReadingFrame
from metering.times import DAY_S
from operations.area import AreaInProgress, Outcome, day_ordinal
from operations.close_area_day import close_area_day
from operations.efficiency import uses_of
from operations.judge_frame import judge_frame

FIRST = date(2026, 3, 2)
METERS = 8


def world() -> Archive:
    meters = [
        Meter(f"M{i}", f"P{i}", f"C{i}", "A1", "customer", "commercial", contracted_kw=20.0) for i in range(METERS)
    ]
    meters.append(Meter("S1", "PS", "grid", "A1", "supply"))
    return Archive("shops", 60, "UTC", tuple(meters))


def learnt(days: int = 8) -> AreaInProgress:
    """By day 6 kWh an hour from 8 to 20 h and 1 kWh else."""
    archive = world()
    area, outcome = AreaInProgress(archive, archive.areas["A1"], {}), Outcome()
    for number in range(days):
        for hour in range(24):
            kwh = np.full(METERS + 1, 6.0 if 8 <= hour < 20 else 1.0)
            kwh[-1] = kwh[:-1].sum()
            start_s = archive.calendar.day_start(FIRST) + number * DAY_S + 3600 * hour
            columns = {"energy_kwh": kwh, "power_factor": np.full(METERS + 1, 0.91)}
            frame = ReadingFrame("A1", start_s, 60, archive.areas["A1"].meter_ids, columns)
            judge_frame(area, frame, np.ones(METERS + 1, dtype=np.bool_), outcome)
        close_area_day(area, day_ordinal(FIRST + timedelta(days=number)), 0, outcome)
    return area


def test_a_usual_weeks_figures_are_the_customers_own() -> None:
    uses = uses_of(learnt())
    assert [use.meter_id for use in uses] == [f"M{i}" for i in range(METERS)]
    use = uses[0]
    assert (use.transformer_area, use.customer_class) == ("A1", "commercial")
    assert use.kwh_a_day == pytest.approx(84, rel=0.01)
    assert use.full_load_hours == pytest.approx(4.2, rel=0.01)
    assert use.load_factor == pytest.approx(84 / 24 / 6, rel=0.01)
    assert use.night_share == pytest.approx(8 / 84, rel=0.01)
    assert use.power_factor == pytest.approx(0.91, abs=0.01)


def test_before_a_day_is_learnt_there_is_nothing_to_say() -> None:
    assert uses_of(AreaInProgress(world(), world().areas["A1"], {})) == []
