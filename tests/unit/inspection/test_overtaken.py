"""Which tasks end by themselves: hazards that stayed away, claims that were withdrawn, and, after many quiet days, suspicions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspection.opening import MACHINE, Worklist
from inspection.overtaken import Overtaken, QuietParams, Standing
from metering.alert import AlertState, EndedAlert
from metering.errors import SettingsError
from metering.inspection import InspectionTask, TaskState
from metering.times import DAY_S

DAY_0 = 1_000 * DAY_S
ENDED_S = DAY_0 - 3600
TASK = InspectionTask("t-1", ("a-1",), "SP1", "TA1", TaskState.OPEN, "high", 0.9, 1, DAY_0 - 5 * DAY_S, DAY_0)
RANKED = replace(TASK, alert_ids=())
PARAMS = QuietParams(days=5, hazard_days=3)
BYPASS = EndedAlert("a-1", "bypass", AlertState.CLEARED, ENDED_S)
HAZARD = EndedAlert("a-1", "overvoltage", AlertState.CLEARED, ENDED_S)


def close(
    overtaken: Overtaken,
    day: int,
    *ended: EndedAlert,
    task: InspectionTask = TASK,
    risk: float | None = 0.1,
    open_ids: tuple[str, ...] = (),
    untouched: bool = True,
) -> Worklist:
    return overtaken.close_day(
        [task],
        Standing(open_ids, {e.alert_id: e for e in ended}, lambda _point: risk),
        PARAMS,
        at_s=DAY_0 + day * DAY_S,
        untouched=lambda _task: untouched,
        local=lambda at_s: f"day {at_s // DAY_S}",
    )


def test_a_suspicion_that_is_over_stays_says_so_and_ends_after_many_quiet_days() -> None:
    overtaken = Overtaken()
    moves = [[(line.move, line.reason) for line in close(overtaken, day, BYPASS).audit] for day in range(5)]
    assert moves[0] == [("over", "over since day 999, readings normal since; who stops may begin again")]
    assert moves[1:4] == [[], [], []]
    ((move, why),) = moves[4]
    assert move == "withdraw"
    assert why.startswith("over since day 999; readings normal for 5 days")


def test_a_hazard_that_is_over_ends_once_it_stayed_away() -> None:
    overtaken = Overtaken()
    assert not any(close(overtaken, day, HAZARD, risk=0.9).tasks for day in range(3))
    ended = close(overtaken, 3, HAZARD, risk=0.9)
    assert [(t.state, t.closed_at_s, t.version) for t in ended.tasks] == [
        (TaskState.WITHDRAWN, DAY_0 + 3 * DAY_S, TASK.version + 1)
    ]
    assert [(e.actor, e.reason) for e in ended.audit] == [(MACHINE, "the readings show it is over since day 999")]


def test_what_was_withdrawn_withdraws_its_task_at_once_unless_the_meter_is_at_risk() -> None:
    withdrawn = replace(BYPASS, state=AlertState.WITHDRAWN)
    assert close(Overtaken(), 0, withdrawn).tasks
    assert not close(Overtaken(), 0, withdrawn, risk=0.5).tasks


@pytest.mark.parametrize("risk", [0.5, None])
def test_a_meter_at_risk_or_that_nobody_judges_is_not_quiet(risk: float | None) -> None:
    overtaken = Overtaken()
    assert not any(close(overtaken, day, BYPASS, risk=risk).tasks for day in range(20))


def test_what_comes_back_begins_its_quiet_days_anew() -> None:
    overtaken = Overtaken()
    for day in range(4):
        close(overtaken, day, BYPASS)
    assert [e.move for e in close(overtaken, 4, open_ids=("a-1",)).audit] == ["stands_again"]
    assert not any(close(overtaken, day, BYPASS).tasks for day in range(5, 9))
    assert close(overtaken, 9, BYPASS).tasks


def test_a_task_of_the_ranking_ends_when_its_meter_is_quiet() -> None:
    overtaken = Overtaken()
    assert not any(close(overtaken, day, task=RANKED).tasks for day in range(4))
    assert close(overtaken, 4, task=RANKED).tasks


def test_a_hazard_beside_a_suspicion_waits_as_the_suspicion_does() -> None:
    both = replace(TASK, alert_ids=("a-1", "a-2"))
    overtaken, suspicion = Overtaken(), replace(BYPASS, alert_id="a-2")
    assert not any(close(overtaken, day, HAZARD, suspicion, task=both).tasks for day in range(4))
    assert not close(Overtaken(), 9, HAZARD, task=both).tasks
    assert close(overtaken, 4, HAZARD, suspicion, task=both).tasks


@given(
    days=st.lists(st.tuples(st.sampled_from(["open", "over", "away"]), st.sampled_from([0.1, 0.9, None])), max_size=20),
    restarts=st.sets(st.integers(0, 19)),
    state=st.sampled_from(TaskState),
    touched=st.booleans(),
)
def test_nothing_that_a_person_touched_ends_and_a_restart_changes_nothing(
    days: list[tuple[str, float | None]], restarts: set[int], state: TaskState, touched: bool
) -> None:
    straight, restarted = Overtaken(), Overtaken()
    task = replace(TASK, state=state)
    for day, (how, risk) in enumerate(days):
        if day in restarts:
            page, restarted = restarted.dump(), Overtaken()
            restarted.load(page)
        ended = (BYPASS,) if how == "over" else ()
        found = [
            close(
                one,
                day,
                *ended,
                task=task,
                risk=risk,
                open_ids=("a-1",) if how == "open" else (),
                untouched=not touched,
            )
            for one in (straight, restarted)
        ]
        assert found[0] == found[1]
        if touched or state is not TaskState.OPEN:
            assert not found[0].tasks


def test_days_are_checked() -> None:
    with pytest.raises(SettingsError, match="1 to 60"):
        QuietParams(days=2, hazard_days=3)
