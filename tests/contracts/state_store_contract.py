"""What every state store promises, as tests: memory, SQLite and PostgreSQL all run this class."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from datetime import date

import pytest

from metering.access import ApiAnswer, ApiToken
from metering.alert import Alert, AlertState, Reason, Worth
from metering.announcement import Announcement, Stopped, Turn
from metering.archive import Archive, DownstreamPrice, Meter, Outage, TariffPrice, WorkOrder
from metering.errors import ArchiveError, StaleVersion, StoreError
from metering.handling import AlertHandling, AlertQuery, ShownState, order_value
from metering.inspection import AuditEntry, InspectionTask, TaskFinding, TaskState
from metering.messages import Finding
from metering.notification import Delivery, DeliveryState, Line, Notification
from metering.outside_alert import OutsideAlert
from metering.points import Point
from metering.ports import AreaDayRow, Checkpoint, DayClose, Dispatch, PartitionChange, StateStore
from metering.watch import PartitionPulse, Pulse, WatchStanding

ALERT = Alert(
    alert_id="a-1",
    transformer_area="TA1",
    meter_id="M1",
    service_point="SP1",
    abnormality="over_capacity",
    family="capacity",
    grade="high",
    risk=0.1 + 0.2,
    raised_at_s=1_767_225_600,
    cleared_at_s=None,
    state=AlertState.RAISED,
    observed=12.5,
    expected=math.pi,
    unit="kW",
    reasons=(Reason("over_capacity", "12.5 kW of 10 kW contracted"), Reason("profile", "usual for a Monday", True)),
    since_s=1_767_222_000,
    unjudged=((1_767_226_500, 0.1), (1_767_227_400, 2.0)),
    worth=Worth("energy", 0.1, 1 / 3, 2.0, 0.03, 0.1, 0.6, "CNY"),
)
TASK = InspectionTask(
    task_id="t-1",
    alert_ids=("a-1", "a-2"),
    service_point="SP1",
    transformer_area="TA1",
    state=TaskState.OPEN,
    grade="high",
    risk=0.7,
    priority=1,
    opened_at_s=1_767_300_000,
    due_at_s=1_767_900_000,
)
OPENED = AuditEntry("t-1", 1_767_300_000, "ranker", "open", "", "open", "highest risk of its day")
ASSIGNED = AuditEntry("t-1", 1_767_310_000, "li.na", "assign", "open", "assigned", "nearest crew")
ASSIGNED_TASK = replace(TASK, state=TaskState.ASSIGNED, assignee="crew 4", version=2)
SEEN = AuditEntry("a-1", 1_767_230_000, "li.na", "acknowledge", "", "episode 1")
HANDLED = AlertHandling("a-1", "li.na", 1_767_230_000, 1, "li.na", 1)
OUTSIDE = OutsideAlert(
    "grafana", "8f3a", 1_767_230_000, "firing", "no points", {"job": "x"}, {"说明": "y"}, 1_767_230_060
)
FINDING = Finding("f-1", "TA1", "M1", 1_767_400_000, True, "over_capacity", "li.na", "second service line")


SAID = Announcement("a-1", "TA1", "M1", "over_capacity", "high", "page", Turn.RAISED, 1_767_225_600, feeder="F1")
SENT = Notification(
    "on_call", "page", "page", "over_capacity@F1", 1, 1_767_225_600,
    (Line("a-1", "over_capacity", "TA1", "high", Turn.RAISED, 1_767_225_600), Line("t-1", "", "TA1", "low", None, 5, "visit", 9)),
    (("no room", 3),),
)  # fmt: skip

PULSE = Pulse(
    "w1",
    "both",
    0.25,
    1.5,
    (PartitionPulse("judge", 3, 1_767_225_600, 12, 0.5, True, 2, ("TA1",), {"readings_accepted": 9}),),
    {"points": (3.5, "InfluxDB cannot be reached")},
    100,
    1,
    2,
)
STANDING = WatchStanding(
    "log_behind", "judge", 12_000.0, 60.5, True, 50.5, 60.5, None, 2, "w-1", ("3: 12000", "4: 7"), ""
)


def change(epoch: int, next_offset: int = 1, clock_s: int = 0, **parts: object) -> PartitionChange:
    return PartitionChange(epoch, next_offset, clock_s, **parts)  # type: ignore[arg-type]


def judged(**partitions: PartitionChange) -> Checkpoint:
    """`judged(p0=change(...), p3=change(...))`: a checkpoint of the judging role."""
    return Checkpoint("judge", {int(name[1:]): content for name, content in partitions.items()})


def begin(store: StateStore, partition: int = 0, owner: str = "w1") -> int:
    return store.begin_partition("judge", partition, owner).epoch


def area_day(area: str, day: int, partition: int = 0) -> AreaDayRow:
    return AreaDayRow(area, day, partition, f"{area} {day}".encode())


def closing(day: int, **parts: object) -> DayClose:
    nothing: dict[str, object] = {
        "model_pages": {},
        "tasks": (),
        "audit": (),
        "scores": {},
        "absent_areas": (),
        "points": (),
    }
    return DayClose(day_ordinal=day, **(nothing | parts))  # type: ignore[arg-type]


def listed(store: StateStore) -> None:
    """Six alerts: a-1 is worked on, a-2 acknowledged, a-3 came again after that, the last two are over."""
    alerts = [
        replace(ALERT, alert_id="a-0", raised_at_s=5, meter_id=None, service_point="SP0", risk=math.nan, worth=None),
        replace(ALERT, alert_id="a-1", raised_at_s=10, missing_kwh=7.0, worth=None),
        replace(ALERT, alert_id="a-2", raised_at_s=20, transformer_area="TA2", meter_id="M2", service_point="SP2"),
        replace(ALERT, alert_id="a-3", raised_at_s=30, service_point="SP3", episodes=2, relapses=((31, 32),)),
        replace(
            ALERT, alert_id="a-4", raised_at_s=40, abnormality="bypass", family="theft", state=AlertState.CLEARED,
            cleared_at_s=50, risk=0.9,
        ),
        replace(
            ALERT, alert_id="a-5", raised_at_s=40, abnormality="meter_stopped", family="energy", grade="low",
            state=AlertState.WITHDRAWN, cleared_at_s=50, risk=0.2,
        ),
    ]  # fmt: skip
    store.save(judged(p0=change(begin(store), 1, alerts={a.alert_id: a for a in alerts})))
    store.close_day(closing(7, tasks=[replace(TASK, alert_ids=("a-1",))]))
    store.move_task(replace(ASSIGNED_TASK, alert_ids=("a-1",)), 1, ASSIGNED, [])
    for alert_id, owner in (("a-1", "li.na"), ("a-2", "li.na"), ("a-3", "wang")):
        store.handle_alert(replace(HANDLED, alert_id=alert_id, owner=owner), 0, SEEN, "TA1", b"")


class StateStoreContract:
    """Subclasses give a fixture `store` (empty) and `again` (a second handle on the same store)."""

    # --- set-up
    def test_an_archive_comes_back_as_it_was_saved(self, store: StateStore, again: StateStore) -> None:
        full = Meter(
            "M1", "SP1", "C1", "TA1", "customer", "residential", "home", 10.5, 3, 60.0, 1.0, True, 31.2, 121.5,
            "F1", "S1", "a", 12.0, 80.0, 1_700_000_000, 1_800_000_000,
        )  # fmt: skip
        archive = Archive(
            name="two meters",
            interval_minutes=15,
            timezone="Asia/Shanghai",
            meters=(full, Meter("S1", "SPS", "utility", "TA1", "supply")),
            holidays=frozenset({date(2026, 1, 1), date(2026, 2, 17)}),
            outages=(Outage("TA1", 10, 20, True),),
            works=(
                WorkOrder("meter_exchange", 5, 6, meter_id="M1"),
                WorkOrder("switching", 7, 8, transformer_area="TA1"),
            ),
            tariffs=(TariffPrice("home", 0, 24, 0.54, "CNY", date(2025, 7, 1)),),
            downstream_prices=(
                DownstreamPrice("M1", 30, 0.61, "CNY", tenants=4),
                DownstreamPrice("M1", 9, 0.5, "CNY", 30),
            ),
            licence="CC-BY-4.0",
        )
        store.save_archive(archive)
        assert again.load_archive() == archive
        smaller = replace(archive, meters=(full,), works=(), _by_area={})
        store.save_archive(smaller)
        assert again.load_archive() == smaller

    def test_a_missing_archive_is_an_error_that_says_what_to_do(self, store: StateStore) -> None:
        with pytest.raises(ArchiveError, match="first"):
            store.load_archive()

    def test_a_changed_partition_count_is_refused(self, store: StateStore, again: StateStore) -> None:
        assert store.partitions("areas") is None
        store.fix_partitions("areas", 12)
        store.fix_partitions("areas", 12)
        with pytest.raises(StoreError, match="12"):
            again.fix_partitions("areas", 6)
        assert again.partitions("areas") == 12

    # --- the log's way
    def test_every_owner_raises_the_epoch_and_keeps_the_offset(self, store: StateStore, again: StateStore) -> None:
        first = store.begin_partition("judge", 3, "w1")
        assert (first.epoch, first.next_offset, first.clock_s) == (1, 0, 0)
        assert store.save(judged(p3=change(1, 41, 900))) == frozenset()
        second = again.begin_partition("judge", 3, "w2")
        assert (second.epoch, second.next_offset, second.clock_s) == (2, 41, 900)
        assert again.begin_partition("archive", 3, "w2").epoch == 1
        assert list(store.marks("judge")) == [second]

    def test_marks_come_by_partition(self, store: StateStore) -> None:
        for partition in (10, 2, 0):
            begin(store, partition)
        assert [mark.partition for mark in store.marks("judge")] == [0, 2, 10]
        assert list(store.marks("archive")) == []

    def test_a_stale_partition_is_left_out_whole_and_the_others_are_saved(
        self, store: StateStore, again: StateStore
    ) -> None:
        stale, fresh = begin(store, 0), begin(store, 1)
        begin(again, 0, "w2")
        refused = store.save(
            judged(
                p0=change(
                    stale,
                    50,
                    pages={("TA0", "bank"): b"old"},
                    alerts={"a-1": ALERT},
                    findings={"f-1": FINDING},
                    area_days=[area_day("TA0", 9)],
                    points=[Point("area_balance", {"transformer_area": "TA0"}, 0, {"loss_kwh": 1.0})],
                    counters={"readings_accepted": 5},
                ),
                p1=change(fresh, 7, pages={("TA1", "bank"): b"new"}, counters={"readings_accepted": 2}),
            )
        )
        assert refused == frozenset({0})
        assert store.load_pages("TA0") == {}
        assert store.load_pages("TA1") == {"bank": b"new"}
        assert [(m.partition, m.next_offset) for m in store.marks("judge")] == [(0, 0), (1, 7)]
        assert store.counters() == {"readings_accepted": 2}
        assert not store.alerts()
        assert not store.findings()
        assert not store.days_waiting()
        assert not store.point_batches(10)

    def test_a_partition_that_nobody_began_is_refused(self, store: StateStore) -> None:
        assert store.save(judged(p4=change(1, 9, pages={("TA", "bank"): b"x"}))) == frozenset({4})
        assert store.load_pages("TA") == {}

    def test_an_empty_checkpoint_is_nothing(self, store: StateStore) -> None:
        assert store.save(judged()) == frozenset()
        epoch = begin(store)
        assert store.save(judged(p0=change(epoch, 5))) == frozenset()
        assert store.marks("judge")[0].next_offset == 5

    def test_pages_are_replaced_one_by_one(self, store: StateStore, again: StateStore) -> None:
        epoch = begin(store)
        store.save(
            judged(p0=change(epoch, 1, pages={("TA", "b"): b"1", ("TA", "a"): b"\x00\xff", ("TB", "a"): b"other"}))
        )
        store.save(judged(p0=change(epoch, 2, pages={("TA", "b"): b"2"})))
        assert list(again.load_pages("TA").items()) == [("a", b"\x00\xff"), ("b", b"2")]
        asked = ["TB", *(f"none-{n}" for n in range(1200)), "TA"]
        assert again.pages_named("a", asked) == {"TA": b"\x00\xff", "TB": b"other"}
        assert again.pages_named("b", asked) == {"TA": b"2"}
        assert again.pages_named("b", []) == {}
        assert again.reset_area("TA") == 2
        assert store.load_pages("TA") == {}
        assert store.load_pages("TB") == {"a": b"other"}
        assert store.reset_area("TA") == 0

    def test_counters_add_up_over_partitions_roles_and_owners(self, store: StateStore, again: StateStore) -> None:
        first, other = begin(store, 0), begin(store, 1)
        store.save(
            judged(
                p0=change(first, 1, counters={"readings_accepted": 5}),
                p1=change(other, 1, counters={"readings_accepted": 7}),
            )
        )
        store.save(judged(p0=change(first, 2, counters={"readings_accepted": 1, "set_aside.negative": 2})))
        taken = begin(again, 0, "w2")
        again.save(judged(p0=change(taken, 3, counters={"readings_accepted": 10})))
        role = again.begin_partition("archive", 0, "w2")
        again.save(Checkpoint("archive", {0: change(role.epoch, 1, counters={"points_refused": 3})}))
        assert store.counters() == {"points_refused": 3, "readings_accepted": 23, "set_aside.negative": 2}

    # --- the day's way
    def test_a_lease_is_held_by_one_owner_until_it_is_given_back(self, store: StateStore, again: StateStore) -> None:
        assert store.take_lease("day", "w1", 60)
        assert store.take_lease("day", "w1", 60)
        assert not again.take_lease("day", "w2", 60)
        assert again.take_lease("ticker", "w2", 60)
        again.release_lease("day", "w2")
        assert not again.take_lease("day", "w2", 60)
        store.release_lease("day", "w1")
        assert again.take_lease("day", "w2", 60)

    def test_a_lease_that_ran_out_is_free(self, store: StateStore, again: StateStore) -> None:
        assert store.take_lease("day", "w1", 0)
        assert again.take_lease("day", "w2", 60)
        assert not store.take_lease("day", "w1", 60)

    def test_days_wait_until_they_are_closed_and_close_in_order(self, store: StateStore, again: StateStore) -> None:
        epoch = begin(store)
        rows = [area_day("TB", 8), area_day("TA", 8), area_day("TA", 7)]
        store.save(judged(p0=change(epoch, 1, area_days=rows)))
        assert list(again.days_waiting()) == [7, 8]
        assert again.last_closed_day() is None
        assert list(again.area_days(8)) == [rows[1], rows[0]]
        assert list(again.area_days(6)) == []
        assert again.area_day(8, rows[0].transformer_area) == rows[0]
        assert again.area_day(8, "nowhere") is again.area_day(6, rows[0].transformer_area) is None
        assert not store.close_day(closing(8)), "day 7 still waits"
        assert store.close_day(closing(7))
        assert not again.close_day(closing(7)), "closed already"
        assert list(again.days_waiting()) == [8]
        assert again.last_closed_day() == 7
        store.save(judged(p0=change(epoch, 2, area_days=[area_day("TC", 7), area_day("TC", 6)])))
        assert list(again.days_waiting()) == [8], "a row that comes for a day that had its turn holds nothing up"
        assert store.close_day(closing(9)) is False
        assert store.close_day(closing(8))
        assert store.close_day(closing(12)), "a day without rows can be closed too"

    def test_an_area_day_saved_again_replaces_itself(self, store: StateStore) -> None:
        epoch = begin(store)
        store.save(judged(p0=change(epoch, 1, area_days=[area_day("TA", 7)])))
        corrected = AreaDayRow("TA", 7, 0, b"corrected")
        store.save(judged(p0=change(epoch, 2, area_days=[corrected])))
        assert list(store.area_days(7)) == [corrected]

    def test_many_area_days_come_each_once_and_by_area(self, store: StateStore) -> None:
        epoch = begin(store)
        rows = [area_day(f"TA{i:05}", 7) for i in range(1203)]
        store.save(judged(p0=change(epoch, 1, area_days=rows[::-1])))
        assert list(store.area_days(7)) == rows

    def test_a_closed_day_saves_models_scores_tasks_and_points_together(
        self, store: StateStore, again: StateStore
    ) -> None:
        point = Point(
            "task",
            {"task_id": "t-1", "transformer_area": "TA1", "service_point": "SP1", "grade": "high"},
            5,
            {"open": 1.0},
        )
        parts = {
            "model_pages": {"ranker": b"\x01", "novelty": b"\x02"},
            "tasks": [TASK],
            "audit": [OPENED],
            "scores": {"TB": b"b", "TA": b"a"},
            "absent_areas": ["TZ"],
            "points": [point],
        }
        assert store.close_day(closing(7, **parts))
        assert store.close_day(closing(8, model_pages={"ranker": b"\x03"}, scores={"TA": b"c"}))
        assert again.load_model_pages() == {"novelty": b"\x02", "ranker": b"\x03"}
        assert list(again.scores()) == [(7, "TA", b"a"), (7, "TB", b"b"), (8, "TA", b"c")]
        assert list(again.tasks()) == [TASK]
        assert list(again.audit("t-1")) == [OPENED]
        assert [p for batch in again.point_batches(10) for p in batch.points] == [point]

    def test_scores_come_by_day_then_area(self, store: StateStore) -> None:
        expected = [(day, f"TA{i:04}", b"%d" % i) for day in (1, 2) for i in range(501)]
        for day in (1, 2):
            store.close_day(closing(day, scores={f"TA{i:04}": b"%d" % i for i in reversed(range(501))}))
        assert list(store.scores()) == expected

    def test_a_task_opened_twice_stays_as_people_left_it(self, store: StateStore) -> None:
        store.close_day(closing(7, tasks=[TASK], audit=[OPENED]))
        store.move_task(ASSIGNED_TASK, 1, ASSIGNED, [])
        assert store.close_day(closing(8, tasks=[TASK, replace(TASK, task_id="t-2")], audit=[OPENED]))
        assert store.task("t-1") == ASSIGNED_TASK
        assert store.task("t-2") == replace(TASK, task_id="t-2")
        assert list(store.audit("t-1")) == [OPENED, ASSIGNED]

    def test_a_day_that_moves_a_task_people_moved_meanwhile_is_not_closed(
        self, store: StateStore, again: StateStore
    ) -> None:
        store.close_day(closing(7, tasks=[TASK], audit=[OPENED]))
        again.move_task(ASSIGNED_TASK, 1, ASSIGNED, [])
        withdrawn = replace(TASK, state=TaskState.WITHDRAWN, version=2)
        with pytest.raises(StaleVersion, match="version 2"):
            store.close_day(closing(8, tasks=[withdrawn], model_pages={"ranker": b"x"}))
        assert store.last_closed_day() == 7
        assert store.load_model_pages() == {}
        assert store.close_day(closing(8, tasks=[replace(withdrawn, version=3)]))
        assert again.task("t-1") == replace(withdrawn, version=3)

    # --- alerts, tasks, findings
    def test_an_alert_comes_back_to_the_last_bit(self, store: StateStore, again: StateStore) -> None:
        own = replace(
            ALERT, alert_id="a-2", meter_id=None, cleared_at_s=5, state=AlertState.CLEARED, observed=7.0, expected=1e-300,
            missing_kwh=1 / 3, episodes=2, relapses=((3, 4),),
            late_readings=4, revision=9, reasons=(), unjudged=(),
        )  # fmt: skip
        epoch = begin(store)
        store.save(judged(p0=change(epoch, 1, alerts={"a-1": ALERT, "a-2": own})))
        assert again.alert("a-1") == ALERT
        assert repr(again.alert("a-2")) == repr(own)
        assert again.alert("a-3") is None

    def test_minus_zero_is_zero_in_every_store(self, store: StateStore) -> None:
        epoch = begin(store)
        store.save(judged(p0=change(epoch, 1, alerts={"a-1": replace(ALERT, observed=-0.0)})))
        assert repr(store.alert("a-1")) == repr(replace(ALERT, observed=0.0))

    def test_an_unknown_quantity_of_an_alert_stays_nan(self, store: StateStore) -> None:
        epoch = begin(store)
        unknown = replace(ALERT, observed=math.nan, expected=math.nan, unjudged=((5, math.nan),))
        store.save(judged(p0=change(epoch, 1, alerts={"a-1": unknown})))
        assert repr(store.alert("a-1")) == repr(unknown)

    def test_an_older_revision_never_overwrites_a_newer_one(self, store: StateStore) -> None:
        epoch = begin(store)
        newer = replace(ALERT, revision=3, state=AlertState.CLEARED, cleared_at_s=1_767_230_000)
        store.save(judged(p0=change(epoch, 1, alerts={"a-1": newer})))
        store.save(judged(p0=change(epoch, 2, alerts={"a-1": replace(ALERT, revision=2)})))
        assert store.alert("a-1") == newer

    def test_alerts_come_by_time_then_id_and_can_be_narrowed(self, store: StateStore) -> None:
        epoch = begin(store)
        alerts = {
            "a-3": replace(ALERT, alert_id="a-3", raised_at_s=10),
            "a-B": replace(ALERT, alert_id="a-B", raised_at_s=20, transformer_area="TA2"),
            "a-a": replace(ALERT, alert_id="a-a", raised_at_s=20, state=AlertState.CLEARED, cleared_at_s=30),
            "a-1": replace(ALERT, alert_id="a-1", raised_at_s=5, state=AlertState.WITHDRAWN),
        }
        store.save(judged(p0=change(epoch, 1, alerts=alerts)))
        assert [a.alert_id for a in store.alerts()] == ["a-1", "a-3", "a-B", "a-a"]
        assert [a.alert_id for a in store.alerts(only_open=True)] == ["a-3", "a-B"]
        assert [a.alert_id for a in store.alerts(transformer_area="TA1")] == ["a-1", "a-3", "a-a"]
        assert [a.alert_id for a in store.alerts(only_open=True, transformer_area="TA2")] == ["a-B"]

    def test_an_act_on_an_alert_is_saved_with_its_audit_line_and_its_relay(
        self, store: StateStore, again: StateStore
    ) -> None:
        assert store.handling("a-1") == AlertHandling("a-1")
        store.handle_alert(HANDLED, 0, SEEN, "TA1", b"decision")
        assert again.handling("a-1") == HANDLED
        assert list(again.audit("a-1")) == [SEEN]
        assert [(area, payload) for _, area, payload in again.relay_batch(10)] == [("TA1", b"decision")]

    def test_an_act_from_an_older_version_changes_nothing(self, store: StateStore, again: StateStore) -> None:
        store.handle_alert(HANDLED, 0, SEEN, "TA1", b"1")
        given = replace(HANDLED, owner="zhao min", version=2)
        store.handle_alert(given, 1, SEEN, "TA1", b"2")
        for late, expected in ((replace(HANDLED, owner="wang", version=2), 1), (replace(HANDLED, owner="wang"), 0)):
            with pytest.raises(StaleVersion, match="version 2"):
                again.handle_alert(late, expected, SEEN, "TA1", b"3")
        with pytest.raises(StaleVersion, match="version 0"):
            again.handle_alert(replace(HANDLED, alert_id="a-9"), 4, SEEN, "TA1", b"3")
        assert store.handling("a-1") == given
        assert len(store.audit("a-1")) == len(store.relay_batch(10)) == 2

    def test_a_line_of_the_audit_trail_can_stand_for_itself(self, store: StateStore, again: StateStore) -> None:
        store.append_audit(SEEN)
        store.append_audit(replace(SEEN, actor="zhao min"))
        assert [line.actor for line in again.audit("a-1")] == ["li.na", "zhao min"]
        assert not store.relay_batch(10)

    def test_the_tasks_of_an_alert_are_those_that_name_it(self, store: StateStore, again: StateStore) -> None:
        newer = replace(TASK, task_id="t-2", alert_ids=("a-2",), opened_at_s=TASK.opened_at_s + 5)
        store.close_day(closing(7, tasks=[TASK, newer]))
        assert list(again.tasks_of_alert("a-2")) == [newer, TASK]
        taken_in = replace(ASSIGNED_TASK, alert_ids=("a-1", "a-2", "a-3"))
        store.move_task(taken_in, 1, ASSIGNED, [])
        assert list(again.tasks_of_alert("a-3")) == [taken_in]
        assert list(again.tasks_of_alert("a-9")) == []

    def test_a_list_of_alerts_is_narrowed_by_everything_at_once(self, store: StateStore, again: StateStore) -> None:
        listed(store)

        def found(**asked: object) -> list[str]:
            page = again.alert_page(AlertQuery(**({"descending": False} | asked)))  # type: ignore[arg-type]
            assert page.count == len(page.rows)
            return [row.alert.alert_id for row in page.rows]

        assert found() == ["a-0", "a-1", "a-2", "a-3", "a-4", "a-5"]
        assert found(states=(AlertState.RAISED,)) == ["a-0", "a-1", "a-2", "a-3"]
        assert found(states=(AlertState.CLEARED, AlertState.WITHDRAWN)) == ["a-4", "a-5"]
        assert found(shown=ShownState.SUSPECTED) == []
        assert found(shown=ShownState.RAISED) == ["a-0", "a-3"], "a-3 came again after it was acknowledged"
        assert found(shown=ShownState.ACKNOWLEDGED) == ["a-2"]
        assert found(shown=ShownState.IN_INSPECTION) == ["a-1"]
        assert found(shown=ShownState.CLEARED) == ["a-4"]
        assert found(acknowledged=True) == ["a-1", "a-2"]
        assert found(acknowledged=False) == ["a-0", "a-3", "a-4", "a-5"]
        assert found(acknowledged=False, shown=ShownState.ACKNOWLEDGED) == []
        assert found(owner="li.na") == ["a-1", "a-2"]
        assert found(owner="li.na", acknowledged=False) == []
        assert found(owner="wang", acknowledged=False) == ["a-3"]
        assert found(abnormalities=("bypass", "meter_stopped")) == ["a-4", "a-5"]
        assert found(abnormalities=()) == []
        assert found(family="theft", grade="high") == ["a-4"]
        assert found(transformer_areas=("TA2", "TA3")) == ["a-2"]
        assert found(service_points=("SP3",)) == ["a-3"]
        assert found(meter_id="M2") == ["a-2"]
        assert found(search="m2") == ["a-2"]
        assert found(search="2") == ["a-2"]
        assert found(search="sp") == ["a-0", "a-1", "a-2", "a-3", "a-4", "a-5"]
        assert found(search="%") == []
        assert found(since_s=20, until_s=40) == ["a-2", "a-3"]
        assert found(states=(AlertState.RAISED,), family="capacity", since_s=10, transformer_areas=("TA2",)) == ["a-2"]

    def test_what_is_open_is_counted_by_kind_and_area(self, store: StateStore, again: StateStore) -> None:
        listed(store)
        whole = again.alert_page(AlertQuery(states=(AlertState.RAISED,))).rows
        now = again.open_cases(now_s=TASK.due_at_s, marked=("over_capacity",), rows=3)
        assert sum(kind.alerts for kind in now.kinds) == len(whole) == 4
        for kind in now.kinds:
            same = [r for r in whole if (r.alert.abnormality, r.alert.grade) == (kind.abnormality, kind.grade)]
            assert (len(same), same[0].alert.family) == (kind.alerts, kind.family)
        by_area = Counter(row.alert.transformer_area for row in whole)
        assert now.alerts_by_area == by_area
        assert [row.alert.raised_at_s for row in now.newest] == sorted(
            (r.alert.raised_at_s for r in whole), reverse=True
        )[:3]
        assert set(now.newest) <= set(whole)
        assert [row.alert.alert_id for row in now.gravest] == ["a-1", "a-2", "a-3"]
        assert now.marked_by_area == Counter(
            row.alert.transformer_area for row in whole if row.alert.abnormality == "over_capacity"
        )
        assert again.open_cases(now_s=0, marked=(), rows=0).marked_by_area == {}

    def test_the_tasks_to_do_next_are_hazards_then_by_risk_and_due_time(
        self, store: StateStore, again: StateStore
    ) -> None:
        def task(task_id: str, risk: float, **more: object) -> InspectionTask:
            return replace(TASK, **{"task_id": task_id, "risk": risk, **more})  # type: ignore[arg-type]

        order = [
            task("t-1", 0.1, hazard=True),
            task("t-4", 0.9),
            task("t-3", 0.5, due_at_s=TASK.due_at_s - 1),
            task("t-2", 0.5),
            task("t-5", float("nan")),
        ]
        store.save(judged(p0=change(begin(store), alerts={"a-1": ALERT})))
        store.close_day(closing(7, tasks=sorted(order, key=lambda t: t.task_id)))
        store.close_day(closing(8, tasks=[task("t-6", 1.0, transformer_area="TA2", alert_ids=("a-1", "a-9"))]))
        over = replace(order[1], task_id="t-7", state=TaskState.WITHDRAWN)
        store.move_task(over, 0, replace(OPENED, subject_id="t-7"), [])
        now = again.open_cases(now_s=TASK.due_at_s - 1, marked=(), rows=5)
        assert [t.task_id for t in now.tasks] == ["t-1", "t-6", "t-4", "t-3", "t-2"]
        assert now.claims["t-6"] == ("over_capacity",), "an alert that the store does not have is left out"
        assert (now.tasks_by_area, now.tasks_overdue) == ({"TA1": 5, "TA2": 1}, 1)
        assert now.tasks_by_state == {TaskState.OPEN: 6}
        assert [t.task_id for t in again.open_cases(now_s=0, marked=(), rows=9).tasks][-1] == "t-5"

    def test_a_row_of_the_list_tells_what_people_did(self, store: StateStore, again: StateStore) -> None:
        listed(store)
        rows = {row.alert.alert_id: row for row in again.alert_page(AlertQuery()).rows}
        assert rows["a-0"].handling == AlertHandling("a-0")
        assert rows["a-1"].handling == replace(HANDLED, alert_id="a-1")
        assert [task.task_id for task in rows["a-1"].tasks] == ["t-1"]
        assert rows["a-1"].alert == store.alert("a-1")

    @pytest.mark.parametrize("order", ["raised", "risk", "energy", "abnormality", "family", "meter", "area", "state"])
    @pytest.mark.parametrize("descending", [True, False])
    def test_pages_follow_each_other_forwards_and_backwards_in_every_order(
        self, store: StateStore, again: StateStore, order: str, descending: bool
    ) -> None:
        listed(store)
        asked = AlertQuery(order=order, descending=descending, limit=2)  # type: ignore[arg-type]
        whole = [row.alert for row in again.alert_page(replace(asked, limit=50)).rows]
        assert whole == sorted(whole, key=lambda a: (order_value(a, asked.order), a.alert_id), reverse=descending)
        first = again.alert_page(asked)
        pages, page = [first], first
        while page.more:
            last = page.rows[-1].alert
            page = again.alert_page(replace(asked, after=(order_value(last, asked.order), last.alert_id)))
            pages.append(page)
        assert [row.alert for page in pages for row in page.rows] == whole
        assert {page.count for page in pages} == {6}
        third = pages[2].rows[0].alert
        back = replace(asked, after=(order_value(third, asked.order), third.alert_id), backwards=True)
        assert again.alert_page(back).rows == pages[1].rows
        assert again.alert_page(back).more

    def test_tasks_come_by_opening_priority_and_id(self, store: StateStore) -> None:
        def task(task_id: str, opened_at_s: int, priority: int, state: TaskState = TaskState.OPEN) -> InspectionTask:
            return replace(TASK, task_id=task_id, opened_at_s=opened_at_s, priority=priority, state=state)

        opened = [
            task("t-9", 10, 1),
            task("t-1", 10, 2, TaskState.CLOSED),
            task("t-2", 10, 2, TaskState.FOUND),
            task("t-0", 20, 1, TaskState.WITHDRAWN),
        ]
        store.close_day(closing(7, tasks=opened[::-1]))
        assert list(store.tasks()) == opened
        assert [t.task_id for t in store.tasks(only_open=True)] == ["t-9", "t-2"]
        assert store.task("t-7") is None

    def test_a_move_is_saved_with_its_audit_line_and_its_relay(self, store: StateStore, again: StateStore) -> None:
        store.move_task(TASK, 0, OPENED, [])
        found = replace(
            TASK, state=TaskState.FOUND, finding=TaskFinding(7, False, None), hazard=True, closed_at_s=9, version=2
        )
        line = AuditEntry("t-1", 7, "li.na", "record", "open", "found")
        store.move_task(found, 1, line, [b"decision", b"finding"])
        assert again.task("t-1") == found
        assert list(again.audit("t-1")) == [OPENED, line]
        assert [(area, payload) for _, area, payload in again.relay_batch(10)] == [
            ("TA1", b"decision"),
            ("TA1", b"finding"),
        ]

    def test_a_move_from_an_older_version_changes_nothing(self, store: StateStore, again: StateStore) -> None:
        store.move_task(TASK, 0, OPENED, [])
        store.move_task(ASSIGNED_TASK, 1, ASSIGNED, [])
        with pytest.raises(StaleVersion, match="version 2"):
            again.move_task(replace(ASSIGNED_TASK, assignee="crew 5"), 1, ASSIGNED, [b"relay"])
        with pytest.raises(StaleVersion, match="version 2"):
            again.move_task(TASK, 0, OPENED, [b"relay"])
        with pytest.raises(StaleVersion, match="not there"):
            again.move_task(replace(ASSIGNED_TASK, task_id="t-8"), 1, ASSIGNED, [b"relay"])
        assert store.task("t-1") == ASSIGNED_TASK
        assert list(store.audit("t-1")) == [OPENED, ASSIGNED]
        assert not store.relay_batch(10)

    def test_findings_come_by_time_then_id_within_a_span(self, store: StateStore) -> None:
        epoch = begin(store)
        findings = [
            replace(FINDING, finding_id="f-9", found_at_s=10),
            replace(FINDING, finding_id="f-1", found_at_s=20, confirmed=False, abnormality=None),
            replace(FINDING, finding_id="f-2", found_at_s=20),
            replace(FINDING, finding_id="f-0", found_at_s=30, note="说明"),
        ]
        store.save(judged(p0=change(epoch, 1, findings={f.finding_id: f for f in findings[::-1]})))
        store.save(judged(p0=change(epoch, 2, findings={"f-9": findings[0]})))
        assert list(store.findings()) == findings
        assert list(store.findings(from_s=10, to_s=20)) == findings[:1]
        assert list(store.findings(from_s=20, to_s=30)) == findings[1:3]

    # --- callers from outside
    def test_tokens_are_kept_and_replaced_by_their_id(self, store: StateStore, again: StateStore) -> None:
        token = ApiToken("k1", "ab12", "Li Na", "operator", ("alerts:read", "alerts:handle"), 20, "root")
        older = ApiToken("k2", "cd34", "Wang", "monitor", ("intake",), 10, "root", expires_at_s=99)
        store.save_token(token)
        store.save_token(older)
        assert again.token("k1") == token
        assert again.token("k3") is None
        revoked = replace(token, revoked_at_s=30, revoked_by="root")
        again.save_token(revoked)
        assert list(store.tokens()) == [older, revoked]

    def test_a_key_of_a_request_is_taken_once(self, store: StateStore, again: StateStore) -> None:
        asked = ApiAnswer("k", "r", 100)
        ages = {"forget_before_s": 0, "unanswered_before_s": 50}
        assert store.claim_answer(asked, **ages) is None
        assert again.claim_answer(ApiAnswer("k", "other", 101), **ages) == asked
        answered = replace(asked, status=200, body="{}")
        store.save_answer(answered)
        assert again.claim_answer(ApiAnswer("k", "r", 5000), forget_before_s=100, unanswered_before_s=4000) == answered
        assert again.claim_answer(ApiAnswer("k", "r", 9000), forget_before_s=101, unanswered_before_s=4000) is None

    def test_a_request_left_unanswered_can_be_made_again(self, store: StateStore, again: StateStore) -> None:
        asked = ApiAnswer("k", "r", 100)
        store.claim_answer(asked, forget_before_s=0, unanswered_before_s=0)
        assert again.claim_answer(replace(asked, asked_at_s=200), forget_before_s=0, unanswered_before_s=150) is None
        again.forget_answer("k")
        assert store.claim_answer(asked, forget_before_s=0, unanswered_before_s=0) is None

    def test_an_outside_alert_counts_once_by_fingerprint_and_start(self, store: StateStore, again: StateStore) -> None:
        assert store.take_outside_alerts([OUTSIDE, replace(OUTSIDE, starts_at_s=5), OUTSIDE]) == 2
        assert again.take_outside_alerts([replace(OUTSIDE, source="other")]) == 1
        assert list(again.outside_alerts()) == [
            replace(OUTSIDE, source="other"),
            replace(OUTSIDE, times_received=2),
            replace(OUTSIDE, starts_at_s=5),
        ]
        assert [a.starts_at_s for a in again.outside_alerts(limit=1, waiting=True)] == [5]

    def test_an_outside_alert_that_is_resolved_stays_so(self, store: StateStore, again: StateStore) -> None:
        store.take_outside_alerts([OUTSIDE])
        over = replace(OUTSIDE, status="resolved", ends_at_s=1_767_240_000, title="again", received_at_s=1_767_240_001)
        store.take_outside_alerts([over, OUTSIDE])
        (kept,) = again.outside_alerts()
        assert kept == replace(over, received_at_s=OUTSIDE.received_at_s, times_received=3)

    def test_an_outside_alert_waits_until_people_were_told_of_its_status(
        self, store: StateStore, again: StateStore
    ) -> None:
        store.take_outside_alerts([OUTSIDE, replace(OUTSIDE, fingerprint="77")])
        store.outside_announced([OUTSIDE.key], "firing")
        assert [a.fingerprint for a in again.outside_alerts(waiting=True)] == ["77"]
        over = replace(OUTSIDE, status="resolved", ends_at_s=1_767_240_000, resolved_at_s=1_767_240_060)
        store.take_outside_alerts([over])
        assert sorted(a.fingerprint for a in again.outside_alerts(waiting=True)) == ["77", "8f3a"]
        store.outside_announced([over.key], "resolved")
        assert replace(over, times_received=2, announced="resolved") in again.outside_alerts()
        assert [a.fingerprint for a in again.outside_alerts(waiting=True)] == ["77"]

    # --- outboxes
    def test_points_wait_in_the_order_they_were_saved_until_delivered(
        self, store: StateStore, again: StateStore
    ) -> None:
        def point(loss_kwh: float) -> Point:
            return Point("area_balance", {"transformer_area": "变台 1"}, 900, {"loss_kwh": loss_kwh})

        epoch = begin(store)
        for i in range(3):
            store.save(judged(p0=change(epoch, i + 1, points=[point(i + 0.1), point(i + 0.2)])))
        first, second = again.point_batches(2)
        assert first.points == (point(0.1), point(0.2))
        assert second.points == (point(1.1), point(1.2))
        assert first.batch_id < second.batch_id
        store.points_delivered([first.batch_id, second.batch_id])
        store.points_delivered([first.batch_id])
        (third,) = again.point_batches(10)
        assert third.points == (point(2.1), point(2.2))
        store.points_delivered([third.batch_id])
        store.save(judged(p0=change(epoch, 9, points=[point(9.0)])))
        assert again.point_batches(1)[0].batch_id > third.batch_id, "a number is never given twice"

    def test_a_field_without_a_value_is_left_out_of_a_saved_point(self, store: StateStore) -> None:
        epoch = begin(store)
        gap = Point("area_balance", {"transformer_area": "TA"}, 900, {"loss_kwh": math.nan, "supplied_kwh": 2.0})
        store.save(judged(p0=change(epoch, 1, points=[gap])))
        assert store.point_batches(1)[0].points == (replace(gap, fields={"supplied_kwh": 2.0}),)

    def test_very_many_points_come_in_batches_that_fit_in_memory(self, store: StateStore) -> None:
        epoch = begin(store)
        points = [Point("area_balance", {"transformer_area": "TA"}, i, {"loss_kwh": float(i)}) for i in range(12_001)]
        store.save(judged(p0=change(epoch, 1, points=points)))
        batches = store.point_batches(100)
        assert max(len(batch.points) for batch in batches) <= 5000
        assert [p for batch in batches for p in batch.points] == points

    def test_a_decision_about_several_areas_is_one_audit_line_and_a_message_each(
        self, store: StateStore, again: StateStore
    ) -> None:
        line = AuditEntry("silences", 1_767_310_000, "li.na", "silence", "", "{}", "harvest")
        store.record_decisions([line], [("TA1", b"1"), ("TA2", b"2")])
        store.record_decision("TA2", line, b"3")
        assert list(again.audit("silences")) == [line, line]
        assert [(area, payload) for _, area, payload in again.relay_batch(10)] == [
            ("TA1", b"1"),
            ("TA2", b"2"),
            ("TA2", b"3"),
        ]

    def test_relayed_messages_leave_the_outbox(self, store: StateStore, again: StateStore) -> None:
        store.move_task(TASK, 0, OPENED, [b"1", b"2", b"3"])
        waiting = again.relay_batch(2)
        assert [payload for _, _, payload in waiting] == [b"1", b"2"]
        again.relayed(number for number, _, _ in waiting)
        assert [payload for _, _, payload in store.relay_batch(10)] == [b"3"]
        store.relayed([])
        assert len(store.relay_batch(10)) == 1

    # --- what is said of alerts, and to whom

    def test_how_many_alerts_a_silence_ever_held_is_counted_once_each(self, store: StateStore) -> None:
        held = [
            replace(SAID, alert_id=alert_id, at_s=SAID.at_s + n, stopped=Stopped(stage, "so", detail))
            for n, (alert_id, stage, detail) in enumerate(
                [
                    ("a-1", "silence", "s-1"),
                    ("a-1", "silence", "s-1"),
                    ("a-2", "silence", "s-1"),
                    ("a-1", "silence", "s-2"),
                    ("a-3", "planned_work", "meter_exchange"),
                ]
            )
        ]
        store.announce([SAID, *held])
        assert store.alerts_stopped("silence") == {"s-1": 2, "s-2": 1}
        assert store.alerts_stopped("planned_work") == {"meter_exchange": 1}
        assert store.alerts_stopped("flapping") == {}

    def test_announcements_wait_in_order_until_the_dispatcher_takes_them(self, store: StateStore) -> None:
        stopped = replace(SAID, stopped=Stopped("silence", "silenced", "s-1"), at_s=SAID.at_s - 900)
        later = replace(SAID, alert_id="a-2", at_s=SAID.at_s + 900)
        epoch = begin(store)
        store.save(judged(p0=change(epoch, announcements=[later, SAID, stopped])))
        assert store.announcements("a-1") == [stopped, SAID]
        assert store.announcements_waiting(later.at_s, 10) == [SAID, later]
        assert store.announcements_waiting(later.at_s, 1) == [SAID]
        assert store.announcements_waiting(SAID.at_s, 10) == [SAID]
        store.dispatch(Dispatch([SAID.announcement_id], [SENT], {"groups": b"one"}))
        assert store.announcements_waiting(later.at_s, 10) == [later]
        assert store.load_dispatch_pages() == {"groups": b"one"}
        assert store.deliveries(state="waiting") == [Delivery(SENT)]

    def test_what_was_taken_is_not_said_again(self, store: StateStore) -> None:
        epoch = begin(store)
        store.save(judged(p0=change(epoch, announcements=[SAID])))
        store.dispatch(Dispatch([SAID.announcement_id], [SENT], {}))
        delivered = Delivery(SENT, "delivered", 2, 5.5, 6.5, "was away")
        store.save_deliveries([delivered])
        store.save(judged(p0=change(epoch, 2, announcements=[SAID])))
        store.announce([SAID])
        store.dispatch(Dispatch([SAID.announcement_id], [SENT], {}))
        assert store.announcements_waiting(SAID.at_s, 10) == []
        assert store.delivery(SENT.notification_id) == delivered
        assert store.deliveries(state="waiting") == []

    def test_deliveries_by_state_and_channel(self, store: StateStore) -> None:
        early, other = replace(SENT, made_at_s=SENT.made_at_s - 60, serial=2), replace(SENT, channel="crew")
        store.dispatch(Dispatch([], [SENT, early, other], {}))
        assert store.deliveries(state="waiting", channel="on_call") == [Delivery(early), Delivery(SENT)]
        assert store.deliveries(channel="on_call") == [Delivery(SENT), Delivery(early)]
        assert len(store.deliveries(limit=2)) == 2
        folded = Delivery(other, "folded", folded_into=SENT.notification_id)
        store.save_deliveries([folded])
        assert store.deliveries(state="folded") == [folded]
        assert store.delivery("unknown") is None

    def test_what_arrived_long_ago_is_forgotten_with_what_it_told(self, store: StateStore, again: StateStore) -> None:
        def numbered(serial: int, state: DeliveryState, at_s: float | None = None, into: str = "") -> Delivery:
            return Delivery(replace(SENT, serial=serial), state, 1, 0.0, at_s, "", into)

        digest, late = numbered(1, "delivered", 100.0), numbered(2, "delivered", 500.0)
        told, kept = (
            numbered(n, "folded", into=each.notification.notification_id) for n, each in ((3, digest), (4, late))
        )
        waiting, failed = numbered(5, "waiting"), numbered(6, "failed")
        store.save_deliveries([digest, late, told, kept, waiting, failed])
        assert store.forget_deliveries(100.0) == 0
        assert store.forget_deliveries(500.0) == 2
        assert {d.notification.serial for d in again.deliveries()} == {2, 4, 5, 6}

    # --- the watcher watched

    def test_a_pulse_takes_the_place_of_its_owners_last_one(self, store: StateStore, again: StateStore) -> None:
        store.beat(Pulse("w2", "archive"))
        store.beat(Pulse("w1", "judge"))
        store.beat(PULSE)
        beats = again.heartbeats()
        assert [beat.pulse for beat in beats] == [PULSE, Pulse("w2", "archive")]
        assert all(0.0 <= beat.age_s < 60.0 for beat in beats)
        again.end_beats(["w1", "nobody"])
        assert [beat.pulse.owner for beat in store.heartbeats()] == ["w2"]

    def test_outboxes_say_how_much_waits_and_for_how_long(self, store: StateStore, again: StateStore) -> None:
        assert [(w.outbox, w.entries, w.oldest_s) for w in store.outboxes()] == [
            ("points", 0, None),
            ("relay", 0, None),
            ("notifications", 0, None),
        ]
        point = Point("area_balance", {"transformer_area": "TA"}, 900, {"supplied_kwh": 2.0})
        store.save(judged(p0=change(begin(store), 1, points=[point])))
        store.move_task(TASK, 0, OPENED, [b"1", b"2"])
        store.dispatch(Dispatch([], [SENT], {}))
        points, relay, notifications = again.outboxes()
        assert (points.entries, relay.entries, notifications.entries) == (1, 2, 1)
        assert points.oldest == str(again.point_batches(1)[0].batch_id)
        assert notifications.oldest == SENT.notification_id
        assert points.oldest_s is not None
        assert relay.oldest_s is not None
        assert 0.0 <= points.oldest_s < 60.0
        store.relayed([int(relay.oldest)])
        assert [w.entries for w in again.outboxes()] == [1, 1, 1]

    def test_where_the_watch_stands_survives_with_what_it_said(self, store: StateStore, again: StateStore) -> None:
        other = replace(STANDING, subject="archive", value=None, open=False, opened_at_s=None, why_not="no_worker")
        line = AuditEntry("watch", 60, "meterwatch", "open", "normal", "abnormal", "log_behind")
        told = replace(SAID, alert_id=STANDING.alert_id)
        store.save_watch([STANDING, other], [line], [told])
        assert again.watch_standings() == [other, STANDING]
        assert again.audit("watch") == [line]
        assert again.announcements(STANDING.alert_id) == [told]
        store.save_watch([replace(STANDING, value=3.0)], [], [])
        assert again.watch_standings() == [other, replace(STANDING, value=3.0)]
        store.forget_watch([("log_behind", "archive"), ("no", "rule")])
        assert again.watch_standings() == [replace(STANDING, value=3.0)]
