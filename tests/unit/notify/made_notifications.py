"""Notifications as a dispatcher would make them, for tests."""

from __future__ import annotations

from collections.abc import Sequence

from metering.announcement import Turn, Urgency
from metering.notification import Kind, Line, Notification
from metering.times import LocalCalendar, parse_iso
from notify.texts import Writer

#: 20:00 on the 12th in Shanghai.
START_S = parse_iso("2026-01-12T12:00:00Z")
CALENDAR = LocalCalendar("Asia/Shanghai")
WRITER = Writer(CALENDAR, "en", "https://desk.example.org")


def line(number: int, turn: Turn | None = Turn.RAISED, at_s: int = START_S, grade: str = "high") -> Line:
    return Line(f"a-{number:016x}", "neutral_lost", f"TA-{number:04}", grade, turn, at_s)


def notification(
    number: int,
    kind: Kind = "page",
    *,
    channel: str = "phone",
    urgency: Urgency = "page",
    serial: int = 1,
    made_at_s: int | None = None,
    lines: Sequence[Line] | None = None,
) -> Notification:
    """The group's name is its number; made a minute after the one before, with one line of the same number."""
    at_s = START_S + 60 * number if made_at_s is None else made_at_s
    turn = Turn.CLEARED if kind == "ended" else Turn.RAISED
    told = (line(number, turn, at_s),) if lines is None else tuple(lines)
    return Notification(channel, kind, urgency, f"group-{number}", serial, at_s, told)


def calm(number: int, channel: str = "phone") -> Notification:
    """One that wakes nobody."""
    return notification(number, "update", channel=channel, urgency="morning")
