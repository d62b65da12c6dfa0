"""One message of each kind, as docs/notifications.md shows them: made-up alerts of one night."""

from __future__ import annotations

from alerts.watch import KIND, RULES
from metering.announcement import Turn
from metering.notification import SILENCE, Line, Notification
from metering.times import LocalCalendar, parse_iso
from notify.texts import Language, Writer

CALENDAR = LocalCalendar("Asia/Shanghai")
#: 03:20 in the utility's time.
NIGHT_S = parse_iso("2026-01-12T19:20:00Z")
DESK_URL = "https://desk.example.org"
_HOUR_S = 3600


def _alert(number: int, abnormality: str, place: str, minutes_ago: int, **more: object) -> Line:
    told: dict[str, object] = {"grade": "high", "turn": Turn.RAISED} | more
    return Line(f"a-{number:016x}", abnormality, place, at_s=NIGHT_S - 60 * minutes_ago, **told)  # type: ignore[arg-type]


LOST_NEUTRAL = _alert(0x5F0C2B1D9E7A4431, "neutral_lost", "TA-0012", 18)
OUTAGES = tuple(_alert(0xA1B2C3D4E5F60000 + i, "area_outage", f"TA-00{20 + i}", 12) for i in range(14))
_RULE = RULES["judging_stopped"]
#: The monitor itself is in trouble: nobody judges.
BLIND = Line(
    "a-0b5e1c77d20f9a36", KIND + _RULE.code, "meterwatch", "high", Turn.RAISED, NIGHT_S - 900, f"{_RULE.name_en} judge"
)
_TASK = Line("t-93d1e0ab77c45f02", "bypass", "TA-0007/SP-00123", "high", None, NIGHT_S, due_at_s=NIGHT_S + 34 * _HOUR_S)
_LESS = Line("t-1d5a2e9c80b7f346", "over_capacity", "TA-0012/SP-00410", "medium", None, NIGHT_S)
_OVER = _alert(0x5F0C2B1D9E7A4431, "neutral_lost", "TA-0012", 2, turn=Turn.CLEARED, since_s=LOST_NEUTRAL.at_s)
_SILENCE = Line("s-21b04c7e9d3f6a58", SILENCE, "TA-0031", "", None, NIGHT_S + 5 * _HOUR_S)

EXAMPLES: tuple[Notification, ...] = (
    Notification("phone", "page", "page", "neutral_lost@TA-0012", 1, NIGHT_S, (LOST_NEUTRAL,)),
    Notification("phone", "page", "page", "area_outage@F-03", 1, NIGHT_S, OUTAGES),
    Notification("phone", "page", "page", "watch:judging_stopped@meterwatch", 1, NIGHT_S, (BLIND,)),
    Notification(
        "phone",
        "update",
        "page",
        "neutral_lost@TA-0012",
        2,
        NIGHT_S,
        (_alert(0x77E10F4C2B6D9A08, "overvoltage", "TA-0012", 3, turn=Turn.FLAPPING), LOST_NEUTRAL),
    ),
    Notification("phone", "ended", "page", "neutral_lost@TA-0012", 3, NIGHT_S, (_OVER,)),
    Notification(
        "phone",
        "digest",
        "page",
        "digest",
        1,
        NIGHT_S,
        (BLIND, *OUTAGES[:3], _OVER),
        left_out=(("not_listed", 4),),
    ),
    Notification("chief", "escalation", "page", "neutral_lost@TA-0012", 4, NIGHT_S, (LOST_NEUTRAL,), note="phone"),
    Notification("phone", "handover", "none", "handover", 1, NIGHT_S, (LOST_NEUTRAL, BLIND)),
    Notification("crew", "morning", "morning", "crew north 2026-01-13", 1, NIGHT_S, (_TASK, _LESS), (("no_room", 9),)),
    Notification("crew", "notice", "none", "silence", 1, NIGHT_S, (_SILENCE,)),
    Notification("phone", "notice", "none", "test", 1, NIGHT_S, ()),
)


def rendered(language: Language) -> str:
    """Every example as it reaches a phone."""
    writer = Writer(CALENDAR, language, DESK_URL, most_lines=5)
    return "\n\n".join(str(writer.write(each)) for each in EXAMPLES)
