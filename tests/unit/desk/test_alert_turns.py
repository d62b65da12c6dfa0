"""Which turns of an alert were announced, and why the others were not, in both languages."""

from __future__ import annotations

import pytest

from desk.alert_turns import TURNS_SHOWN, stopped_words, turns_card
from desk.api.schemas import HistoryLine, StoppedOut
from desk.visit import Visit
from metering.announcement import Announcement, Stopped, Turn, Urgency
from metering.archive import Archive
from metering.silence import Silence

NOW_S = 1_772_323_200
SILENCE = Silence("s-1", "TA-1", None, None, NOW_S + 3600, "Li Na", "<b>harvest</b>")


def turn(number: int = 0, stopped: Stopped | None = None, *, page: bool = True) -> Announcement:
    urgency: Urgency = "page" if page else "morning"
    return Announcement(
        "a-1",
        "TA-1",
        "M-1",
        "bypass",
        "high",
        urgency,
        Turn.RAISED,
        NOW_S + number,
        stopped=stopped,
    )


@pytest.mark.parametrize(
    ("stopped", "english", "chinese"),
    [
        (Stopped("silence", "silenced", "s-1"), "silenced by Li Na until 2026-03-01 09:00: <b>", "Li Na 静默至"),
        (Stopped("silence", "silenced", "s-9"), "held back: silence, silenced", "未通知：silence"),
        (Stopped("electrical", "phase_lost", "voltage_loss"), "the meter's voltage loss", "本表“失压”"),
        (Stopped("area", "area_outage"), "the area has its own alert", "台区已有告警"),
        (Stopped("planned_work", "work_order", "meter_exchange"), "(meter_exchange)", "（meter_exchange）"),
        (Stopped("flapping", "comes_and_goes", "4"), "comes and goes", "时有时无"),
        (Stopped("life", "over_before_it_was_said"), "over before anybody heard", "通知前已恢复"),
    ],
)
def test_why_nobody_was_told_is_said(
    stopped: Stopped, english: str, chinese: str, visit: Visit, visit_zh: Visit, archive: Archive
) -> None:
    silence = SILENCE if stopped.detail == "s-1" else None
    told = StoppedOut.of(stopped, silence, names=True)
    assert english in stopped_words(visit, told, archive)
    assert chinese in stopped_words(visit_zh, told, archive)


def test_the_newest_turns_come_first_and_what_people_wrote_is_escaped(visit: Visit, archive: Archive) -> None:
    held = [turn(n, Stopped("silence", "silenced", "s-1")) for n in range(20)]
    turns = [*held, turn(60), turn(120, page=False)]
    history = [HistoryLine.of_turn(each, {"s-1": SILENCE}, names=True) for each in turns]
    shown = str(turns_card(visit, history, archive))
    assert shown.index("for the list of the morning") < shown.index("announced at once") < shown.index("held back")
    assert shown.count("<li>") == TURNS_SHOWN
    assert "<b>harvest" not in shown


def test_what_is_only_shown_has_no_card(visit: Visit, archive: Archive) -> None:
    assert turns_card(visit, (), archive) is None
