"""An outage of an area on its way through the stage: one alert of the area, none of its meters, whoever recorded it or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from metering.archive import Archive, Outage, WorkOrder
from metering.frame import ReadingFrame
from metering.messages import ArrivedFrame, Message, MeterEvent, MeterEvents, Tick
from operations.area import AreaInProgress, day_ordinal
from operations.judge_stage import JudgeStage
from operations.outage import weigh_outage
from storage.memory import MemoryStore
from tests.unit.operations.small_world import INTERVAL_S, METERS, START_S, archive

OFF_S, ON_S = START_S + 100 * 3600 + 600, START_S + 200 * 3600 + 600
HOURS = 260


def messages(*, silent: bool = True, events: Sequence[MeterEvent] = (), seed: int = 4) -> Iterator[Message]:
    """Eleven days of one area that has no supply for four of them; `silent`, or with readings of nothing and no volts."""
    rng, waiting = np.random.default_rng(seed), sorted(events, key=lambda e: e.event_time_s)
    ids = ("S0", *(f"M0{i}" for i in range(METERS)))
    yield Tick(START_S)
    for hour in range(HOURS):
        start_s = START_S + hour * INTERVAL_S
        dark = start_s >= OFF_S and start_s + INTERVAL_S <= ON_S
        kwh = np.round(rng.gamma(9.0, 0.06, METERS), 4)
        energy = np.zeros(METERS + 1) if dark else np.concatenate([[kwh.sum() * 1.03], kwh])
        while waiting and waiting[0].event_time_s < start_s + INTERVAL_S:
            yield MeterEvents("A0", (waiting.pop(0),))
        if not (silent and start_s < ON_S and start_s + INTERVAL_S > OFF_S):
            columns = {"energy_kwh": energy, "voltage_v": np.full(METERS + 1, 0.4 if dark else 229.0)}
            yield ArrivedFrame("A0", start_s, 60, ids, columns, reading_count=len(ids))
        yield Tick(start_s + INTERVAL_S)
    yield Tick(START_S + HOURS * INTERVAL_S, final=True)


def judged(log: Iterator[Message], world: Archive) -> MemoryStore:
    store = MemoryStore()
    store.save_archive(world)
    stage = JudgeStage(world, store, lambda _: 0, owner="first")
    stage.begin(0)
    for offset, message in enumerate(log):
        stage.handle(0, offset, message)
    stage.save()
    return store


def world(*outages: Outage, works: tuple[WorkOrder, ...] = ()) -> Archive:
    return replace(archive(areas=1), outages=outages, works=works)


REPORTED = (MeterEvent("S0", OFF_S, "power_off"), MeterEvent("S0", ON_S, "power_on"))


@pytest.mark.parametrize(("silent", "told_after_h"), [(True, 101), (False, 102)], ids=["silent", "zeros"])
@pytest.mark.parametrize("recorded", [True, False])
def test_four_days_without_supply_are_one_alert_of_the_area(*, silent: bool, told_after_h: int, recorded: bool) -> None:
    outages = (Outage("A0", OFF_S, ON_S, planned=False),) if recorded else ()
    store = judged(messages(silent=silent, events=REPORTED), world(*outages))
    (alert,) = store.alerts()
    assert (alert.abnormality, alert.meter_id, alert.transformer_area) == ("area_outage", None, "A0")
    assert alert.since_s == OFF_S
    assert (alert.raised_at_s, alert.cleared_at_s) == (START_S + told_after_h * 3600, START_S + 201 * 3600)


def test_dead_voltages_say_it_where_nobody_reports_or_records_it() -> None:
    store = judged(messages(silent=False), world())
    (alert,) = store.alerts()
    assert alert.abnormality == "area_outage"
    assert (alert.raised_at_s, alert.cleared_at_s) == (START_S + 102 * 3600, START_S + 201 * 3600)


def test_planned_work_is_no_alert() -> None:
    outages = (Outage("A0", OFF_S, ON_S, planned=True),)
    works = (WorkOrder("line_maintenance", OFF_S - 1800, ON_S + 1800, transformer_area="A0"),)
    for planned in (world(*outages), world(*outages, works=works)):
        store = judged(messages(events=REPORTED), planned)
        assert list(store.alerts()) == []


@pytest.mark.parametrize(("rows", "told"), [((3,), [3]), ((1, 3, 4), []), ((0,), [])])
def test_a_day_remembers_a_power_off_only_of_a_meter_that_had_it_alone(rows: Sequence[int], told: list[int]) -> None:
    here = world()
    area = AreaInProgress(here, here.areas["A0"], {})
    day = date.fromordinal(area_day := day_ordinal(here.calendar.day_of(START_S)))
    area.next_day = area_day
    for row in rows:
        area.area_outage.hear(row, START_S + 5 * row, is_over=False)
    frame = ReadingFrame("A0", START_S, 60, here.areas["A0"].meter_ids, {"energy_kwh": np.full(METERS + 1, 0.5)})
    judged_frame, measured, _ = weigh_outage(area, frame, np.ones(METERS + 1, dtype=np.bool_))
    curves = area.forget_day(area_day).curves.close(area_day, area.context.day_type(day))
    assert np.flatnonzero(curves.event_strength).tolist() == told
    assert measured.all() == bool(told)
    assert np.isfinite(judged_frame.energy_kwh).all() == bool(told), (
        "an interval in which the area lost its supply is not judged"
    )
