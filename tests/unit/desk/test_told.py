"""The page of what people were told: what, to whom, about which alerts, and whether it arrived."""

from __future__ import annotations

from dataclasses import replace

import pytest

from desk.api.schemas import NotificationOut
from desk.texts import Language, Words
from desk.told import LINES_SHOWN, told_card
from desk.visit import Visit
from metering.announcement import Turn
from metering.catalogue import CATALOGUE
from metering.notification import SILENCE, Delivery, Line, Notification
from metering.times import LocalCalendar

LINE = Line("a-1", "overvoltage", "TA-1", "high", Turn.RAISED, 0)
PAGE = Notification("phone", "page", "page", "overvoltage@F1#0", 1, 0, (LINE,))


def shown(delivery: Delivery, language: Language = "en") -> str:
    return str(
        told_card(
            Visit(Words(language), "dark", "", "/"), [NotificationOut.of(delivery)], LocalCalendar("Asia/Shanghai")
        )
    )


def test_a_page_names_kind_place_and_where_it_stands_and_leads_to_the_alert() -> None:
    page = shown(Delivery(PAGE, "failed", 3, last_error="the receiver answers 404"))
    for word in ("overvoltage", "TA-1", 'href="/alerts/a-1"', "phone", "failed", "the receiver answers 404", "08:00"):
        assert word in page
    assert CATALOGUE["overvoltage"].name_zh in shown(Delivery(PAGE), "zh")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_lists_silences_visits_and_what_is_left_out_have_words(language: Language) -> None:
    lines = (
        Line("t-1", "", "TA-1", "low", None, 0),
        Line("s-1", SILENCE, "TA-2", "", None, 0),
        Line("x-1", "other", "", "high", Turn.CLEARED, 0, "Grafana says <b>so</b>"),
        *(replace(LINE, number=f"a-{i}") for i in range(LINES_SHOWN)),
    )
    every = [("unchanged", 1), ("no_room", 2), ("no_room_although_due", 3), ("not_listed", 4)]
    page = shown(Delivery(Notification("c", "morning", "morning", "g", 1, 0, lines, tuple(every))), language)
    assert 'href="/tasks/t-1"' in page
    assert "&lt;b&gt;so&lt;/b&gt;" in page
    assert "told." not in page
