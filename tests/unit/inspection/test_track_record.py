"""What visits made of each detector's word, and how it moves what a kind of alert is worth."""

from __future__ import annotations

import pytest

from inspection.track_record import EXPLORATION, RANKER, Precision, Sent, TrackRecord, Verdict, said_by
from metering.alert import Alert, AlertState, Reason


def verdict(number: int, *, confirmed: bool, kind: str = "over_capacity") -> Verdict:
    return Verdict(
        f"f-{number}", f"M{number}", confirmed, kind if confirmed else None, kind, (("rules", "over_capacity"),)
    )


def test_precision_counts_what_was_found_and_whether_it_was_that_kind() -> None:
    record = TrackRecord()
    for number, (confirmed, kind) in enumerate([(True, "over_capacity"), (True, "bypass"), (False, "over_capacity")]):
        record.add(verdict(number, confirmed=confirmed, kind=kind))
    (found,) = record.precisions()
    assert (found.visited, found.confirmed, found.right_kind) == (3, 2, 1)
    assert found.interval[0] < found.share < found.interval[1]


def test_the_interval_narrows_with_visits_and_stays_within_0_and_1() -> None:
    few, many = Precision("d", "bypass", 2, 2, 2).interval, Precision("d", "bypass", 200, 200, 200).interval
    assert few[1] == pytest.approx(1.0)
    assert many[1] == pytest.approx(1.0)
    assert few[0] < 0.5 < 0.95 < many[0]


def test_a_finding_that_was_undone_no_longer_counts() -> None:
    record = TrackRecord()
    record.add(verdict(1, confirmed=True))
    assert record.take_back("f-1") is not None
    assert record.take_back("f-1") is None
    assert record.precisions() == []


def test_the_catalogues_weight_is_moved_by_visits_and_only_for_kinds_that_were_visited() -> None:
    record = TrackRecord()
    for number in range(4):
        record.add(verdict(number, confirmed=False))
    assert record.borne_out([("over_capacity", 0.8), ("bypass", 0.9)]) == {"over_capacity": 0.4}


def test_a_task_is_answered_once_and_not_by_a_finding_from_before_it() -> None:
    record = TrackRecord()
    record.sent("M1", Sent("t-1", 1000, False, "bypass"))
    assert record.answered("M1", 999) is None
    assert record.answered("M1", 1500) == Sent("t-1", 1000, False, "bypass")
    assert record.answered("M1", 1600) is None


def test_who_said_it_is_the_alerts_detectors_or_the_ranker() -> None:
    reasons = (Reason("rules", "8 kW of 4 kW"), Reason("profile", "usual", against=True))
    alert = Alert(
        "a-1", "A1", "M1", "P1", "over_capacity", "load", "high", 0.8, 0, None, AlertState.RAISED, 8.0, 4.0, "kW",
        reasons, 0,
    )  # fmt: skip
    assert said_by([alert], explored=False) == (("rules", "over_capacity"),)
    assert said_by([], explored=False) == ((RANKER, "-"),)
    assert said_by([], explored=True) == ((EXPLORATION, "-"),)


def test_it_survives_a_restart() -> None:
    record, again = TrackRecord(), TrackRecord()
    record.add(verdict(1, confirmed=True))
    record.sent("M2", Sent("t-2", 5, True, "resale"))
    again.load(record.dump())
    assert again.dump() == record.dump()
    assert again.visited_kinds() == ["over_capacity", "resale"]
    assert again.precisions() == record.precisions()
