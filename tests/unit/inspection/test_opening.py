"""Which tasks a day opens: one per service point, hazards first, then by risk; findings close what they answer."""

from __future__ import annotations

from inspection.opening import candidates, open_tasks, settle
from metering.alert import Alert, AlertState
from metering.inspection import TaskState
from metering.messages import Finding

DAY_CLOSE_S = 1_000_000


def alert(point: str, abnormality: str = "bypass", family: str = "theft", risk: float = 0.6, number: int = 1) -> Alert:
    return Alert(
        f"a-{point}-{abnormality}", "A1", f"M-{point}", point, abnormality, family, "medium", risk, 900_000 + number, None,
        AlertState.RAISED, 1.0, 2.0, "kWh", (), 900_000,
    )  # fmt: skip


def test_one_task_for_all_alerts_of_a_service_point() -> None:
    (task,) = open_tasks(candidates([alert("P1"), alert("P1", "cover_open")], {}), [], at_s=DAY_CLOSE_S).tasks
    assert len(task.alert_ids) == 2
    assert task.risk > 0.6


def test_hazards_come_first_then_risk_then_service_point() -> None:
    wanted = candidates(
        [
            alert("P1", risk=0.9),
            alert("P2", risk=0.95),
            alert("P3", "phase_break", "electrical", 0.5),
            alert("P0", risk=0.9),
        ],
        {},
    )
    worklist = open_tasks(wanted, [], at_s=DAY_CLOSE_S)
    assert [(t.service_point, t.priority) for t in worklist.tasks] == [("P3", 1), ("P2", 2), ("P0", 3), ("P1", 4)]
    assert worklist.tasks[0].due_at_s < worklist.tasks[1].due_at_s
    assert [entry.move for entry in worklist.audit] == ["open"] * 4


def test_the_meters_day_only_tips_the_balance() -> None:
    calm, unusual = candidates([alert("P1"), alert("P2")], {"M-P2": 1.0})
    assert calm.risk < unusual.risk < calm.risk + 0.05


def test_alerts_that_only_inform_open_nothing() -> None:
    assert candidates([alert("P1", "reading_failed", "communication")], {}) == []


def test_a_task_at_hand_takes_new_alerts_in_instead_of_a_second_task() -> None:
    first = open_tasks(candidates([alert("P1")], {}), [], at_s=DAY_CLOSE_S).tasks
    again = open_tasks(candidates([alert("P1"), alert("P1", "cover_open")], {}), first, at_s=DAY_CLOSE_S + 86_400)
    (task,) = again.tasks
    assert task.task_id == first[0].task_id
    assert task.version == 2
    assert len(task.alert_ids) == 2
    assert open_tasks(candidates([alert("P1")], {}), first, at_s=DAY_CLOSE_S + 86_400).tasks == ()


def test_a_finding_closes_the_open_task_of_its_service_point_once() -> None:
    first = open_tasks(candidates([alert("P1"), alert("P2")], {}), [], at_s=DAY_CLOSE_S).tasks
    finding = Finding("f-1", "A1", "M-P1", DAY_CLOSE_S + 60, True, "bypass", "Wang")
    settled = settle(first, [("P1", finding), ("P1", finding)])
    (task,) = settled.tasks
    assert (task.state, task.closed_at_s, task.version) == (TaskState.CLOSED, DAY_CLOSE_S + 60, 2)
    assert task.finding is not None
    assert task.finding.confirmed
    assert settled.audit[0].actor == "Wang"


def test_a_finding_from_before_the_task_says_nothing_about_it() -> None:
    first = open_tasks(candidates([alert("P1")], {}), [], at_s=DAY_CLOSE_S).tasks
    assert settle(first, [("P1", Finding("f-1", "A1", "M-P1", DAY_CLOSE_S - 60, True, "bypass"))]).tasks == ()
