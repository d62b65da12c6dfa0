"""False cases: counted as the design says, and told by the benign life around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from evaluation.answers import Answers, BenignLife
from evaluation.false_cases import FalseCases, find_false_cases
from metering.times import iso
from metering.truth import TruthCase
from tests.unit.evaluation.made_runs import alert_row, alerts, archive, at, case, judged


def false_cases(
    *rows: dict[str, Any], cases: Sequence[TruthCase] = (), life: Sequence[BenignLife] | None = None
) -> FalseCases:
    return find_false_cases(alerts(*rows), Answers(cases, life=life), archive(), judged())


def lived(meter_id: str, kind: str, start: float, end: float | None) -> BenignLife:
    return BenignLife(meter_id, kind, at(start), None if end is None else at(end))


def test_repeats_within_seven_days_of_the_last_are_one() -> None:
    assert len(false_cases(alert_row("M5", 40), alert_row("M5", 46), alert_row("M5", 52)).cases) == 1
    assert len(false_cases(alert_row("M5", 40), alert_row("M5", 47.01)).cases) == 2
    assert len(false_cases(alert_row("M5", 40), alert_row("M6", 41)).cases) == 2


def test_an_episode_later_than_seven_days_is_a_false_case_more() -> None:
    soon = alert_row("M1", 30, cleared=44) | {"relapses": [[iso(at(31)), iso(at(36))]]}
    later = alert_row("M2", 30, cleared=44) | {"relapses": [[iso(at(31)), iso(at(40))]]}
    made = false_cases(soon, later)
    assert [(c.alert.meter_id, c.alert.episode) for c in made.cases] == [("M1", 1), ("M2", 1), ("M2", 2)]
    assert made.of_relapses == 1


def test_the_rate_is_of_all_meters_and_the_judged_weeks() -> None:
    found = false_cases(alert_row("M5", 40), alert_row("M6", 60), alert_row("M6", 80))
    assert found.per_1000_meters_per_week == pytest.approx(1000 * 3 / 21 / 10, abs=1e-4)
    assert (found.meters, found.weeks) == (21, 10.0)


def test_data_quality_and_communication_count_neither_way() -> None:
    found = false_cases(
        alert_row("M5", 40, "reading_failed", "communication"), alert_row("M6", 40, "spike", "data_quality")
    )
    assert (found.cases, found.neither_way) == ((), {"communication": 1, "data_quality": 1})


def test_the_warm_up_counts_neither_way() -> None:
    assert not false_cases(alert_row("M5", 27.9)).cases
    assert len(false_cases(alert_row("M5", 28.1)).cases) == 1


def test_an_abnormal_meter_has_no_false_case() -> None:
    found = false_cases(alert_row("M1", 30), alert_row("M1", 41), cases=[case("M1", 40)])
    assert (found.cases, found.neither_way) == ((), {"outside_the_case": 1})


def test_a_customers_electrical_alert_speaks_of_its_areas_fault() -> None:
    rows = alert_row("M5", 41, "overvoltage", "electrical"), alert_row("M6", 41, "bypass", "theft")
    found = false_cases(*rows, cases=[case("S1", 40, "neutral_lost", end=50)])
    assert [false.alert.meter_id for false in found.cases] == ["M6"]
    assert found.neither_way == {"area_fault": 1}
    late = false_cases(alert_row("M5", 52, "overvoltage", "electrical"), cases=[case("S1", 40, "neutral_lost", end=50)])
    assert len(late.cases) == 1


def test_an_archive_alert_is_right_where_life_made_the_archive_wrong() -> None:
    life = [
        lived("M5", "archive_error", 0, None),
        lived("M6", "topology_change", 30, None),
        lived("M7", "vacancy", 30, 40),
    ]
    rows = [alert_row(m, 45, "wrong_area", "archive") for m in ("M5", "M6", "M7")]
    found = false_cases(*rows, life=life)
    assert [f.alert.meter_id for f in found.cases] == ["M7"]
    assert found.neither_way == {"archive": 2}
    assert len(false_cases(alert_row("M5", 45), life=life).cases) == 1, "an alert of theft there is still false"


def test_false_cases_are_told_by_the_life_around_them() -> None:
    life = [
        lived("M1", "vacancy", 40, 50),
        lived("M2", "vacancy", 10, 20),
        lived("S1", "outage", 60, 60.1),
        lived("M3", "electric_vehicle", 30, None),
        lived("M3", "holiday_absence", 44, 46),
    ]
    found = false_cases(
        alert_row("M1", 45),
        alert_row("M1", 63.9, "zero_use", "energy"),
        alert_row("M2", 45),
        alert_row("M3", 45),
        alert_row("M9", 61),
        life=life,
    )
    assert {(f.alert.meter_id, f.near) for f in found.cases} == {
        ("M1", "vacancy"),
        ("M2", "nothing"),
        ("M3", "holiday_absence"),
        ("M9", "outage"),
    }
    assert found.by_life() == {"vacancy": 2, "holiday_absence": 1, "nothing": 1, "outage": 1}
    assert found.by_abnormality() == {"bypass": 4, "zero_use": 1}


def test_an_areas_alert_while_a_customer_has_a_case_is_false_but_not_out_of_the_blue() -> None:
    rows = [alert_row(None, 45, "high_loss", "line_loss"), alert_row(None, 30, "high_loss", "line_loss")]
    found = false_cases(*rows, cases=[case("M1", 40)])
    assert [f.near for f in found.cases] == ["nothing", "case_in_the_area"]


def test_areas_without_a_supply_meter_are_told_apart() -> None:
    rows = [alert_row(None, 45, "high_loss", "line_loss") | {"transformer_area": area} for area in ("B1", "B2")]
    assert len(false_cases(*rows).cases) == 2
