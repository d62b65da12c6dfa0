"""The dispatcher: announcements become notifications once, under one lease, whatever partitions and days do meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from alerts.routes import Crew, Escalation, Routes, Shift
from metering.announcement import Announcement, Stopped, Turn
from metering.archive import Archive, Meter
from metering.inspection import AuditEntry, InspectionTask, TaskState
from metering.notification import DESK
from metering.ports import Checkpoint, DayClose, PartitionChange
from operations.dispatch import AT_ONCE, LEASE, PATIENCE_S, dispatch_ready
from operations.silence import Scope, add_silence, change_silence
from storage.memory import MemoryStore

ZONE = ZoneInfo("Asia/Shanghai")
MIDNIGHT_S = int(datetime(2026, 3, 2, tzinfo=ZONE).timestamp())
HOUR_S, DAY_S = 3600, 86_400
ARCHIVE = Archive(
    "two areas",
    15,
    "Asia/Shanghai",
    (
        Meter("S1", "SP-S1", "grid", "A1", "supply", feeder="F1"),
        Meter("M1", "SP-1", "C1", "A1", "customer", feeder="F1"),
        Meter("M2", "SP-2", "C2", "A2", "customer", feeder="F2"),
    ),
)
SAID = Announcement("a-1", "A1", "M1", "overvoltage", "high", "page", Turn.RAISED, MIDNIGHT_S, feeder="F1")
TASK = InspectionTask(
    "t-1", ("a-1",), "SP-1", "A1", TaskState.OPEN, "medium", 0.6, 1, MIDNIGHT_S - 18 * HOUR_S, MIDNIGHT_S + 7 * DAY_S
)  # fmt: skip


class Site:
    """A store with two partitions whose clocks are moved by hand."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.epochs = {p: self.store.begin_partition("judge", p, "w1").epoch for p in (0, 1)}

    def clock(self, *clocks_s: int, **parts: object) -> None:
        changes = {
            p: PartitionChange(self.epochs[p], 1, clock_s, **(parts if p == 0 else {}))  # type: ignore[arg-type]
            for p, clock_s in enumerate(clocks_s)
        }
        self.store.save(Checkpoint("judge", changes))

    def dispatch(self, routes: Routes | None = None, owner: str = "w1") -> int:
        return dispatch_ready(self.store, ARCHIVE, routes or Routes(), 2, owner)

    def kinds(self) -> list[str]:
        return [d.notification.kind for d in self.store.deliveries(state="waiting")]

    def open(self, *tasks: InspectionTask) -> None:
        for task in tasks:
            self.store.move_task(task, 0, AuditEntry(task.task_id, task.opened_at_s, "m", "open", "", "open"), ())

    def close_day(self, day: date) -> None:
        self.store.close_day(DayClose(day.toordinal(), {}, (), (), {}, (), ()))


@pytest.fixture
def site() -> Site:
    return Site()


def test_what_is_announced_is_told_once_and_what_is_stopped_never(site: Site) -> None:
    stopped = replace(SAID, alert_id="a-2", stopped=Stopped("silence", "silenced"))
    site.clock(MIDNIGHT_S, MIDNIGHT_S, announcements=[SAID, stopped])
    assert site.dispatch() == 1
    assert site.dispatch() == 0
    (delivery,) = site.store.deliveries(state="waiting")
    assert [line.number for line in delivery.notification.lines] == ["a-1"]


def test_the_same_moment_of_another_partition_joins_the_same_page(site: Site) -> None:
    site.clock(MIDNIGHT_S, MIDNIGHT_S - 60, announcements=[SAID])
    assert site.dispatch() == 0
    site.clock(MIDNIGHT_S, MIDNIGHT_S, announcements=[replace(SAID, alert_id="a-2")])
    assert site.dispatch() == 1
    assert len(site.store.deliveries(state="waiting")[0].notification.lines) == 2


def test_a_partition_that_stands_still_holds_nobody_back_for_long(site: Site) -> None:
    site.clock(MIDNIGHT_S + PATIENCE_S, MIDNIGHT_S - DAY_S, announcements=[SAID])
    assert site.dispatch() == 1


def test_only_the_lease_holder_dispatches(site: Site) -> None:
    site.clock(MIDNIGHT_S, MIDNIGHT_S, announcements=[SAID])
    assert site.store.take_lease(LEASE, "other", 60)
    assert site.dispatch() == 0
    site.store.release_lease(LEASE, "other")
    assert site.dispatch() == 1


def test_a_page_that_a_person_acknowledged_is_not_escalated(site: Site) -> None:
    routes = Routes((Shift("phone"),), Escalation(15, "chief"))
    site.clock(MIDNIGHT_S, MIDNIGHT_S, announcements=[SAID])
    site.dispatch(routes)
    handling = replace(site.store.handling("a-1"), acknowledged_by="li", acknowledged_episode=1, version=1)
    entry = AuditEntry("a-1", MIDNIGHT_S, "li", "acknowledge", "", "")
    site.store.handle_alert(handling, 0, entry, "A1", b"")
    site.clock(MIDNIGHT_S + HOUR_S, MIDNIGHT_S + HOUR_S)
    assert site.dispatch(routes) == 0
    other = Site()
    other.clock(MIDNIGHT_S, MIDNIGHT_S, announcements=[SAID])
    other.dispatch(routes)
    other.clock(MIDNIGHT_S + HOUR_S, MIDNIGHT_S + HOUR_S)
    assert other.dispatch(routes) == 1


def test_more_than_one_go_holds_is_one_page_all_the_same(site: Site) -> None:
    many = [replace(SAID, alert_id=f"a-{i}") for i in range(AT_ONCE + 10)]
    site.clock(MIDNIGHT_S, MIDNIGHT_S, announcements=many)
    assert site.dispatch() == 1
    (delivery,) = site.store.deliveries(state="waiting")
    assert len(delivery.notification.lines) == AT_ONCE + 10


def test_a_crew_gets_one_list_each_morning_when_yesterday_is_closed(site: Site) -> None:
    routes = Routes(crews=(Crew("north", "north", 2, time(7), feeders=("F1",)), Crew("south", "south", 2, time(7))))
    more = [replace(TASK, task_id=f"t-{i}", service_point=f"SP-{i}", risk=0.1 * i, alert_ids=()) for i in (2, 3, 4)]
    hazard = replace(TASK, task_id="t-9", service_point="SP-9", hazard=True, risk=0.2)
    late = replace(TASK, task_id="t-0", opened_at_s=MIDNIGHT_S + 8 * HOUR_S)
    elsewhere = replace(TASK, task_id="t-s", service_point="SP-2", transformer_area="A2", due_at_s=MIDNIGHT_S)
    site.open(*(replace(t, service_point="SP-1") for t in (TASK, *more, hazard, late)), elsewhere)
    seven_s = MIDNIGHT_S + 7 * HOUR_S
    site.clock(seven_s + 60, seven_s + 60)
    assert site.dispatch(routes) == 0
    site.close_day(date(2026, 3, 1))
    assert site.dispatch(routes) == 4
    assert site.dispatch(routes) == 0
    sent = [d.notification for d in site.store.deliveries(state="waiting") if d.notification.channel != DESK]
    north, south = sorted(sent, key=lambda n: n.channel)
    assert ([line.number for line in north.lines], north.made_at_s) == (["t-9", "t-1"], seven_s)
    assert north.left_out == (("no_room", 3),)
    assert [line.number for line in south.lines] == ["t-s"]


def test_a_list_does_not_wait_for_ever_for_a_day_that_does_not_close(site: Site) -> None:
    site.open(replace(TASK, opened_at_s=MIDNIGHT_S))
    site.clock(MIDNIGHT_S + 9 * HOUR_S, MIDNIGHT_S + 9 * HOUR_S)
    assert site.dispatch() == 1
    assert site.kinds() == ["morning"]


def test_a_crew_hears_once_that_a_silence_ends_soon_and_again_where_its_end_is_moved(site: Site) -> None:
    routes = Routes(crews=(Crew("north", "north", areas=("A1",)), Crew("south", "south")))

    def encode(_message: object) -> bytes:
        return b""

    made = add_silence(
        site.store, ARCHIVE, Scope(transformer_area="A1"),
        until_s=MIDNIGHT_S + 3 * DAY_S, by="li", reason="repair", now_s=MIDNIGHT_S, encode=encode,
    )  # fmt: skip
    site.clock(MIDNIGHT_S + HOUR_S, MIDNIGHT_S + HOUR_S)
    assert site.dispatch(routes) == 0
    site.clock(MIDNIGHT_S + 2 * DAY_S, MIDNIGHT_S + 2 * DAY_S)
    assert site.dispatch(routes) == 1
    assert site.dispatch(routes) == 0
    (delivery,) = site.store.deliveries(state="waiting")
    notice = delivery.notification
    assert (notice.channel, notice.kind, notice.urgency) == ("north", "notice", "morning")
    assert [(line.number, line.place, line.at_s) for line in notice.lines] == [(made.silence_id, "A1", made.until_s)]
    change_silence(
        site.store, ARCHIVE, made.silence_id,
        by="li", reason="not done", now_s=MIDNIGHT_S + 2 * DAY_S, encode=encode, until_s=MIDNIGHT_S + 4 * DAY_S,
    )  # fmt: skip
    site.clock(MIDNIGHT_S + 3 * DAY_S + HOUR_S, MIDNIGHT_S + 3 * DAY_S + HOUR_S)
    assert site.dispatch(routes) == 1


def test_mornings_that_nobody_could_tell_have_their_list_at_the_desk_and_only_the_latest_is_sent(site: Site) -> None:
    routes = Routes(crews=(Crew("north", "north"),))
    later = replace(TASK, task_id="t-2", service_point="SP-2", opened_at_s=MIDNIGHT_S + 2 * DAY_S)
    site.open(TASK, later)
    site.close_day(date(2026, 3, 4))
    site.clock(MIDNIGHT_S + 3 * DAY_S + 8 * HOUR_S, MIDNIGHT_S + 3 * DAY_S + 8 * HOUR_S)
    site.dispatch(routes)
    lists = [d.notification for d in site.store.deliveries(state="waiting")]
    assert [(n.group.partition("#")[2], n.channel, len(n.lines)) for n in lists] == [
        ("2026-03-01", "desk", 1),
        ("2026-03-02", "desk", 1),
        ("2026-03-03", "desk", 1),
        ("2026-03-04", "desk", 2),
        ("2026-03-05", "north", 2),
    ]
    assert site.dispatch(routes) == 0
