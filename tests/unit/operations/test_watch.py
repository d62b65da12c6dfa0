"""The monitor watches itself through its store: a heartbeat that stops is raised by another process, and ends when it is back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from threading import Event

import pytest

from alerts.routes import Routes, Shift
from alerts.watch import RULES, WHY_NOT
from metering.announcement import Turn
from metering.notification import Notification
from metering.points import Point
from metering.ports import AreaDayRow, Checkpoint, DayClose, PartitionChange
from metering.watch import PartitionPulse, Pulse, WatchStanding
from monitor.upkeep import Upkeep
from operations.deliver_notifications import Channel
from operations.watch import FORGET_S, SUBJECT, Watch, measure, survey, why_not
from storage.memory import MemoryStore
from tests.unit.operations.small_world import archive

ARCHIVE = archive()
NOW_S = 1_775_000_000.0
PARTITIONS = 2
TODAY = ARCHIVE.calendar.day_of(int(NOW_S)).toordinal()


class Bench:
    """A store, a clock that the test moves, and workers whose pulses the test sends."""

    def __init__(self) -> None:
        self.now_s = NOW_S
        self.store = MemoryStore(clock=lambda: self.now_s)
        self.watch = Watch(self.store, ARCHIVE, PARTITIONS, "desk")
        self.epochs = {p: self.store.begin_partition("judge", p, "w").epoch for p in range(PARTITIONS)}
        self.offset = 0
        self.tick()

    def tick(self, behind_s: float = 300.0, *, points: Sequence[Point] = ()) -> None:
        """Every partition is judged and saved up to `behind_s` before now."""
        self.offset += 1
        clock_s = int(self.now_s - behind_s)
        change = {p: PartitionChange(e, self.offset, clock_s, points=list(points)) for p, e in self.epochs.items()}
        self.store.save(Checkpoint("judge", change))

    def round(self, *pulses: Pulse, after_s: float = 10.0) -> list[tuple[str, str, bool]]:
        """The clock moves on, these processes beat, the watch judges: what opened or ended."""
        self.now_s += after_s
        for pulse in pulses:
            self.store.beat(pulse)
        return [(s.rule, s.subject, s.open) for s in self.watch.round(self.now_s)]

    def standing(self, rule: str, subject: str = "") -> WatchStanding:
        (found,) = [s for s in self.store.watch_standings() if (s.rule, s.subject) == (rule, subject)]
        return found


@pytest.fixture
def bench() -> Bench:
    return Bench()


def judging(owner: str, *partitions: int, **felt: object) -> Pulse:
    held = tuple(PartitionPulse("judge", p, 0, 0, areas=2) for p in partitions)
    return replace(Pulse(owner, "judge", partitions=held, handled=100), **felt)  # type: ignore[arg-type]


def held(owner: str, **felt: object) -> Pulse:
    """One worker with all partitions, of which the first is as said."""
    pulse = judging(owner, 0, 1)
    first = replace(pulse.partitions[0], **felt)  # type: ignore[arg-type]
    return replace(pulse, partitions=(first, *pulse.partitions[1:]))


def test_a_healthy_monitor_has_every_rule_judged_and_nothing_open(bench: Bench) -> None:
    bench.store.close_day(DayClose(TODAY - 1, {}, (), (), {}, (), ()))
    for _ in range(30):
        bench.tick()
        assert bench.round(judging("w1", 0, 1)) == []
    standings = bench.store.watch_standings()
    assert [s for s in standings if s.state != "normal"] == []
    assert {s.rule for s in standings} == set(RULES) - {"part_failing", "upkeep_stuck"}


def test_a_heartbeat_that_stops_is_raised_by_another_and_ends_when_it_is_back(bench: Bench) -> None:
    assert bench.round(judging("w1", 0, 1)) == []
    moved = [bench.round(after_s=20.0) for _ in range(10)]
    flat = [m for moves in moved for m in moves]
    assert flat == [("worker_silent", "w1", True), ("judging_stopped", "judge", True)]
    back = [bench.round(judging("w1", 0, 1)) for _ in range(6)]
    assert sorted(m for moves in back for m in moves) == [
        ("judging_stopped", "judge", False),
        ("worker_silent", "w1", False),
    ]


def test_a_worker_whose_partitions_others_hold_is_not_missed_and_is_forgotten(bench: Bench) -> None:
    bench.round(judging("dead", 0), judging("w2", 1))
    for _ in range(30):
        assert bench.round(judging("w2", 0, 1)) == [], "taken over before anybody need wake"
    while bench.now_s < NOW_S + FORGET_S + 60:
        bench.round(judging("w2", 0, 1))
    assert [b.pulse.owner for b in bench.store.heartbeats()] == ["w2"]
    bench.round(judging("w2", 0, 1))
    assert [s.subject for s in bench.store.watch_standings() if s.rule == "worker_silent"] == ["w2"]


def test_a_worker_that_ends_in_order_is_not_missed(bench: Bench) -> None:
    bench.round(judging("w1", 0, 1), judging("w2"))
    bench.store.end_beats(["w2"])
    for _ in range(20):
        assert bench.round(judging("w1", 0, 1)) == []


def test_a_process_whose_event_loop_stands_still_counts_as_silent_though_it_beats(bench: Bench) -> None:
    bench.round(judging("w1", 0, 1))
    assert ("worker_silent", "w1", True) in bench.round(judging("w1", 0, 1, loop_age_s=90.0))


def test_one_process_judges_at_a_time_and_another_takes_over(bench: Bench) -> None:
    other = Watch(bench.store, ARCHIVE, PARTITIONS, "w1")
    bench.round(judging("w1", 0, 1))
    assert other.round(bench.now_s) == ()
    assert not list(other.judged)
    assert other.last is not None, "it surveys all the same: its own metrics show it"
    bench.now_s += 60.0
    other.round(bench.now_s)
    assert "judging_stopped" in [standing.rule for standing in other.judged]


def test_an_alert_survives_a_restart_of_whoever_watches(bench: Bench) -> None:
    bench.round(held("w1", paused=True))
    opened = bench.standing("partition_paused", "judge")
    assert opened.open
    bench.watch = Watch(bench.store, ARCHIVE, PARTITIONS, "desk")
    assert bench.round(held("w1", paused=True)) == []
    assert bench.standing("partition_paused", "judge").alert_id == opened.alert_id


def test_opening_and_ending_are_audited_and_announced_at_the_logs_own_time(bench: Bench) -> None:
    bench.round(held("w1", paused=True))
    alert_id = bench.standing("partition_paused", "judge").alert_id
    bench.round(held("w1"))
    opening, ending = bench.store.audit(SUBJECT)
    assert (opening.move, opening.to_state, ending.move) == ("open", "abnormal", "end")
    assert "partition_paused · judge · 1 partitions · 0" in opening.reason
    said = bench.store.announcements(alert_id)
    assert {a.turn for a in said} == {Turn.RAISED, Turn.CLEARED}
    assert {(a.urgency, a.title, a.at_s) for a in said} == {
        ("page", "A partition is paused by dead letters judge", int(NOW_S - 300))
    }
    bench.round(held("w1", paused=True))
    assert bench.store.announcements(alert_id)[-1].episode == 2 or Turn.RETURNED in {
        a.turn for a in bench.store.announcements(alert_id)
    }


def test_messages_that_pile_up_and_saves_that_do_not_come(bench: Bench) -> None:
    moved = []
    for n in range(80):
        bench.tick()
        moved += bench.round(held("w1", waiting=20_000, unsaved_s=10.0 * n))
    assert moved == [("checkpoint_old", "judge", True), ("log_behind", "judge", True)]
    assert bench.standing("log_behind", "judge").which == ("0: 20000",)


def test_late_raw_readings_wake_nobody(bench: Bench) -> None:
    archiving = Pulse("a1", "archive", partitions=(PartitionPulse("archive", 0, 0, 0, 600.0),))
    for _ in range(10):
        bench.round(judging("w1", 0, 1), archiving)
    alert_id = bench.standing("checkpoint_old", "archive").alert_id
    assert [a.urgency for a in bench.store.announcements(alert_id)] == ["morning"]


def test_a_log_whose_time_stands_still_is_told_from_one_that_carries_old_days(bench: Bench) -> None:
    moved = [m for _ in range(20) for m in bench.round(judging("w1", 0, 1), after_s=600.0)]
    assert ("clock_behind", "judge", False) not in moved
    assert bench.standing("clock_behind", "judge").value == 300.0 + 20 * 600.0
    bench.tick(behind_s=400 * 86_400.0)
    bench.round(judging("w1", 0, 1))
    old = bench.standing("clock_behind", "judge")
    assert (old.state, why_not(old)) == ("not_judged", WHY_NOT["old_days"][0])
    assert why_not(old, zh=True) == WHY_NOT["old_days"][1]


def test_a_clock_behind_opens_after_five_minutes(bench: Bench) -> None:
    bench.tick(behind_s=3 * 3600.0)
    moved = [m for _ in range(40) for m in bench.round(judging("w1", 0, 1))]
    assert moved == [("clock_behind", "judge", True)]


def test_silent_areas_are_counted_and_named_and_many_of_them_page(bench: Bench) -> None:
    moved = []
    for _ in range(100):
        bench.tick()
        moved += bench.round(held("w1", silent=("A1",)))
    assert moved == [("many_areas_silent", "", True), ("areas_silent", "", True)]
    assert bench.standing("areas_silent").which == ("A1",)
    assert bench.standing("many_areas_silent").value == 0.25


def test_outboxes_that_are_not_emptied(bench: Bench) -> None:
    point = Point("area_balance", {"transformer_area": "A0"}, 900, {"supplied_kwh": 1.0})
    bench.tick(points=[point])
    moved = []
    for _ in range(70):
        bench.tick()
        moved += bench.round(judging("w1", 0, 1))
    assert moved == [("points_waiting", "", True)]
    bench.store.points_delivered([b.batch_id for b in bench.store.point_batches(10)])
    ended = [m for _ in range(10) for m in bench.round(judging("w1", 0, 1))]
    assert ("points_waiting", "", False) in ended


def test_dead_letters_and_refused_points_of_the_last_quarter(bench: Bench) -> None:
    moved = bench.round(judging("w1", 0, 1, handled=1000, dead_letters=2, points_refused=3))
    assert set(moved) == {("dead_letters", "", True), ("points_refused", "", True)}
    bench.round(judging("w1", 0, 1, handled=0))
    assert bench.standing("dead_letters").state == "not_judged"
    assert bench.standing("dead_letters").open, "silence is not recovery"


def test_a_part_that_keeps_failing_is_named_with_its_reason(bench: Bench) -> None:
    failing = {"points": (400.0, "InfluxDB cannot be reached")}
    assert ("part_failing", "w1/points", True) in bench.round(judging("w1", 0, 1, failing=failing))
    assert bench.standing("part_failing", "w1/points").which == ("InfluxDB cannot be reached",)
    moved = [m for _ in range(10) for m in bench.round(judging("w1", 0, 1))]
    assert moved == [("part_failing", "w1/points", False)]


def test_days_that_do_not_close(bench: Bench) -> None:
    day = TODAY - 3
    row = {0: PartitionChange(bench.epochs[0], 9, int(NOW_S) - 300, area_days=[AreaDayRow("A0", day, 0, b"")])}
    bench.store.save(Checkpoint("judge", row))
    assert bench.round(judging("w1", 0, 1)) == [], "days that are caught up with take a while to close"
    assert ("model_old", "", True) in [m for _ in range(90) for m in bench.round(judging("w1", 0, 1))]
    for close in (day, day + 1, day + 2):
        bench.store.close_day(DayClose(close, {}, (), (), {}, (), ()))
    assert ("model_old", "", False) in bench.round(judging("w1", 0, 1))


def test_a_rule_that_is_switched_off_is_not_judged(bench: Bench) -> None:
    bench.watch.rules = {**RULES, "partition_paused": replace(RULES["partition_paused"], enabled=False)}
    assert bench.round(held("w1", paused=True)) == []


def test_a_monitor_that_never_had_a_worker_says_that_nothing_is_judged() -> None:
    at = survey(MemoryStore(), ARCHIVE, PARTITIONS, NOW_S)
    found = {(m.rule, m.subject): m for m in measure(at)}
    assert found["judging_stopped", "judge"].value == PARTITIONS
    assert [key for key, m in found.items() if m.value is None and not m.why_not] == []
    assert found["areas_silent", ""].value is None


class _Phone:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.sent: list[Notification] = []
        self.came = Event()

    def send(self, notification: Notification) -> None:
        self.sent.append(notification)
        self.came.set()


def test_when_no_worker_judges_any_more_a_process_that_only_tells_sends_the_page(bench: Bench) -> None:
    phone = _Phone()
    telling = Upkeep(
        bench.store,
        ARCHIVE,
        PARTITIONS,
        "desk",
        routes=Routes((Shift("phone"),)),
        channels=(Channel("phone", phone),),
        tells_only=True,
    )
    bench.round(judging("w1", 0, 1))
    for _ in range(20):
        bench.round()  # the log's own time stands still: nobody judges
        telling.round()
    assert phone.came.wait(30)
    telling.end()
    told = [(n.kind, line.abnormality) for n in phone.sent for line in n.lines]
    assert ("page", "watch:worker_silent") in told
    assert bench.store.take_lease("close_day", "another", 30.0), "it closes no days"
