"""The life of a task: what people may do from where, that they must say who and why, and that nothing else changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from inspection import lifecycle
from inspection.opening import MACHINE
from metering.errors import IllegalMove
from metering.inspection import AuditEntry, InspectionTask, TaskState
from metering.times import DAY_S

OPENED_S = 1_767_225_600


def open_task() -> InspectionTask:
    return InspectionTask(
        task_id="t-1",
        alert_ids=("a-1",),
        service_point="SP-1",
        transformer_area="TA-1",
        state=TaskState.OPEN,
        grade="high",
        risk=0.9,
        priority=1,
        opened_at_s=OPENED_S,
        due_at_s=OPENED_S + 2 * DAY_S,
    )


def make(task: InspectionTask, move: str, *, actor: str = "Li Na", at_s: int = OPENED_S + 60) -> lifecycle.Moved:
    """Any move with everything it needs."""
    match move:
        case "assign":
            return lifecycle.assign(task, assignee="Wang Fang", actor=actor, at_s=at_s)
        case "start_visit":
            return lifecycle.start_visit(task, actor=actor, at_s=at_s)
        case "leave_site":
            return lifecycle.leave_site(task, actor=actor, at_s=at_s, reason="no access")
        case "record_finding":
            return lifecycle.record_finding(
                task, confirmed=True, abnormality="bypass", note="a second cable", actor=actor, at_s=at_s
            )
        case "close":
            return lifecycle.close(task, actor=actor, at_s=at_s)
        case "withdraw":
            return lifecycle.withdraw(task, actor=actor, at_s=at_s, reason="the meter was exchanged yesterday")
    raise AssertionError(move)


def test_a_task_goes_from_open_to_closed_and_every_move_leaves_a_line() -> None:
    task, trail = open_task(), list[AuditEntry]()
    for move in ("assign", "start_visit", "record_finding", "close"):
        task, audit = make(task, move)
        trail.append(audit)
    assert task.state is TaskState.CLOSED
    assert task.version == 5
    assert task.assignee == "Wang Fang"
    assert task.finding is not None
    assert (task.finding.confirmed, task.finding.abnormality) == (True, "bypass")
    assert task.closed_at_s == OPENED_S + 60
    assert [(a.move, a.from_state, a.to_state) for a in trail] == [
        ("assign", "open", "assigned"),
        ("start_visit", "assigned", "on_site"),
        ("record_finding", "on_site", "found"),
        ("close", "found", "closed"),
    ]


@pytest.mark.parametrize("state", list(TaskState))
@pytest.mark.parametrize("move", list(lifecycle.MOVES))
def test_a_move_is_possible_exactly_where_the_table_says_and_a_refusal_names_what_is(
    state: TaskState, move: str
) -> None:
    task = replace(open_task(), state=state)
    possible = lifecycle.possible_moves(state)
    if move in possible:
        assert make(task, move)[0].state is lifecycle.MOVES[move].target
        return
    with pytest.raises(IllegalMove) as refusal:
        make(task, move)
    for name in possible or ("nothing",):
        assert name in str(refusal.value)


@pytest.mark.parametrize("move", list(lifecycle.MOVES))
@pytest.mark.parametrize("actor", ["", "  ", MACHINE])
def test_a_person_decides(move: str, actor: str) -> None:
    task = replace(open_task(), state=lifecycle.MOVES[move].sources[-1])
    with pytest.raises(IllegalMove, match="person"):
        make(task, move, actor=actor)


def test_the_machine_withdraws_only_what_nobody_has_taken_up() -> None:
    withdrawn, audit = make(open_task(), "withdraw", actor=MACHINE)
    assert withdrawn.state is TaskState.WITHDRAWN
    assert audit.actor == MACHINE


@pytest.mark.parametrize("confirmed", [True, False])
def test_a_finding_says_what_was_seen(confirmed: bool) -> None:
    task = replace(open_task(), state=TaskState.ON_SITE)
    with pytest.raises(IllegalMove, match="reason in words"):
        lifecycle.record_finding(
            task,
            confirmed=confirmed,
            abnormality="bypass" if confirmed else None,
            note=" ",
            actor="Li Na",
            at_s=OPENED_S,
        )


@pytest.mark.parametrize(
    ("confirmed", "abnormality"), [(True, None), (True, "ghost"), (False, "bypass")], ids=["none", "unknown", "denied"]
)
def test_a_confirmed_finding_names_an_abnormality_and_a_denied_one_none(
    confirmed: bool, abnormality: str | None
) -> None:
    task = replace(open_task(), state=TaskState.ON_SITE)
    with pytest.raises(IllegalMove):
        lifecycle.record_finding(
            task, confirmed=confirmed, abnormality=abnormality, note="seen", actor="Li Na", at_s=OPENED_S
        )


def test_an_inspector_has_a_name() -> None:
    with pytest.raises(IllegalMove, match="inspector"):
        lifecycle.assign(open_task(), assignee=" ", actor="Li Na", at_s=OPENED_S)


def test_no_move_is_dated_before_the_task_was_opened() -> None:
    with pytest.raises(IllegalMove, match="clock"):
        make(open_task(), "assign", at_s=OPENED_S - 1)


class TaskLife(RuleBasedStateMachine):
    """Whatever people try, in any order: the trail tells the whole life, and refused moves change nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.task = open_task()
        self.trail: list[AuditEntry] = []
        self.now_s = OPENED_S

    @rule(move=st.sampled_from(list(lifecycle.MOVES)), wait_s=st.integers(0, DAY_S))
    def try_move(self, move: str, wait_s: int) -> None:
        before = self.task
        self.now_s += wait_s
        if move not in lifecycle.possible_moves(before.state):
            with pytest.raises(IllegalMove):
                make(before, move, at_s=self.now_s)
            return
        self.task, audit = make(before, move, at_s=self.now_s)
        self.trail.append(audit)
        assert (audit.from_state, audit.to_state) == (before.state, self.task.state)
        kept = ("task_id", "alert_ids", "service_point", "transformer_area", "grade", "risk", "priority", "opened_at_s")
        assert all(getattr(self.task, name) == getattr(before, name) for name in kept)

    @invariant()
    def version_counts_the_moves(self) -> None:
        assert self.task.version == 1 + len(self.trail)

    @invariant()
    def trail_is_unbroken(self) -> None:
        states = [TaskState.OPEN, *(TaskState(a.to_state) for a in self.trail)]
        assert [a.from_state for a in self.trail] == states[:-1]
        assert self.task.state is states[-1]

    @invariant()
    def closed_means_found_and_an_ended_task_has_its_time(self) -> None:
        if self.task.state is TaskState.CLOSED:
            assert self.task.finding is not None
        assert (self.task.closed_at_s is not None) == (self.task.state in (TaskState.CLOSED, TaskState.WITHDRAWN))
        assert (self.task.finding is not None) == (self.task.state in (TaskState.FOUND, TaskState.CLOSED))


TaskLife.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
test_task_life = TaskLife.TestCase


@given(name=st.text(min_size=1).filter(str.strip))
def test_names_are_kept_as_people_write_them_but_for_space_around(name: str) -> None:
    task, audit = lifecycle.assign(open_task(), assignee=name, actor=name, at_s=OPENED_S)
    assert task.assignee == audit.actor == name.strip()
