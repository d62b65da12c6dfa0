"""Energy found: before and after detection, missed, registered too much; or the run's own estimate."""

from __future__ import annotations

from evaluation.answers import Answers
from evaluation.detection import detect
from evaluation.value import Value, value_found
from metering.truth import TruthCase
from tests.unit.evaluation.made_runs import FIRST_DAY, alert_row, alerts, at, case, judged

DAY_0 = FIRST_DAY.toordinal()


def value(
    rows: list[dict[str, object]], cases: list[TruthCase], unmetered: dict[str, dict[int, float]] | None
) -> Value:
    answers = Answers(cases, unmetered_kwh=unmetered)
    return value_found(detect(alerts(*rows), answers, judged(), {}), answers, judged())


def days(kwh: float, first: int, last: int) -> dict[int, float]:
    return {DAY_0 + day: kwh for day in range(first, last + 1)}


def test_energy_is_split_at_the_day_of_detection() -> None:
    cases = [case("M1", 40.5), case("M2", 50)]
    found = value([alert_row("M1", 49.2)], cases, {"M1": days(2.0, 40, 97), "M2": days(1.0, 50, 97)})
    assert found.recoverable_kwh == 20.0, "days 40 to 49"
    assert found.preventable_kwh == 96.0, "days 50 to 97"
    assert found.missed_kwh == 48.0
    assert found.unmetered_kwh == 164.0
    assert found.share_found == 0.7073


def test_a_case_without_delay_has_only_its_first_day_behind_it() -> None:
    found = value([alert_row("M1", 40)], [case("M1", 40)], {"M1": days(2.0, 40, 97)})
    assert (found.recoverable_kwh, found.preventable_kwh, found.share_found) == (2.0, 114.0, 1.0)


def test_two_cases_of_a_meter_keep_their_own_days() -> None:
    cases = [case("M1", 40, end=50), case("M1", 60)]
    found = value([alert_row("M1", 61)], cases, {"M1": days(1.0, 40, 49) | days(3.0, 60, 69)})
    assert (found.missed_kwh, found.recoverable_kwh, found.preventable_kwh) == (10.0, 6.0, 24.0)
    assert found.by_case["M1", "bypass", at(40)].total_kwh == 10.0


def test_what_a_fast_meter_registered_too_much_is_apart() -> None:
    cases = [case("M1", 40, "register_runaway"), case("M2", 40)]
    found = value([alert_row("M1", 41, "register_runaway")], cases, {"M1": days(-5.0, 40, 49), "M2": days(1.0, 40, 49)})
    assert (found.overmetered_found_kwh, found.overmetered_missed_kwh) == (50.0, 0.0)
    assert (found.unmetered_kwh, found.missed_kwh, found.share_found) == (10.0, 10.0, 0.0)


def test_without_the_simulations_word_the_runs_own_estimate_is_taken_and_nothing_else_claimed() -> None:
    rows = [alert_row("M1", 41) | {"missing_kwh": 12.5}, alert_row("M1", 42, "zero_use") | {"missing_kwh": 20.0}]
    rows += [alert_row("M2", 41), alert_row("M5", 41) | {"missing_kwh": 99.0}]
    found = value(rows, [case("M1", 40), case("M2", 40)], None)
    assert found.estimated_kwh == 20.0, "two alerts of one case speak of the same energy; a false case counts nothing"
    assert (found.unmetered_kwh, found.share_found) == (None, None)


def test_a_case_without_energy_takes_nothing_from_the_share() -> None:
    found = value([], [case("M1", 40, "transformer_overload")], {})
    assert (found.unmetered_kwh, found.share_found) == (0.0, None)
