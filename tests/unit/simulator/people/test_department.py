"""What a department finds, overlooks, has mended and is told by customers; by shares where chance decides."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from metering.catalogue import CATALOGUE
from metering.errors import SettingsError
from metering.messages import ArrivedFrame
from metering.times import DAY_S
from simulator.people.aftermath import ALWAYS_MENDED, NO_APPEALS, Appeals, Rectification
from simulator.people.cases import KnownCase, booked_wrongly
from simulator.people.errors import NO_ERRORS, InspectionErrors
from simulator.people.practice import PRACTICES, Practice
from simulator.people.visit import SiteVisit
from tests.unit.simulator.people.small_department import MONDAY, WEEK, SomeWorld, Weeks, case, close_s, task

PERFECT, HUMAN = PRACTICES["perfect"], PRACTICES["human"]
MANY = 3000
#: Of so many visits a share of one half lies within this of it, hardly ever outside.
SPREAD = 0.03


def many(cases: list[KnownCase], practice: Practice = HUMAN, *, lived: bool = False, seed: int = 1) -> Weeks:
    """Every one of many meters is visited within a few days."""
    weeks = Weeks(
        cases, meters=MANY, per_week=40_000, practice=practice, lived=SomeWorld() if lived else None, seed=seed
    )
    weeks.work([task(n) for n in range(MANY)], 1)
    assert len(weeks.department.visits) == MANY
    return weeks


def share(visits: list[SiteVisit], confirmed: bool = True) -> float:
    return float(np.mean([v.confirmed is confirmed for v in visits]))


# --- without errors


def test_perfect_finds_what_is_true_on_the_day_and_reports_after_the_delay() -> None:
    weeks = Weeks([case(1), case(2, "voltage_loss")], meters=5, per_week=35, practice=PERFECT)
    weeks.work([task(n) for n in range(5)], 9)
    assert {f.meter_id: f.abnormality for f in weeks.findings if f.confirmed} == {"M1": "bypass", "M2": "voltage_loss"}
    assert {f.meter_id for f in weeks.findings if not f.confirmed} == {"M0", "M3", "M4"}
    assert all(v.found_at_s - v.visited_at_s == WEEK for v in weeks.department.visits)
    assert weeks.findings == sorted(weeks.findings, key=lambda f: (f.found_at_s, f.finding_id))
    assert {weeks.archive.calendar.day_of(v.visited_at_s) for v in weeks.department.visits} == {MONDAY}


def test_a_finding_comes_once_at_its_time_and_not_before() -> None:
    weeks = Weeks([case(0)], meters=1, per_week=7, practice=PERFECT)
    weeks.department.work([task(0)], close_s(MONDAY), lambda _: None)
    visit = weeks.department.visits[0]
    assert weeks.department.due(visit.found_at_s - 1) == []
    assert len(weeks.department.due(visit.found_at_s)) == 1
    assert weeks.department.due(visit.found_at_s + DAY_S) == []
    weeks.department.work([task(0)], close_s(MONDAY + timedelta(days=1)), lambda _: None)
    assert len(weeks.department.visits) == 1, "no task is visited twice"


def test_the_rank_decides_who_is_visited() -> None:
    weeks = Weeks([], meters=9, per_week=14, practice=PERFECT)
    weeks.work([task(n, risk=n / 10, hazard=n == 0) for n in range(9)], 1)
    assert [v.meter_id for v in weeks.department.visits] == ["M0", "M8"]


def test_a_case_that_is_over_or_not_begun_is_not_found() -> None:
    over = replace(case(0).truth, end_s=close_s(MONDAY) - DAY_S)
    later = replace(case(1).truth, start_s=close_s(MONDAY) + 9 * DAY_S)
    weeks = Weeks([KnownCase(over), KnownCase(later)], meters=2, per_week=14, practice=PERFECT)
    weeks.work([task(0), task(1)], 9)
    assert [f.confirmed for f in weeks.findings] == [False, False]


def test_a_service_point_that_nobody_knows_is_named() -> None:
    weeks = Weeks([], meters=1, practice=PERFECT, per_week=7)
    with pytest.raises(LookupError, match="SP-7"):
        weeks.work([task(7)], 1)


# --- errors, by their shares


@pytest.mark.parametrize(
    ("abnormality", "hidden", "found"),
    [
        ("tariff_misuse", False, 0.96),
        ("tariff_misuse", True, 0.60),
        ("voltage_loss", False, 0.98),
        ("phase_break", False, 0.98),
    ],
)
def test_how_much_is_overlooked(abnormality: str, hidden: bool, found: float) -> None:
    visits = many([case(n, abnormality, hidden=hidden) for n in range(MANY)]).department.visits
    assert share(visits) == pytest.approx(found, abs=SPREAD)
    assert not any(v.stopped_before for v in visits), "only thieves are warned"


def test_one_in_twenty_is_written_down_as_a_sibling_of_its_family() -> None:
    visits = [v for v in many([case(n, "voltage_loss") for n in range(MANY)]).department.visits if v.confirmed]
    wrong = Counter(v.abnormality for v in visits if v.abnormality != "voltage_loss")
    assert sum(wrong.values()) / len(visits) == pytest.approx(0.05, abs=0.012)
    assert {CATALOGUE[str(code)].family for code in wrong} == {"electrical"}


def test_one_visit_in_a_hundred_confirms_what_it_was_sent_for_where_nothing_is() -> None:
    visits = many([]).department.visits
    assert share(visits) == pytest.approx(0.01, abs=0.006)
    assert {v.abnormality for v in visits if v.confirmed} == {"tariff_misuse"}
    assert all(v.in_vain for v in visits if v.confirmed)


def test_who_is_booked_wrongly_is_found_by_those_who_look_for_it_and_mended_in_the_archive() -> None:
    cases = [booked_wrongly("M0", close_s(MONDAY) - 30 * DAY_S), booked_wrongly("M2", close_s(MONDAY))]
    cases.append(case(2))
    claimed = {"t-0": "wrong_area", "t-1": "wrong_area", "t-2": "wrong_area", "t-3": "bypass"}
    cases.append(booked_wrongly("M3", close_s(MONDAY) - 30 * DAY_S))
    lived = SomeWorld()
    weeks = Weeks(cases, meters=4, practice=PRACTICES["perfect"], lived=lived, claim_of=lambda t: claimed[t.task_id])
    weeks.work([task(number) for number in range(4)], days=14)
    found = {f.meter_id: (f.confirmed, f.abnormality) for f in weeks.findings}
    assert found == {
        "M0": (True, "wrong_area"),
        "M1": (False, None),
        "M2": (True, "bypass"),
        "M3": (False, None),
    }
    assert {i.case.meter_id for i in lived.interruptions} == {"M2"}, "no order at a meter changes what the archive says"
    (visit,) = [v for v in weeks.department.visits if v.meter_id == "M0"]
    assert not visit.in_vain
    assert visit.rectification_ordered


def test_one_thief_in_ten_lies_low_from_the_midnight_before_the_visit() -> None:
    weeks = many([case(n) for n in range(MANY)], lived=True)
    visits, calendar = weeks.department.visits, weeks.archive.calendar
    stopped = {v.meter_id: v for v in visits if v.stopped_before}
    assert len(stopped) / MANY == pytest.approx(0.10, abs=0.02)
    low = [i for i in weeks.department.interruptions if i.why == "lies_low"]
    assert {i.case.meter_id for i in low} == set(stopped)
    for interruption in low:
        visit = stopped[interruption.case.meter_id]
        assert interruption.from_s == calendar.day_start(calendar.day_of(visit.visited_at_s))
        assert calendar.day_of(visit.visited_at_s) >= MONDAY + timedelta(days=2)
        assert interruption.until_s is not None
        assert 7 <= (interruption.until_s - interruption.from_s) / DAY_S <= 30
    assert share(list(stopped.values())) == pytest.approx(0.01, abs=0.03)


def test_a_warned_thief_is_visited_only_where_the_feed_can_still_be_changed() -> None:
    world = SomeWorld()
    practice = replace(PERFECT, errors=replace(NO_ERRORS, stopped_before=1.0))
    weeks = Weeks([case(0)], meters=1, per_week=7, practice=practice, lived=world)
    world.open_from_s = close_s(MONDAY + timedelta(days=5))
    weeks.department.work([task(0)], close_s(MONDAY), lambda _: None)
    assert world.interruptions[0].from_s == weeks.archive.calendar.day_start(MONDAY + timedelta(days=6))
    assert weeks.department.visits[0].visited_at_s > world.interruptions[0].from_s


def test_chance_depends_on_seed_and_task_and_not_on_order() -> None:
    cases = [case(n) for n in range(MANY)]
    visits = {v.task_id: (v.confirmed, v.abnormality, v.stopped_before) for v in many(cases).department.visits}
    weeks = Weeks(cases, meters=MANY, per_week=40_000)
    weeks.work([task(n, risk=n / MANY) for n in reversed(range(MANY))], 1)
    assert {v.task_id: (v.confirmed, v.abnormality, v.stopped_before) for v in weeks.department.visits} == visits
    other = {v.task_id: (v.confirmed, v.abnormality, v.stopped_before) for v in many(cases, seed=2).department.visits}
    assert other != visits


def test_an_impossible_rate_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match=r"overlooked = 1\.5"):
        InspectionErrors(overlooked=1.5)
    with pytest.raises(SettingsError, match="lies_low_days"):
        InspectionErrors(lies_low_days=(9, 3))


# --- what follows


def test_rectification_ends_most_cases_after_the_finding_and_some_thefts_come_back() -> None:
    practice = replace(HUMAN, errors=NO_ERRORS, appeals=NO_APPEALS)
    weeks = many([case(n, "bypass" if n % 2 else "tariff_misuse") for n in range(MANY)], practice, lived=True)
    visits = weeks.department.visits
    assert all(v.rectification_ordered for v in visits)
    mended = [v for v in visits if v.rectified_at_s is not None]
    assert len(mended) / MANY == pytest.approx(0.92, abs=0.02)
    assert all(0 <= (v.rectified_at_s or 0) - v.found_at_s < 15 * DAY_S for v in mended)
    local_hours = {weeks.archive.calendar.local(v.rectified_at_s or 0).hour for v in mended}
    assert local_hours <= set(range(9, 17))
    back = [v for v in mended if v.relapsed_at_s is not None]
    assert {v.case.truth.abnormality for v in back if v.case is not None} == {"bypass"}
    assert len(back) / (len(mended) / 2) == pytest.approx(0.10, abs=0.03)
    assert all(19 <= ((v.relapsed_at_s or 0) - (v.rectified_at_s or 0)) / DAY_S <= 60 for v in back)
    told = {(i.case.meter_id, i.from_s, i.until_s) for i in weeks.department.interruptions}
    assert told == {(v.meter_id, v.rectified_at_s, v.relapsed_at_s) for v in mended}


def test_a_hazard_is_mended_within_two_days_but_never_in_what_is_simulated_already() -> None:
    world = SomeWorld()
    weeks = Weeks([case(n, "phase_break") for n in range(9)], meters=9, per_week=70, practice=PERFECT, lived=world)
    weeks.work([task(n, hazard=True) for n in range(9)], 1)
    for visit in weeks.department.visits:
        assert visit.rectified_at_s is not None
        assert world.open_from_s <= visit.rectified_at_s <= max(visit.visited_at_s + 2 * DAY_S, world.open_from_s)


def test_what_is_mended_is_not_found_again_and_what_came_back_is() -> None:
    practice = replace(PERFECT, rectification=Rectification(succeeds=1.0, relapses=1.0, relapse_days=(20, 20)))
    weeks = Weeks([case(0)], meters=1, per_week=7, practice=practice, lived=SomeWorld(), finding_delay_s=0)
    found = []
    for number, day in enumerate((0, 18, 50)):
        again = replace(task(0), task_id=f"t-{number}")
        weeks.work([again], 1, MONDAY + timedelta(days=day))
        found.append(weeks.department.visits[-1].confirmed)
        weeks.findings.clear()
    assert found == [True, False, True]


def test_an_order_that_is_still_out_is_not_given_twice() -> None:
    practice = replace(PERFECT, rectification=replace(ALWAYS_MENDED, days=(14, 14)))
    weeks = Weeks([case(0)], meters=1, per_week=7, practice=practice, lived=SomeWorld(), finding_delay_s=0)
    weeks.work([task(0)], 1)
    weeks.findings.clear()
    weeks.work([replace(task(0), task_id="t-again")], 1, MONDAY + timedelta(days=3))
    first, second = weeks.department.visits
    assert (first.confirmed, second.confirmed) == (True, True)
    assert (first.rectification_ordered, second.rectification_ordered) == (True, False)
    assert len(weeks.department.interruptions) == 1


def test_a_feed_that_is_read_does_not_answer() -> None:
    weeks = many([case(n) for n in range(MANY)])
    assert all(v.rectified_at_s is None and v.relapsed_at_s is None for v in weeks.department.visits)
    assert any(v.rectification_ordered for v in weeks.department.visits)


def test_few_of_the_rightly_found_appeal_and_in_vain() -> None:
    practice = replace(HUMAN, errors=NO_ERRORS)
    weeks = many([case(n, "tariff_misuse") for n in range(MANY)], practice)
    appealed = [v for v in weeks.department.visits if v.appealed_at_s is not None]
    assert len(appealed) / MANY == pytest.approx(0.06, abs=0.015)
    assert all(3 <= ((v.appealed_at_s or 0) - v.found_at_s) / DAY_S <= 20 for v in appealed)
    weeks.findings += weeks.department.due(2**40)
    assert len(weeks.findings) == MANY, "none was upheld, so no second finding came"


def test_an_appeal_against_nothing_is_upheld_by_a_second_finding() -> None:
    practice = replace(HUMAN, errors=replace(NO_ERRORS, confirmed_in_vain=1.0))
    weeks = many([], practice)
    appealed = {v.meter_id: v for v in weeks.department.visits if v.appealed_at_s is not None}
    assert len(appealed) / MANY == pytest.approx(0.60, abs=SPREAD)
    findings = weeks.department.due(2**40)
    second = [f for f in findings if f.found_by == "simulated re-check"]
    assert {f.meter_id for f in second} == set(appealed)
    for finding in second:
        visit = appealed[finding.meter_id]
        assert (finding.confirmed, finding.abnormality) == (False, None)
        assert finding.found_at_s == (visit.appealed_at_s or 0) + 3 * DAY_S == visit.appeal_decided_at_s
        assert "appeal upheld" in finding.note
    assert len({f.finding_id for f in findings}) == len(findings)


def test_appeals_are_as_stated() -> None:
    assert (Appeals().of_confirmed, Appeals().of_confirmed_in_vain) == (0.06, 0.60)


# --- field readings


def test_a_note_tells_instruments_and_seals() -> None:
    weeks = Weeks([case(0, seals_broken=True)], meters=1, per_week=7, practice=PERFECT, lived=SomeWorld())
    weeks.work([task(0)], 9)
    assert weeks.findings[0].note == (
        "visit of task t-0; clamp 9.0 A, meter 3.0 A; line 228 V, meter 228 V; -66.7 % against the reference meter; "
        "seals broken"
    )


def test_in_a_feed_that_is_read_the_meters_own_reading_at_the_visit_is_known() -> None:
    weeks = Weeks([case(0)], meters=2, per_week=7, practice=PERFECT)
    weeks.department.work([task(0)], close_s(MONDAY), lambda _: None)
    visited_at_s = weeks.department.visits[0].visited_at_s
    for shift_s, current_a in ((-900, 1.0), (0, 5.5), (900, 2.0)):
        columns = {
            "energy_kwh": np.array([0.1, 0.2]),
            "current_a": np.array([8.0, current_a]),
            "voltage_v": np.array([1.0, 229.0]),
        }
        frame = ArrivedFrame("A1", visited_at_s // 900 * 900 + shift_s, 15, ("M1", "M0"), columns)
        weeks.department.saw(frame)
    found = weeks.department.due(visited_at_s + WEEK)[0]
    assert found.note == "visit of task t-0; meter 5.5 A; meter 229 V"
    reading = weeks.department.visits[0].reading
    assert reading is not None
    assert reading.line_current_a is None
    assert reading.error_percent is None
