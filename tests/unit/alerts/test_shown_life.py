"""Where an alert stands for people follows from alert, handling and tasks alone, and moves by legal steps only."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from alerts import handling as acts
from alerts.shown_life import MOVES, reachable, shown_state
from inspection import lifecycle
from metering.alert import Alert, AlertState
from metering.handling import AlertHandling, ShownState
from metering.inspection import InspectionTask, TaskState

ALERT = Alert(
    "a-1", "TA1", "M1", "SP1", "bypass", "theft", "high", 0.9, 100, None, AlertState.RAISED, 1.0, 2.0, "kWh", (), 50
)
NOBODY = AlertHandling("a-1")
SEEN = AlertHandling("a-1", "Li Na", 150, 1, "Li Na", 1)
TASK = InspectionTask("t-1", ("a-1",), "SP1", "TA1", TaskState.OPEN, "high", 0.9, 1, 120, 999)


def task(state: TaskState) -> list[InspectionTask]:
    return [replace(TASK, state=state)]


def test_what_is_no_alert_yet_is_suspected() -> None:
    assert shown_state(None, None, ()) is ShownState.SUSPECTED


def test_a_raised_alert_is_seen_by_a_person_and_then_by_an_inspector() -> None:
    assert shown_state(ALERT, None, ()) is ShownState.RAISED
    assert shown_state(ALERT, NOBODY, task(TaskState.OPEN)) is ShownState.RAISED
    assert shown_state(ALERT, SEEN, task(TaskState.OPEN)) is ShownState.ACKNOWLEDGED
    for state in (TaskState.ASSIGNED, TaskState.ON_SITE, TaskState.FOUND):
        assert shown_state(ALERT, NOBODY, task(state)) is ShownState.IN_INSPECTION
        assert shown_state(ALERT, SEEN, task(state)) is ShownState.IN_INSPECTION
    for state in (TaskState.CLOSED, TaskState.WITHDRAWN):
        assert shown_state(ALERT, SEEN, task(state)) is ShownState.ACKNOWLEDGED


def test_a_relapse_asks_for_a_new_acknowledgement() -> None:
    assert shown_state(replace(ALERT, episodes=2), SEEN, ()) is ShownState.RAISED


@pytest.mark.parametrize("ended", [AlertState.CLEARED, AlertState.CONFIRMED, AlertState.WITHDRAWN])
def test_what_ended_is_shown_so_whatever_people_did(ended: AlertState) -> None:
    assert shown_state(replace(ALERT, state=ended), SEEN, task(TaskState.ON_SITE)).value == ended.value


def test_every_state_can_be_reached_and_left_and_no_move_stands_still() -> None:
    assert {to for _, to in MOVES} == set(ShownState) - {ShownState.SUSPECTED}
    assert all(reachable(state) for state in ShownState)
    assert all(source is not to for source, to in MOVES)


class Life(RuleBasedStateMachine):
    """One alert between the machine, people and an inspection, in any order: every change is a move of the table."""

    @initialize()
    def suspected(self) -> None:
        self.alert: Alert | None = None
        self.handling = NOBODY
        self.task: InspectionTask | None = None
        self.before = ShownState.SUSPECTED

    def now(self) -> ShownState:
        return shown_state(self.alert, self.handling, [] if self.task is None else [self.task])

    @precondition(lambda self: self.alert is None)
    @rule()
    def the_condition_held_long_enough(self) -> None:
        self.alert = ALERT

    @precondition(lambda self: self.alert is not None and self.alert.is_open)
    @rule()
    def the_condition_is_gone(self) -> None:
        assert self.alert is not None
        self.alert = replace(self.alert, state=AlertState.CLEARED, cleared_at_s=200)

    @precondition(lambda self: self.alert is not None and not self.alert.is_open)
    @rule()
    def it_comes_again(self) -> None:
        assert self.alert is not None
        self.alert = replace(self.alert, state=AlertState.RAISED, cleared_at_s=None, episodes=self.alert.episodes + 1)

    @precondition(lambda self: self.alert is not None and self.alert.is_open)
    @rule(confirmed=st.booleans())
    def a_finding_comes(self, confirmed: bool) -> None:
        assert self.alert is not None
        self.alert = replace(self.alert, state=AlertState.CONFIRMED if confirmed else AlertState.WITHDRAWN)

    @precondition(lambda self: self.alert is not None and self.alert.is_open)
    @rule()
    def a_person_calls_it_no_problem(self) -> None:
        assert self.alert is not None
        self.alert = replace(self.alert, state=AlertState.WITHDRAWN)

    @precondition(lambda self: self.alert is not None and self.alert.state is AlertState.WITHDRAWN)
    @rule(now=st.sampled_from([AlertState.RAISED, AlertState.CLEARED, AlertState.CONFIRMED]))
    def that_is_taken_back_or_an_inspection_knows_better(self, now: AlertState) -> None:
        assert self.alert is not None
        self.alert = replace(self.alert, state=now)

    @precondition(lambda self: self.alert is not None)
    @rule(data=st.data())
    def a_person_acts(self, data: st.DataObject) -> None:
        assert self.alert is not None
        act = data.draw(st.sampled_from(acts.possible_acts(self.alert, self.handling)))
        given = {"actor": "Li Na", "at_s": 150, "note": "words"}
        if act in ("assign", "hand_over"):
            given["owner"] = "Wang"
        before = self.alert
        self.handling, _ = getattr(acts, act)(self.alert, self.handling, **given)
        assert self.alert is before

    @precondition(lambda self: self.alert is not None and self.task is None)
    @rule()
    def a_task_is_opened(self) -> None:
        self.task = TASK

    @precondition(lambda self: self.task is not None and bool(lifecycle.possible_moves(self.task.state)))
    @rule(data=st.data())
    def the_task_is_moved(self, data: st.DataObject) -> None:
        assert self.task is not None
        move = data.draw(st.sampled_from(lifecycle.possible_moves(self.task.state)))
        self.task = replace(self.task, state=lifecycle.MOVES[move].target)

    @invariant()
    def only_legal_moves(self) -> None:
        if not hasattr(self, "before"):
            return
        now = self.now()
        assert now is self.before or now in reachable(self.before), f"{self.before} to {now}"
        self.before = now


Life.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestLife = Life.TestCase
