"""A person's word that an alert is no problem: it withdraws the alert and its task, teaches a little, and can be taken back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.alert import PERSON, Alert, AlertState
from metering.announcement import Turn
from metering.dismissal import BENIGN_REASONS, Dismissal
from metering.errors import MeterwatchError, NotFound
from metering.inspection import TaskState
from metering.messages import Decision, Finding, Message, Tick
from metering.ports import Checkpoint, PartitionChange
from metering.times import DAY_S
from monitor.wire import from_relay, relay_bytes
from operations.area import AreaInProgress
from operations.assign_task import assign_task
from operations.close_area_day import ClosedAreaDay, unpack_area_day
from operations.dismissal_effects import dismissal_effects
from operations.judge_stage import JudgeStage
from operations.not_a_problem import DismissalLife, dismissals, not_a_problem, take_back
from storage.memory import MemoryStore
from streams.codecs import decode
from tests.unit.operations.forged_days import ALL_BY_RANK, Days, alert
from tests.unit.operations.small_world import INTERVAL_S, START_S, archive, messages

#: Of `small_world`: meter M02 uses far more than its contract from day 5 on, for three days.
CODE = "over_capacity"
WORLD = [message for _, message in messages(12)]


@dataclass
class Log:
    """The small world's log, with what people put onto it, and what was made of it so far."""

    store: MemoryStore = field(default_factory=MemoryStore)
    told: list[Message] = field(default_factory=list)
    clock_s: int = START_S

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.stage = JudgeStage(archive(), self.store, lambda _: 0, owner="w")
        self.offset = self.stage.begin(0)

    def put(self, message: Message) -> None:
        self.told.append(message)
        self.stage.handle(0, self.offset, message)
        self.offset += 1
        if isinstance(message, Tick):
            self.clock_s = message.time_s

    def until(self, until_s: int) -> None:
        """Everything of the world up to a time."""
        while self._next < len(WORLD):
            message = WORLD[self._next]
            if isinstance(message, Tick) and (message.time_s > until_s or message.final):
                break
            self.put(message)
            self._next += 1
        self.stage.save()

    _next: int = 0

    def relay(self) -> None:
        for number, _, blob in self.store.relay_batch(100):
            self.put(decode(*from_relay(blob)))
            self.store.relayed([number])
        self.stage.save()

    def say(self, because: str = "new_tenant", **more: str) -> Dismissal:
        said = not_a_problem(
            self.store, self.alert.alert_id, because=because, by="Li Na", now_s=self.clock_s, encode=relay_bytes, **more
        )
        self.relay()
        return said

    def take_back(self) -> None:
        take_back(
            self.store, self.alert.alert_id, by="Wang", reason="wrong meter", now_s=self.clock_s, encode=relay_bytes
        )
        self.relay()

    @property
    def alert(self) -> Alert:
        (found,) = [a for a in self.store.alerts() if a.abnormality == CODE]
        return found


DURING_S, AFTER_S = START_S + 6 * DAY_S, START_S + 11 * DAY_S


@pytest.fixture
def log() -> Log:
    log = Log()
    log.until(DURING_S)
    return log


def test_the_alert_is_withdrawn_muted_and_shows_who_said_so_and_why(log: Log) -> None:
    log.say()
    assert (log.alert.state, log.alert.cleared_at_s) == (AlertState.WITHDRAWN, log.clock_s)
    trace = log.alert.reasons[-1]
    assert (trace.detector, trace.against) == (PERSON, True)
    assert "Li Na" in trace.text
    assert BENIGN_REASONS["new_tenant"].name_zh in trace.text_zh
    log.until(DURING_S + DAY_S)
    assert log.alert.state is AlertState.WITHDRAWN, "muted while the condition lasts"
    turns = [a.turn for a in log.store.announcements(log.alert.alert_id) if a.stopped is None]
    assert turns == [Turn.RAISED, Turn.WITHDRAWN]


def test_the_trails_of_the_alert_and_of_all_words_say_it(log: Log) -> None:
    said = log.say("other", note="rents it to his brother")
    (line,) = log.store.audit(log.alert.alert_id)
    assert (line.actor, line.move, line.to_state) == ("Li Na", "not_a_problem", "withdrawn")
    assert line.reason == "other: rents it to his brother"
    assert list(dismissals(log.store)) == [DismissalLife(said)]


def test_it_is_no_finding_and_no_visit(log: Log) -> None:
    log.say()
    log.until(AFTER_S)
    assert all(f.meter_id != "M02" for f in log.store.findings())
    assert log.store.counters()["findings_accepted"] == 1, "the world's own"


def test_taken_back_it_stands_again_and_both_acts_are_kept(log: Log) -> None:
    said = log.say()
    log.take_back()
    assert (log.alert.state, log.alert.cleared_at_s) == (AlertState.RAISED, None)
    assert [r.detector for r in log.alert.reasons].count(PERSON) == 2
    (life,) = dismissals(log.store)
    assert life.undo is not None
    assert (life.dismissal, life.undo.actor, life.undo.reason) == (said, "Wang", "wrong meter")
    turns = [a.turn for a in log.store.announcements(log.alert.alert_id) if a.stopped is None]
    assert turns == [Turn.RAISED, Turn.WITHDRAWN, Turn.RAISED]


def test_it_can_be_said_again_after_it_was_taken_back(log: Log) -> None:
    first = log.say()
    log.take_back()
    second = log.say("seasonal_business")
    assert first.dismissal_id != second.dismissal_id
    assert log.alert.state is AlertState.WITHDRAWN
    assert [life.undo is None for life in dismissals(log.store)] == [False, True]


@settings(max_examples=6, deadline=None)
@given(
    acts=st.lists(st.sampled_from(["say", "take_back", "hour", "found", "nothing_found"]), max_size=8),
    restarts=st.sets(st.integers(0, 8)),
)
def test_restarts_change_nothing_and_the_log_replayed_gives_the_same(acts: list[str], restarts: set[int]) -> None:
    log = Log()
    log.until(DURING_S)
    until_s = DURING_S
    for number, act in enumerate([*acts, "hour"]):
        if number in restarts:
            log.restart()
        if act == "hour":
            until_s += INTERVAL_S
            log.until(until_s)
        elif act in ("found", "nothing_found"):
            confirmed = act == "found"
            log.put(Finding(f"f-{number}", "A0", "M02", log.clock_s, confirmed, CODE if confirmed else None, "Zhao"))
            log.stage.save()
        else:
            try:
                log.say() if act == "say" else log.take_back()
            except MeterwatchError:
                continue
    log.until(until_s + 2 * DAY_S)
    again = Log()
    for message in log.told:
        again.put(message)
    again.stage.save()
    assert again.store.alerts() == log.store.alerts()
    for each in log.store.alerts():
        assert again.store.announcements(each.alert_id) == log.store.announcements(each.alert_id)
    for name in archive().areas:
        pages, others = again.store.load_pages(name), log.store.load_pages(name)
        assert pages["progress"] == others["progress"]


def test_the_same_word_twice_on_the_log_counts_once(log: Log) -> None:
    said = log.say()
    (decision,) = [m for m in log.told if isinstance(m, Decision)]
    revision = log.alert.revision
    log.put(decision)
    log.stage.save()
    assert log.alert.revision == revision
    assert log.alert.reasons[-1].detector == PERSON
    assert said.dismissal_id == decision.detail["dismissal_id"]


def test_an_inspection_that_finds_something_confirms_the_alert_after_all(log: Log) -> None:
    log.say()
    log.put(Finding("f-1", "A0", "M02", log.clock_s, True, CODE, "Zhao"))
    log.stage.save()
    assert log.alert.state is AlertState.CONFIRMED
    log.take_back()
    assert log.alert.state is AlertState.CONFIRMED, "the inspection outranks whatever is said from the office"


def test_after_an_inspection_that_found_nothing_there_is_nothing_to_take_back(log: Log) -> None:
    log.say()
    log.put(Finding("f-1", "A0", "M02", log.clock_s, False, None, "Zhao"))
    log.take_back()
    assert log.alert.state is AlertState.WITHDRAWN


@pytest.mark.parametrize(
    ("because", "by", "note", "word"),
    [
        ("no_idea", "Li Na", "", "known_vacancy: "),
        ("new_tenant", " ", "", "needs a name"),
        ("other", "Li Na", " ", "needs a note"),
    ],
)
def test_what_is_missing_is_said(log: Log, because: str, by: str, note: str, word: str) -> None:
    with pytest.raises(MeterwatchError, match=word):
        not_a_problem(
            log.store, log.alert.alert_id, because=because, by=by, note=note, now_s=log.clock_s, encode=relay_bytes
        )
    assert not dismissals(log.store)


def test_only_an_open_alert_of_which_nobody_said_so_can_be_called_no_problem(log: Log) -> None:
    with pytest.raises(NotFound):
        not_a_problem(log.store, "a-9", because="new_tenant", by="Li Na", now_s=log.clock_s, encode=relay_bytes)
    with pytest.raises(MeterwatchError, match="nobody said"):
        log.take_back()
    not_a_problem(
        log.store, log.alert.alert_id, because="new_tenant", by="Li Na", now_s=log.clock_s, encode=relay_bytes
    )
    with pytest.raises(MeterwatchError, match="Li Na said already"):
        log.say()
    log.relay()
    log.take_back()
    log.until(AFTER_S)
    with pytest.raises(MeterwatchError, match="is cleared"):
        log.say()


def closed_day(log: Log, day: int) -> ClosedAreaDay:
    row = log.store.area_day(archive().calendar.day_of(START_S + day * DAY_S).toordinal(), "A0")
    assert row is not None
    return unpack_area_day(row.payload)


def test_the_day_stage_hears_of_it_once_and_sends_nobody_there_for_rank_alone(log: Log) -> None:
    said = log.say()
    log.until(DURING_S + 2 * DAY_S)
    assert closed_day(log, 5).dismissals == (said,), "day 5 closes six hours after it ends"
    assert closed_day(log, 6).dismissals == ()
    assert "M02" in closed_day(log, 6).silenced
    log.take_back()
    log.until(DURING_S + 3 * DAY_S)
    assert closed_day(log, 7).undone == (said.dismissal_id,)
    assert "M02" not in closed_day(log, 7).silenced


class Weigher:
    """Takes the place of a case's weighing, to see what it hears."""

    heard: np.ndarray[tuple[int], np.dtype[np.float64]]

    def hear(self, said_days_ago: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
        self.heard = said_days_ago


def test_the_last_word_on_each_meter_is_weighed_with_its_age_and_forgotten_when_taken_back() -> None:
    area, weigher = AreaInProgress(archive(), archive().areas["A0"], {}), Weigher()
    area.case_probability = weigher  # type: ignore[assignment]
    first = Dismissal("d-1", "a-1", "A0", "M02", "bypass", START_S, "Li Na", "new_tenant")
    later = replace(first, dismissal_id="d-2", said_at_s=START_S + DAY_S)
    no_lesson = replace(first, dismissal_id="d-3", meter_id="M03", because="tested_by_us")
    of_area = replace(first, dismissal_id="d-4", meter_id=None)
    area.dismissals = {d.dismissal_id: d for d in (first, later, no_lesson, of_area)}
    at_s, row = START_S + 3 * DAY_S, area.area.row_of["M02"]
    area.hear_people(at_s)
    assert weigher.heard[row] == 2.0
    assert np.isnan(np.delete(weigher.heard, row)).all()
    del area.dismissals["d-2"]
    area.hear_people(at_s)
    assert weigher.heard[row] == 3.0, "what was said before it stands as if it had never been said"


# --- what the day stage makes of it


class Words(Days):
    """Forged days, and people who say of the alerts of `store` that they are no problem."""

    def say(self, number: int, *, because: str = "new_tenant", abnormality: str = "bypass") -> Dismissal:
        return not_a_problem(
            self.store,
            f"a-{number}-{abnormality}",
            because=because,
            by="Li Na",
            now_s=self.now_s,
            encode=relay_bytes,
        )

    def take_back(self, number: int) -> Dismissal:
        return take_back(
            self.store, f"a-{number}-bypass", by="Wang", reason="wrong meter", now_s=self.now_s, encode=relay_bytes
        )

    def withdraw(self, number: int, abnormality: str = "bypass") -> None:
        """As the area stage does when the word reaches it."""
        old = self.store.alert(f"a-{number}-{abnormality}")
        assert old is not None
        change = PartitionChange(self.epoch, self.ordinal, self.now_s)
        change.alerts[old.alert_id] = replace(old, state=AlertState.WITHDRAWN, revision=2, cleared_at_s=self.now_s)
        self.store.save(Checkpoint("judge", {0: change}))

    @property
    def now_s(self) -> int:
        return self.archive.calendar.day_start(date.fromordinal(self.ordinal)) + 36_000


def test_the_task_that_nobody_has_taken_up_is_withdrawn_with_it() -> None:
    days = Words()
    (task,) = days.close({3: 0.9}, alerts=[alert(3)])
    days.say(3)
    now = days.store.task(task.task_id)
    assert now is not None
    assert (now.state, now.version) == (TaskState.WITHDRAWN, 2)
    last = days.store.audit(task.task_id)[-1]
    assert (last.actor, last.move, last.reason) == ("Li Na", "withdraw", "not a problem: new_tenant")
    kinds = [decode(*from_relay(blob)).kind for _, _, blob in days.store.relay_batch(9)]  # type: ignore[union-attr]
    assert kinds == ["alert.not_a_problem", "task.withdraw"]


def test_a_task_that_somebody_took_up_or_that_has_another_open_alert_stays() -> None:
    days = Words(replace(ALL_BY_RANK, per_week=14))
    opened = days.close({3: 0.9, 4: 0.9}, alerts=[alert(3), alert(4), alert(4, "cover_open")])
    by_point = {t.service_point: t for t in opened}
    assign_task(
        days.store, by_point["P03"].task_id, 1, assignee="Zhao", actor="Li Na", now_s=days.now_s, encode=relay_bytes
    )
    days.say(3)
    days.say(4)
    assert [days.store.task(by_point[p].task_id).state for p in ("P03", "P04")] == [  # type: ignore[union-attr]
        TaskState.ASSIGNED,
        TaskState.OPEN,
    ]
    days.withdraw(4)
    days.say(4, abnormality="cover_open")
    now = days.store.task(by_point["P04"].task_id)
    assert now is not None
    assert now.state is TaskState.WITHDRAWN, "the last of its alerts is no problem either"


def test_a_hazard_is_no_problem_only_for_who_knows_that_nothing_dangerous_is_there() -> None:
    days = Words()
    days.close({}, alerts=[alert(3, "phase_break", "electrical", 0.5)])
    with pytest.raises(MeterwatchError, match="is a hazard"):
        days.say(3, abnormality="phase_break")
    assert days.say(3, abnormality="phase_break", because="planned_work").because == "planned_work"


def test_one_word_moves_the_ranking_of_others_a_little_and_counts_no_visit() -> None:
    with_word, without = Words(), Words()
    for days in (with_word, without):
        days.close({3: 0.9, 20: 0.6}, alerts=[alert(3)])
    said = with_word.say(3)
    with_word.close({20: 0.6}, dismissals=(said,))
    without.close({20: 0.6})
    assert 0 < without.risk(20) - with_word.risk(20) < 0.01
    assert with_word.learner.record.precisions() == []
    assert with_word.learner.ranker.last_found("M03") is None


def test_taken_back_the_next_days_are_as_if_it_had_never_been_said() -> None:
    undone, without = Words(), Words()
    for days in (undone, without):
        days.close({3: 0.6, 20: 0.6}, alerts=[alert(3)])
    said = undone.say(3)
    undone.close({20: 0.6}, dismissals=(said,))
    without.close({20: 0.6})
    undone.take_back(3)
    undone.close({20: 0.6}, undone=(said.dismissal_id,))
    without.close({20: 0.6})
    assert undone.learner.ranker.weights == without.learner.ranker.weights
    assert undone.risk(20) == without.risk(20)


def test_what_a_word_changed_is_told_before_and_after_it_was_learnt() -> None:
    days = Words()
    days.close({3: 0.8, 20: 0.6}, alerts=[alert(3)])
    said = days.say(3)
    (ahead,) = dismissal_effects(days.store, days.archive, dismissals(days.store))
    assert ahead.waiting
    assert ahead.before == pytest.approx(0.8, abs=0.01)
    assert ahead.after is not None
    assert ahead.after < 0.4
    assert ahead.others >= 1
    assert 0 < ahead.most < 0.01
    days.close({3: ahead.after, 20: 0.6}, dismissals=(said,))
    (since,) = dismissal_effects(days.store, days.archive, dismissals(days.store))
    assert not since.waiting
    assert since.moved == ahead.moved
    assert since.before == pytest.approx(0.8, abs=0.02)
    assert since.after == pytest.approx(ahead.after, abs=0.02)


def test_why_a_word_changed_nothing_is_told() -> None:
    days = Words()
    of_area = replace(alert(7), alert_id="a-7-bypass", meter_id=None)
    days.close({3: 0.8, 4: 0.8, 5: 0.8}, alerts=[alert(3), alert(4), alert(5), alert(9), of_area])
    words = (days.say(3), days.say(4, because="planned_work"), days.say(5), days.say(9), days.say(7))
    days.take_back(3)
    found = days.finding(5, confirmed=True)
    days.close({3: 0.8}, dismissals=words, undone=(words[0].dismissal_id,))
    days.close({3: 0.8}, [found])
    effects = dismissal_effects(days.store, days.archive, dismissals(days.store))
    assert [e.kind for e in effects] == ["undone", "no_lesson", "outranked", "not_described", "of_area"]
    assert effects[0].undo is not None
    assert effects[0].undo.reason == "wrong meter"


def test_every_reason_has_words_in_both_languages() -> None:
    for code, reason in BENIGN_REASONS.items():
        assert code == reason.code
        assert reason.name_en
        assert reason.name_zh
        assert reason.name_zh != reason.name_en
    assert any(not r.teaches for r in BENIGN_REASONS.values())
