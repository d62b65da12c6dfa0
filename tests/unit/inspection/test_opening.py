"""Which tasks a day opens: one per service point, hazards first, then by risk; findings close what they answer."""

from __future__ import annotations

from dataclasses import replace

from alerts.life import grade_of
from inspection.capacity import Room
from inspection.opening import Candidate, candidates, open_tasks, settle, within
from metering.alert import Alert, AlertState
from metering.inspection import TaskState
from metering.messages import Finding

DAY_CLOSE_S = 1_000_000


def nobody(meter_id: str) -> float | None:
    """No meter is judged."""
    return dict[str, float]().get(meter_id)


def alert(point: str, abnormality: str = "bypass", family: str = "theft", risk: float = 0.6, number: int = 1) -> Alert:
    return Alert(
        f"a-{point}-{abnormality}", "A1", f"M-{point}", point, abnormality, family, "medium", risk, 900_000 + number, None,
        AlertState.RAISED, 1.0, 2.0, "kWh", (), 900_000,
    )  # fmt: skip


def test_one_task_for_all_alerts_of_a_service_point() -> None:
    (task,) = open_tasks(candidates([alert("P1"), alert("P1", "cover_open")], nobody), [], at_s=DAY_CLOSE_S).tasks
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
        nobody,
    )
    worklist = open_tasks(wanted, [], at_s=DAY_CLOSE_S)
    assert [(t.service_point, t.priority) for t in worklist.tasks] == [("P3", 1), ("P2", 2), ("P0", 3), ("P1", 4)]
    assert worklist.tasks[0].due_at_s < worklist.tasks[1].due_at_s
    assert [entry.move for entry in worklist.audit] == ["open"] * 4


def test_an_alert_that_is_not_certain_is_only_as_good_as_its_meters_risk() -> None:
    known = {"M-P1": 0.05, "M-P2": 0.7, "M-P3": 0.05}
    weak, strong, certain = candidates([alert("P1"), alert("P2"), alert("P3", "cover_open", risk=0.9)], known.get)
    assert (weak.risk, strong.risk, certain.risk) == (0.05, 0.7, 0.9)


def test_what_visits_did_not_bear_out_counts_for_less() -> None:
    (certain,) = candidates([alert("P1", "over_capacity", "load", 0.8)], nobody, {"over_capacity": 0.3})
    assert certain.risk == 0.3


def test_hazards_rank_by_harm_not_by_energy_or_risk() -> None:
    broken, burns = alert("P1", "phase_break", "electrical", 0.9), alert("P2", "overvoltage", "electrical", 0.1)
    worklist = open_tasks(candidates([broken, burns], nobody), [], at_s=DAY_CLOSE_S)
    assert [t.service_point for t in worklist.tasks] == ["P2", "P1"]


def test_what_burns_appliances_is_a_hazard_of_high_harm() -> None:
    (home,) = candidates([alert("P1", "overvoltage", "electrical", 0.1)], nobody)
    (area,) = candidates([alert("P2", "neutral_lost", "electrical", 0.1)], nobody)
    assert grade_of(home.harm) == grade_of(area.harm) == "high"
    assert area.harm > home.harm, "a neutral is more than one home"


def test_a_day_proposes_what_crews_have_room_for_and_every_hazard() -> None:
    room = Room()
    room.add_day(14.0, exploration_share=0.0)
    hazards = [alert(f"H{n}", "phase_break", "electrical", 0.5) for n in range(3)]
    wanted = candidates([alert("P1", risk=0.9), alert("P2", risk=0.95), *hazards], nobody)
    assert [c.service_point for c in within(room, wanted, [], 0.3)] == ["H0", "H1", "H2"]
    for _ in range(2):
        room.add_day(14.0, exploration_share=0.0)
    at_hand = open_tasks(within(room, wanted, [], 0.3)[:3], [], at_s=DAY_CLOSE_S).tasks
    room.add_day(14.0, exploration_share=0.0)
    room.add_day(14.0, exploration_share=0.0)
    assert [c.service_point for c in within(room, wanted, at_hand, 0.3)][:1] == ["P2"]


def test_who_is_not_worth_a_visit_is_not_proposed_even_where_there_is_room() -> None:
    room = Room()
    room.add_day(70.0, exploration_share=0.0)
    assert [
        c.service_point for c in within(room, candidates([alert("P1", risk=0.2), alert("P2")], nobody), [], 0.3)
    ] == ["P2"]


def test_an_open_tasks_risk_follows_the_day_and_only_a_moved_grade_is_audited() -> None:
    first = open_tasks(candidates([alert("P1")], {"M-P1": 0.6}.get), [], at_s=DAY_CLOSE_S).tasks
    higher = open_tasks([], first, at_s=DAY_CLOSE_S + 1, newest={"P1": Candidate("P1", "A1", (), 0.7)})
    assert [(t.risk, t.grade, t.version) for t in higher.tasks] == [(0.7, "medium", 2)]
    assert higher.audit == ()
    high = open_tasks([], higher.tasks, at_s=DAY_CLOSE_S + 2, newest={"P1": Candidate("P1", "A1", (), 0.9)})
    assert [(e.move, e.actor) for e in high.audit] == [("regrade", "meterwatch")]
    assert high.tasks[0].due_at_s < first[0].due_at_s
    taken_up = [replace(first[0], state=TaskState.ASSIGNED)]
    assert open_tasks([], taken_up, at_s=DAY_CLOSE_S + 1, newest={"P1": Candidate("P1", "A1", (), 0.7)}).tasks == ()


def test_alerts_that_only_inform_open_nothing() -> None:
    assert candidates([alert("P1", "reading_failed", "communication")], nobody) == []


def test_a_task_at_hand_takes_new_alerts_in_instead_of_a_second_task() -> None:
    first = open_tasks(candidates([alert("P1")], nobody), [], at_s=DAY_CLOSE_S).tasks
    again = open_tasks(candidates([alert("P1"), alert("P1", "cover_open")], nobody), first, at_s=DAY_CLOSE_S + 86_400)
    (task,) = again.tasks
    assert task.task_id == first[0].task_id
    assert task.version == 2
    assert len(task.alert_ids) == 2
    assert open_tasks(candidates([alert("P1")], nobody), first, at_s=DAY_CLOSE_S + 86_400).tasks == ()


def test_a_finding_closes_the_open_task_of_its_service_point_once() -> None:
    first = open_tasks(candidates([alert("P1"), alert("P2")], nobody), [], at_s=DAY_CLOSE_S).tasks
    finding = Finding("f-1", "A1", "M-P1", DAY_CLOSE_S + 60, True, "bypass", "Wang")
    settled = settle(first, [("P1", finding), ("P1", finding)])
    (task,) = settled.tasks
    assert (task.state, task.closed_at_s, task.version) == (TaskState.CLOSED, DAY_CLOSE_S + 60, 2)
    assert task.finding is not None
    assert task.finding.confirmed
    assert settled.audit[0].actor == "Wang"


def test_a_finding_from_before_the_task_says_nothing_about_it() -> None:
    first = open_tasks(candidates([alert("P1")], nobody), [], at_s=DAY_CLOSE_S).tasks
    assert settle(first, [("P1", Finding("f-1", "A1", "M-P1", DAY_CLOSE_S - 60, True, "bypass"))]).tasks == ()
