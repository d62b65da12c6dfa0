"""A closed day ends tasks that nobody took up and that are overtaken, in its own transaction, and opens anew what returns."""

from __future__ import annotations

from dataclasses import replace

from inspection.opening import MACHINE
from metering.alert import AlertState, EndedAlert
from metering.handling import AlertHandling
from metering.inspection import AuditEntry, InspectionTask, TaskState
from tests.unit.operations.forged_days import ALL_BY_RANK, Days, alert

QUIET_DAYS = 4
COVER = alert(3, "cover_open", risk=0.9)


def days() -> Days:
    return Days(replace(ALL_BY_RANK, quiet_days=QUIET_DAYS))


def opened(place: Days) -> InspectionTask:
    (task,) = place.close({}, alerts=[COVER])
    return task


def over(place: Days) -> EndedAlert:
    (mark,) = place.store.marks("judge")
    return EndedAlert(COVER.alert_id, COVER.abnormality, AlertState.CLEARED, mark.clock_s)


def now(place: Days, task: InspectionTask) -> InspectionTask:
    found = place.store.task(task.task_id)
    assert found is not None
    return found


def test_a_task_is_withdrawn_audited_and_opened_anew_once() -> None:
    place = days()
    task = opened(place)
    ended = over(place)
    for _ in range(QUIET_DAYS - 1):
        assert not place.close({}, ended=(ended,))
        assert now(place, task).state is TaskState.OPEN
    assert now(place, task).grade == "low"
    assert not place.close({}, ended=(ended,))
    assert now(place, task).state is TaskState.WITHDRAWN
    trail = place.store.audit(task.task_id)
    assert [(line.actor, line.move) for line in trail] == [
        (MACHINE, "open"), (MACHINE, "over"), (MACHINE, "regrade"), (MACHINE, "withdraw"),
    ]  # fmt: skip
    (again,) = place.close({}, alerts=[COVER])
    assert again.task_id != task.task_id
    assert not place.close({}, alerts=[COVER])


def test_nothing_is_learnt_from_it() -> None:
    place, alone = days(), days()
    opened(place)
    opened(alone)
    ended = over(place)
    for _ in range(QUIET_DAYS):
        place.close({}, ended=(ended,))
        alone.close({})
    assert place.learner.dump() == alone.learner.dump()


def test_what_a_person_touched_is_left_to_people() -> None:
    assigned, commented = days(), days()
    for place in (assigned, commented):
        task = opened(place)
        if place is assigned:
            moved = replace(task, assignee="Wang", version=2)
            line = AuditEntry(task.task_id, task.opened_at_s, "Li Na", "assign", task.state, task.state, "to Wang")
            place.store.move_task(moved, 1, line, [])
        else:
            line = AuditEntry(COVER.alert_id, task.opened_at_s, "Li Na", "comment", "raised", "raised", "I know him")
            place.store.handle_alert(AlertHandling(COVER.alert_id, version=1), 0, line, "A0", b"")
        ended = over(place)
        for _ in range(3 * QUIET_DAYS):
            place.close({}, ended=(ended,))
        assert now(place, task).state is TaskState.OPEN


def test_an_alert_that_is_silenced_or_not_told_of_is_not_over() -> None:
    place = days()
    task = opened(place)
    for _ in range(3 * QUIET_DAYS):
        place.close({})
    assert now(place, task).state is TaskState.OPEN
