"""What a control room shows: figures that add up, losses of what could be balanced, hazards first, one time for all of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metering.alert import Alert, AlertState, Reason
from metering.archive import Archive, Meter
from metering.inspection import InspectionTask, TaskState
from metering.points import Point
from metering.ports import Checkpoint, DayClose, PartitionChange, SeriesRow
from operations.control_room import areas_now, balances, intake_of, loss_of, ranked_areas, standing
from storage.memory import MemoryStore
from storage.memory_series import MemoryTimeSeries

NOW_S = 1_772_323_200
ALERT = Alert(
    "a-1", "TA-1", "M-1", "SP-1", "bypass", "theft", "high", 0.9, NOW_S - 9, None, AlertState.RAISED, 0.2, 1.4, "kWh",
    (Reason("use_drop_with_loss", "use fell by 86 %"),), NOW_S - 99,
)  # fmt: skip
ARCHIVE = Archive(
    "example",
    60,
    "Asia/Shanghai",
    (
        Meter("M-1", "SP-1", "C-1", "TA-1", "customer"),
        Meter("S-1", "SP-S1", "-", "TA-1", "supply"),
        Meter("M-3", "SP-3", "C-3", "TA-2", "customer"),
    ),
)


@pytest.fixture
def store() -> MemoryStore:
    memory = MemoryStore()
    memory.save_archive(ARCHIVE)
    return memory


def raise_alerts(store: MemoryStore, *alerts: Alert) -> None:
    mark = store.begin_partition("judge", 0, "test")
    changed = PartitionChange(mark.epoch, 1, NOW_S, alerts={a.alert_id: a for a in alerts}, counters={"frames": 1})
    store.save(Checkpoint("judge", {0: changed}))


def test_what_is_over_is_not_counted_and_a_task_tells_what_it_is_about(store: MemoryStore) -> None:
    over = replace(ALERT, alert_id="a-2", state=AlertState.CLEARED, cleared_at_s=NOW_S)
    raise_alerts(store, ALERT, over)
    task = InspectionTask("t-1", ("a-2",), "SP-1", "TA-1", TaskState.OPEN, "high", 0.9, 1, NOW_S - 9, NOW_S + 9)
    store.close_day(DayClose(1, {}, [task], (), {}, (), ()))
    now = standing(store, now_s=NOW_S, clock_s=NOW_S, rows=8)
    assert [row.alert.alert_id for row in now.cases.newest] == ["a-1"]
    assert (now.cases.gravest, now.cases.alerts_by_area) == ((), {"TA-1": 1})
    assert now.cases.claims == {"t-1": ("bypass",)}
    assert now.last_closed_day == 1


def test_areas_with_hazards_come_first_then_those_with_more_alerts(store: MemoryStore) -> None:
    raise_alerts(store, *(replace(ALERT, alert_id=f"a-{n}") for n in range(5)))
    before = standing(store, now_s=NOW_S, clock_s=NOW_S, rows=8).cases
    assert ranked_areas(ARCHIVE, before, 9) == ["TA-1", "TA-2"]
    raise_alerts(store, replace(ALERT, alert_id="a-9", abnormality="overvoltage", transformer_area="TA-2"))
    after = standing(store, now_s=NOW_S, clock_s=NOW_S, rows=8).cases
    assert ranked_areas(ARCHIVE, after, 9) == ["TA-2", "TA-1"]
    assert ranked_areas(ARCHIVE, after, 1) == ["TA-2"]
    (line,) = areas_now(ARCHIVE, after, ["TA-1"], {})
    assert (line.meters, line.open_alerts, line.hazards, line.open_tasks, line.loss_share) == (1, 5, 0, 0, None)


@pytest.mark.parametrize("areas", [2, 200])
def test_the_balance_of_a_day_is_read_of_few_areas_and_of_many(areas: int) -> None:
    meters = tuple(Meter(f"M-{n}", f"SP-{n}", "-", f"TA-{n}", "customer") for n in range(areas))
    series = MemoryTimeSeries()
    for name in ("TA-0", "TA-1"):
        for at in (NOW_S - 90_000, NOW_S - 3600):
            series.write_points([Point("area_balance", {"transformer_area": name}, at, {"supplied_kwh": 1.0})])
    found = balances(series, Archive("many", 60, "UTC", meters), ["TA-1"], NOW_S)
    assert [row.time_s for row in found["TA-1"]] == [NOW_S - 3600]


def test_the_intake_adds_up() -> None:
    intake = intake_of(
        {
            "readings_accepted": 90,
            "readings_late": 3,
            "readings_dead_lettered": 2,
            "set_aside.negative": 4,
            "set_aside.repeated": 6,
            "findings_set_aside.unknown_meter": 1,
            "readings_corrected": 5,
        }
    )
    assert intake.readings_in == 105
    assert list(intake.set_aside) == ["repeated", "negative"]


def test_loss_counts_only_what_could_be_balanced() -> None:
    rows = [
        SeriesRow(0, {}, {"supplied_kwh": 10.0, "metered_kwh": 9.0, "loss_kwh": 1.0}),
        SeriesRow(900, {}, {"supplied_kwh": 10.0, "metered_kwh": 2.0}),
        SeriesRow(3600, {}, {"supplied_kwh": 30.0, "metered_kwh": 24.0, "loss_kwh": 6.0}),
        SeriesRow(7200, {}, {"metered_kwh": 24.0}),
    ]
    assert loss_of(rows) == (7.0 / 40.0, (0.1, 0.2, None))
    assert loss_of(()) == (None, ())
