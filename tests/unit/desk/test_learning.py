"""The findings page: each finding's own effect in words, and the detectors' track record."""

from __future__ import annotations

import pytest

from desk import learning
from desk.visit import Visit
from inspection.track_record import Precision
from metering.archive import Archive
from metering.inspection import AuditEntry
from metering.messages import Finding
from operations.finding_effects import Effect, Kind


def effect(kind: Kind, *, confirmed: bool = True) -> Effect:
    finding = Finding(
        "f-1", "TA-1", "M-1", 1_772_000_000, confirmed, "bypass" if confirmed else None, "Wang", "<b>wire</b>"
    )
    moved = (("day_voltage", 0.031), ("evidence/load", -0.012), ("bias", 0.009)) if kind == "taught" else ()
    undo = AuditEntry("f-1", 1_772_000_100, "Li Na", "undo", "", "undone", "wrong sheet") if kind == "undone" else None
    return Effect(finding, kind, moved, undo)


@pytest.mark.parametrize(
    ("told", "english", "chinese"),
    [
        (
            effect("taught"),
            "Moved the ranking: voltage at the meter +0.031, evidence: load -0.012, cases in general +0.009",
            "对排序的影响：表端电压 +0.031、证据：负荷异常 -0.012、总体查实水平 +0.009",
        ),
        (effect("expected"), "it was expected", "意料之中"),
        (effect("of_area"), "its alert is settled", "告警已核销"),
        (effect("of_area", confirmed=False), "its usual loss learnt anew", "常态线损重新学习"),
        (effect("undone"), "taken back by Li Na: wrong sheet", "已由 Li Na 撤回：wrong sheet"),
        (effect("contradicted"), "a later finding", "后来的结论"),
        (effect("not_described"), "nobody thought of a case", "未被怀疑"),
    ],
)
def test_an_effect_is_told_in_words(told: Effect, english: str, chinese: str, visit: Visit, visit_zh: Visit) -> None:
    assert english in learning.effect_words(visit, told)
    assert chinese in learning.effect_words(visit_zh, told)


def test_a_finding_escapes_its_note_and_says_who_found_what(visit: Visit, archive: Archive) -> None:
    shown = learning.finding_entry(visit, effect("expected"), archive)
    assert "<b>wire" not in shown
    assert "Confirmed on site: current past the meter (bypass)" in shown
    assert "Wang · " in shown


def test_the_track_record_stands_by_kind_and_detector_with_its_interval(visit: Visit) -> None:
    record = [
        Precision("day_level", "bypass", 4, 1, 1),
        Precision("day_voltage", "bypass", 10, 8, 7),
        Precision("ranker", "-", 5, 1, 0),
    ]
    shown = learning.record_card(visit, record)
    order = [shown.index(words) for words in ("voltage at the meter", "level of use", "the ranking")]
    assert order == sorted(order)
    assert "80 %" in shown
    assert "49 % … 94 %" in shown
    assert "no alert: visited by rank" in shown
    assert "No visit has answered a task yet" in learning.record_card(visit, [])
