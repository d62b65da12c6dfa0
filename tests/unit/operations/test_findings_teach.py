"""The day stage as findings come: who is proposed, what crews have room for, what is learnt and what is unlearnt."""

from __future__ import annotations

from dataclasses import replace

import pytest

from detectors.case.prior import shipped_prior
from inspection.capacity import Capacity
from metering.alert import NAMING
from metering.archive import Meter
from metering.errors import MeterwatchError
from metering.inspection import TaskState
from operations.finding_effects import finding_effects
from operations.undo_finding import undo_finding
from operations.why_ranked import why_ranked
from tests.unit.operations.forged_days import ALL_BY_RANK, FIRST, METERS, Days, alert


def test_before_any_finding_the_days_risk_is_what_the_weighing_said() -> None:
    days = Days()
    days.close({3: 0.6})
    assert days.risk(3) == pytest.approx(0.6, abs=1e-6)


def test_meters_without_an_alert_are_proposed_by_rank_where_crews_have_room() -> None:
    days = Days(replace(ALL_BY_RANK, per_week=14))
    opened = days.close({3: 0.9, 4: 0.5, 5: 0.7, 6: 0.2})
    assert [(t.service_point, t.alert_ids) for t in opened] == [("P03", ()), ("P05", ())]
    assert "no alert" in days.store.audit(opened[0].task_id)[0].reason
    assert [t.service_point for t in days.close({3: 0.9, 4: 0.5, 5: 0.7, 6: 0.2})] == ["P04"], "the next in rank"
    assert days.close({3: 0.9, 4: 0.5, 5: 0.7, 6: 0.2}) == [], "nobody else is worth a visit"


def test_a_week_never_proposes_more_than_crews_can_visit_and_every_hazard() -> None:
    days = Days(replace(ALL_BY_RANK, per_week=7))
    likely = dict.fromkeys(range(30), 0.9)
    hazards = [alert(30 + n, "phase_break", "electrical", 0.5) for n in range(9)]
    opened = [days.close(likely, alerts=hazards if n == 6 else ()) for n in range(7)]
    assert [len([t for t in of_day if not t.hazard]) for of_day in opened] == [1, 1, 1, 1, 1, 1, 0]
    assert len([t for t in opened[6] if t.hazard]) == 9


def test_who_is_silenced_is_not_proposed() -> None:
    days = Days()
    assert days.close({3: 0.9}, silenced=("M03",)) == []
    assert [t.service_point for t in days.close({3: 0.9})] == ["P03"]


def test_what_was_found_is_not_visited_again_while_it_is_mended() -> None:
    days = Days()
    days.close({3: 0.9})
    assert days.close({3: 0.9}, [days.finding(3, confirmed=True)]) == []
    early, hazard = alert(3, "cover_open", day=FIRST + 15), alert(3, "phase_break", "electrical", 0.5)
    assert days.close({3: 0.95}, alerts=[early]) == []
    assert [t.hazard for t in days.close({3: 0.95}, alerts=[early, hazard])] == [True], "a hazard never waits"


def test_where_nothing_was_found_only_something_new_asks_for_another_visit() -> None:
    days = Days()
    days.close({3: 0.9}, alerts=[alert(3)])
    assert days.close({3: 0.9}, [days.finding(3, confirmed=False)], alerts=[alert(3)]) == []
    new = alert(3, "cover_open", day=FIRST + 2)
    assert [t.service_point for t in days.close({3: 0.9}, alerts=[alert(3), new])] == ["P03"]


def test_a_case_that_was_found_and_never_mended_is_visited_again() -> None:
    days = Days()
    days.close({3: 0.9})
    days.close({3: 0.9}, [days.finding(3, confirmed=True)])
    days.ordinal += 65
    assert [t.service_point for t in days.close({3: 0.9})] == ["P03"]


def test_an_open_tasks_risk_follows_the_days() -> None:
    days = Days()
    (task,) = days.close({3: 0.6})
    days.close({3: 0.9})
    (now,) = days.store.tasks()
    assert (task.grade, now.grade, round(now.risk, 2)) == ("medium", "high", 0.9)
    assert [e.move for e in days.store.audit(task.task_id)] == ["open", "regrade"]


def test_findings_teach_and_detectors_keep_a_track_record() -> None:
    days = Days(replace(ALL_BY_RANK, per_week=140))
    days.close(dict.fromkeys(range(10), 0.6), alerts=[alert(n) for n in range(10)])
    days.close({20: 0.6}, [days.finding(n, confirmed=False) for n in range(10)])
    assert days.risk(20) < 0.55
    assert all(t.state is TaskState.CLOSED for t in days.store.tasks() if t.service_point < "P10")
    (record, *_) = days.learner.record.precisions()
    assert (record.detector, record.abnormality, record.visited, record.confirmed) == ("rules", "bypass", 10, 0)
    points = [p for batch in days.store.point_batches(100) for p in batch.points if p.measurement == "precision"]
    assert [(p.tags["detector"], p.fields["visited"], p.fields["precision"]) for p in points] == [("rules", 10.0, 0.0)]


def test_undone_by_a_person_or_by_an_appeal_the_next_days_are_as_if_it_had_never_come() -> None:
    with_it, undone, appealed = Days(), Days(), Days()
    for days in (with_it, undone, appealed):
        days.close({3: 0.6})
        days.close({20: 0.6}, [days.finding(3, confirmed=True)])
    assert with_it.risk(20) > 0.6
    with_it.close({20: 0.6})
    undone.close({20: 0.6}, undone=("f-3-0",))
    appealed.close({20: 0.6}, [appealed.finding(3, confirmed=False, number=1)])
    for days in (undone, appealed):
        days.close({20: 0.6})
        assert days.risk(20) == pytest.approx(0.6, abs=1e-6)
        assert days.learner.record.precisions() == []
    assert any(with_it.learner.ranker.effects()["f-3-0"].values())
    assert "f-3-0" not in undone.learner.ranker.effects()


def test_a_share_of_the_visits_is_drawn_and_says_why() -> None:
    told = dict.fromkeys(range(30), 0.15) | dict.fromkeys(range(30, 40), 0.95)
    runs = [Days(Capacity(per_week=7, least_risk=0.3, exploration_share=0.5), seed=s) for s in (1, 1, 2)]
    drawn = []
    for days in runs:
        opened = [t for _ in range(14) for t in days.close(told)]
        drawn.append([t.service_point for t in opened if t.risk < 0.3])
        assert 6 <= len(drawn[-1]) <= 8
        assert [t.risk > 0.9 for t in opened].count(True) >= 6
        for task in opened:
            why = days.store.audit(task.task_id)[0].reason
            assert ("exploration" in why) is (task.risk < 0.3)
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]


def test_the_same_days_give_the_same_bytes() -> None:
    pages = []
    for _ in range(2):
        days = Days(replace(ALL_BY_RANK, per_week=35, exploration_share=0.2))
        days.close({n: 0.1 * (n % 10) for n in range(METERS)})
        days.close({n: 0.05 * n for n in range(20)}, [days.finding(n, confirmed=n % 2 == 0) for n in (9, 19)])
        pages.append(days.store.load_model_pages())
    assert pages[0] == pages[1]


def test_a_task_without_an_alert_can_say_why_it_was_proposed() -> None:
    days = Days()
    (task,) = days.close({3: 0.6})
    told = why_ranked(days.store, days.archive, task, days.archive.meter("M03"))
    assert told is not None
    assert told.probability == pytest.approx(0.6, abs=1e-3)
    assert [code in shipped_prior().kinds for code, _ in told.kinds] == [True, True]
    assert told.kinds[0][1] >= told.kinds[1][1] > 0
    assert told.reasons[-1].detector == NAMING
    assert why_ranked(days.store, days.archive, replace(task, alert_ids=("a-1",)), days.archive.meter("M03")) is None
    assert why_ranked(days.store, days.archive, replace(task, transformer_area="A9"), days.archive.meter("M03")) is None


def test_what_a_finding_changed_is_told_and_why_where_it_changed_nothing() -> None:
    days = Days()
    with_supply = replace(days.archive, meters=(*days.archive.meters, Meter("S", "PS", "grid", "A0", "supply")))
    days.close({3: 0.6, 4: 0.6, 5: 0.6})
    found = [
        days.finding(3, confirmed=True),
        days.finding(4, confirmed=False),
        days.finding(9, confirmed=False),
        replace(days.finding(5, confirmed=True), finding_id="f-area", meter_id="S", abnormality="high_loss"),
    ]
    days.close({20: 0.6}, found)
    undo_finding(
        days.store, "f-4-0", by="Li", reason="the wrong meter", now_s=found[0].found_at_s, encode=lambda _: b""
    )
    effects, record = finding_effects(days.store, with_supply, found)
    assert [e.kind for e in effects] == ["taught", "undone", "not_described", "of_area"]
    assert effects[0].moved
    assert effects[1].undo is not None
    assert (effects[1].undo.actor, effects[1].undo.reason) == ("Li", "the wrong meter")
    assert [(p.visited, p.confirmed) for p in record] == [(1, 1)], "what was taken back counts no visit"
    with pytest.raises(MeterwatchError, match="taken back already, by Li"):
        undo_finding(days.store, "f-4-0", by="Li", reason="again", now_s=0, encode=lambda _: b"")
